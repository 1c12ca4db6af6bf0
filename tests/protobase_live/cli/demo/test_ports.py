"""Ports that are kept."""

import asyncio
import socket

import pytest

from protobase_live.cli.demo import ports
from protobase_live.cli.demo.ports import KEEPS, TRIED, ReservedPorts
from protobase_live.errors import Unavailable

HOST = "127.0.0.1"
kept = pytest.mark.skipif(not KEEPS, reason="this system does not keep ports")


@kept
async def test_nobody_else_is_given_one_and_its_server_can_come_and_go():
    with ReservedPorts(0, 1) as reserved:
        [port] = reserved.numbers
        for _ in range(2):
            with socket.socket() as other, pytest.raises(OSError, match="in use"):
                other.bind((HOST, port))
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(HOST, port)
            async with await asyncio.start_server(lambda *_: None, HOST, port):
                (await asyncio.open_connection(HOST, port))[1].close()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((HOST, port))
        other.listen()


def test_where_nothing_is_kept_they_are_free(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ports, "KEEPS", False)
    with ReservedPorts(0, 2) as reserved:
        for port in reserved.numbers:
            with socket.create_server((HOST, port), reuse_port=False):
                pass
    assert len(set(reserved.numbers)) == 2


def test_ports_that_are_taken_are_left_out():
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with ReservedPorts(port, 4) as reserved:
            assert port not in reserved.numbers


def test_too_few_ports_are_told_of():
    with pytest.raises(Unavailable, match="no 41 ports are free from 20000 on"):
        ReservedPorts(20_000, TRIED + 1)


def test_there_are_none_behind_the_last() -> None:
    with pytest.raises(Unavailable, match="no 4 ports are free from 65534 on"):
        ReservedPorts(65_534, 4)
