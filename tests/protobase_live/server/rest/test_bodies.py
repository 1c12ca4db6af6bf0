"""The bodies of all requests together."""

from __future__ import annotations

import asyncio

import pytest

from protobase_live.errors import Closed, Overloaded
from protobase_live.server.counters import Counters
from protobase_live.server.limits import ServerLimits
from protobase_live.server.rest.answers import Refusal
from protobase_live.server.rest.bodies import Bodies


class Sender:
    """A client that sends its body piece by piece."""

    def __init__(self, bodies: Bodies, address: str, most: int = 1_000) -> None:
        self._pieces: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        self.read = asyncio.ensure_future(bodies.read(self._pieces.get, address, most))

    async def send(self, size: int, *, more: bool = True) -> None:
        self._pieces.put_nowait({"type": "http.request", "body": b"x" * size, "more_body": more})
        await _turns()

    async def leave(self) -> None:
        self._pieces.put_nowait({"type": "http.disconnect"})
        await _turns()


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
def counters() -> Counters:
    return Counters()


@pytest.fixture
def bodies(counters: Counters) -> Bodies:
    return Bodies(ServerLimits(all_body_bytes=100), counters)


async def test_of_too_much_the_oldest_of_the_heaviest_address_gives_way(bodies: Bodies, counters: Counters):
    innocent, slow, slower = Sender(bodies, "a"), Sender(bodies, "b"), Sender(bodies, "b")
    await innocent.send(20)
    await slow.send(40)
    await slower.send(30)
    assert bodies.bytes == 90
    await innocent.send(20, more=False)
    with pytest.raises(Overloaded, match="all_body_bytes"):
        await slow.read
    assert await innocent.read == b"x" * 40
    await slower.send(0, more=False)
    assert await slower.read == b"x" * 30
    assert (bodies.bytes, counters.limits["all_body_bytes"]) == (0, 1)


async def test_what_ends_otherwise_counts_no_more(bodies: Bodies):
    gone, long = Sender(bodies, "a"), Sender(bodies, "b", most=10)
    await gone.send(20)
    await gone.leave()
    await long.send(20)
    with pytest.raises(Closed):
        await gone.read
    with pytest.raises(Refusal, match="http_body_bytes"):
        await long.read
    assert bodies.bytes == 0
