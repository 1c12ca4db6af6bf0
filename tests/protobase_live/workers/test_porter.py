"""Who gets which connection, on virtual time."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterator

import pytest

from protobase_actors import ManualClock
from protobase_live.workers.homes import home_of
from protobase_live.workers.limits import WorkerLimits
from protobase_live.workers.porter import RETRY_SECONDS, Porter


class Worker:
    """Takes connections while it is up."""

    def __init__(self) -> None:
        self.up = self.answers = True
        self.room = True
        self.heads: list[bytes] = []

    def take(self, client: socket.socket) -> bool:
        if not self.room:
            return False
        taken = socket.socket(fileno=client.detach())
        with taken:
            taken.setblocking(False)
            self.heads.append(taken.recv(100) if _readable(taken) else b"")
        return True


def _readable(taken: socket.socket) -> bool:
    try:
        return bool(taken.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False


class Place:
    """Two workers and a porter."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.workers = [Worker(), Worker()]
        limits = WorkerLimits(waiting_sockets=2, peek_seconds=1, away_seconds=5)
        self.porter = Porter(self.workers, self.clock, limits)
        self.clients: list[socket.socket] = []

    async def connect(self, said: bytes) -> socket.socket:
        client, theirs = socket.socketpair()
        client.sendall(said)
        self.porter.admit(theirs)
        self.clients.append(client)
        for _ in range(3):  # the selector is asked once in each
            await asyncio.sleep(0)
        await self.clock.settle()
        return client


@pytest.fixture
def place() -> Iterator[Place]:
    place = Place()
    yield place
    for client in place.clients:
        client.close()


def request(worker: int) -> bytes:
    name = next(name for name in map(str, range(100)) if home_of(name.encode(), range(2)) == worker)
    return f"GET /yjs/{name} HTTP/1.1\r\n\r\n".encode()


@pytest.mark.parametrize("home", [0, 1])
async def test_collections_go_home_with_everything_that_was_said(place: Place, home: int) -> None:
    for _ in range(3):
        await place.connect(request(home))
    assert place.workers[home].heads == [request(home)] * 3
    assert place.workers[1 - home].heads == []


async def test_all_others_take_turns(place: Place) -> None:
    for _ in range(4):
        await place.connect(b"GET /live HTTP/1.1\r\n\r\n")
    assert [len(each.heads) for each in place.workers] == [2, 2]


async def test_what_any_worker_can_do_is_not_given_to_one_that_hangs(place: Place) -> None:
    place.workers[0].answers = False
    for _ in range(3):
        await place.connect(b"GET /healthz HTTP/1.1\r\n\r\n")
    await place.connect(request(0))
    assert [len(each.heads) for each in place.workers] == [1, 3], "its collections are still at home there"
    place.workers[1].answers = False
    for _ in range(2):
        await place.connect(b"GET /healthz HTTP/1.1\r\n\r\n")
    assert [len(each.heads) for each in place.workers] == [2, 4], "all may be busy"


async def test_who_says_nothing_is_somebodys_after_a_while(place: Place) -> None:
    await place.connect(b"")
    assert place.porter.waiting == 1
    await place.clock.advance(1)
    assert sum(each.heads == [b""] for each in place.workers) == 1
    assert place.porter.waiting == 0


async def test_a_worker_that_is_away_is_waited_for_and_not_for_ever(place: Place) -> None:
    place.workers[0].up = False
    await place.connect(request(0))
    await place.connect(request(1))
    assert [len(each.heads) for each in place.workers] == [0, 1], "nobody else waits"
    await place.clock.advance(2)
    place.workers[0].up = True
    await place.clock.advance(RETRY_SECONDS)
    assert [len(each.heads) for each in place.workers] == [1, 1]
    place.workers[0].room = False
    await place.connect(request(0))
    for _ in range(110):
        await place.clock.advance(RETRY_SECONDS)
    assert [len(each.heads) for each in place.workers] == [1, 2], "another one has it"


async def test_that_nothing_can_be_accepted_is_told_once_a_minute(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    closed = socket.create_server(("127.0.0.1", 0))
    closed.setblocking(False)
    closed.close()
    with caplog.at_level(logging.ERROR):
        accepting = asyncio.create_task(place.porter.accept_from(closed))
        await place.clock.advance(59)
        assert len(caplog.messages) == 1
        await place.clock.advance(59)
        assert len(caplog.messages) == 2
    assert not accepting.done()
    accepting.cancel()


async def test_with_too_many_that_wait_the_oldest_is_closed(place: Place) -> None:
    place.workers[0].up = False
    clients = [await place.connect(request(0)) for _ in range(3)]
    assert place.porter.waiting == 2
    for client in clients:
        client.setblocking(False)
    with pytest.raises(ConnectionResetError):
        clients[0].recv(1)
    with pytest.raises(BlockingIOError):
        clients[1].recv(1)
    place.porter.close()
