"""Connections that go from one process to another."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Iterator

import pytest

from protobase_live.workers.passing import PassedSockets, hand_over, take_back

ADDRESS = ("127.0.0.1", 8765)


@pytest.fixture
def channel() -> Iterator[tuple[socket.socket, PassedSockets]]:
    ours, theirs = socket.socketpair()
    passed = PassedSockets(theirs.detach(), ADDRESS)
    for each in (ours, passed):
        each.setblocking(False)
    yield ours, passed
    for each in (ours, passed):
        each.close()


def connected(listener: socket.socket) -> tuple[socket.socket, socket.socket]:
    client = socket.create_connection(listener.getsockname())
    return client, listener.accept()[0]


def test_a_connection_is_accepted_elsewhere_with_what_was_said(
    channel: tuple[socket.socket, PassedSockets],
) -> None:
    ours, passed = channel
    with pytest.raises(BlockingIOError):
        passed.accept()
    assert passed.getsockname() == ADDRESS
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client, accepted = connected(listener)
        client.sendall(b"hello")
        assert hand_over(ours, accepted)
        assert accepted.fileno() == -1, "it is nobody's here"
        found, address = passed.accept()
        assert (found.recv(10), address) == (b"hello", client.getsockname())
        for each in (client, found):
            each.close()


def test_who_does_not_accept_has_no_room_for_ever_and_all_can_be_taken_back(
    channel: tuple[socket.socket, PassedSockets],
) -> None:
    ours, passed = channel
    handed = 0
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client, accepted = connected(listener)
        while hand_over(ours, last := accepted.dup()):
            handed += 1
            assert handed < 10_000
        last.close()
        back = list(take_back(passed))
        assert len(back) == handed
        for each in (client, accepted, *back):
            each.close()


def test_a_client_that_has_gone_is_not_accepted(channel: tuple[socket.socket, PassedSockets]) -> None:
    ours, passed = channel
    ours.sendall(b"\x01")  # a connection that had no room among the descriptors
    with pytest.raises(ConnectionAbortedError):
        passed.accept()


def test_a_connection_waits_where_there_is_no_descriptor_for_it(
    channel: tuple[socket.socket, PassedSockets],
) -> None:
    ours, passed = channel
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client, accepted = connected(listener)
        with client:
            hand_over(ours, accepted)
            limits = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free(), limits[1]))
            try:
                with pytest.raises(OSError, match="Too many open files"):
                    passed.accept()
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            found, address = passed.accept()
            assert address == client.getsockname()
            found.close()


def lowest_free() -> int:
    """The descriptor that would be opened next."""
    number = os.dup(0)
    os.close(number)
    return number
