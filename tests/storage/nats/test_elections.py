"""The stream's leader dies, and another one is elected: how soon who waits goes on, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import detangle
import pytest

from protobase_storage.conformance.model import make_commit
from protobase_storage.errors import StorageSilent, StorageUnreachable
from protobase_storage.nats.limits import PATIENCE_SECONDS
from protobase_storage.nats.simulated import SimulatedStream
from protobase_storage.nats.simulated_servers import StreamServers
from protobase_storage.nats.storage import NatsStorage

ELECTION_SECONDS = 7.4
"""As long as it may take servers; no multiple of a pause or of a limit."""
SOON = 0.2
"""So much later what waited is done."""
ON_ITS_WAY = 0.005
"""How long a request takes, and its answer."""

Ask = Callable[[NatsStorage], Awaitable[object]]


def append(number: int) -> Ask:
    """Store a commit of the collection that is there."""
    return lambda storage: storage.append([make_commit("a", number)])


def jointly(storage: NatsStorage) -> Awaitable[object]:
    """Store commits of two at once."""
    return storage.append([make_commit("a", 2), make_commit("b", 1)])


def load(storage: NatsStorage) -> Awaitable[object]:
    """Read it."""
    return storage.load("a")


async def opened() -> tuple[StreamServers, NatsStorage]:
    """With one commit."""
    servers = StreamServers()
    stream = SimulatedStream(servers)
    storage = await NatsStorage.on(stream, "s")
    await storage.append([make_commit("a", 1)])
    stream.faults.delay = ON_ITS_WAY, ON_ITS_WAY
    return servers, storage


@pytest.mark.parametrize("ask", [append(2), jointly, load], ids=["a commit", "a transaction", "a read"])
@pytest.mark.parametrize("asked", [-1.5 * ON_ITS_WAY, -0.5 * ON_ITS_WAY, 0.0, 1.0])
def test_who_waits_for_a_leader_goes_on_as_soon_as_there_is_one(ask: Ask, asked: float) -> None:
    """Whether it was asked, by so many seconds, before the leader died or after that."""

    async def main() -> None:
        servers, storage = await opened()
        loop = asyncio.get_running_loop()
        killed = loop.time() + 1
        loop.call_at(killed, servers.kill_leader)
        loop.call_at(killed + ELECTION_SECONDS, servers.elect)
        await asyncio.sleep(1 + asked)
        await ask(storage)
        assert killed + ELECTION_SECONDS < loop.time() < killed + ELECTION_SECONDS + SOON
        loaded = await storage.load("a")
        assert [each.sequence for each in loaded.commits] == [1] if ask is load else [1, 2]
        await storage.close()

    detangle.run(main)


@pytest.mark.parametrize("asked", [-1.5 * ON_ITS_WAY, 0.0])
def test_who_waits_in_vain_waits_no_longer_than_is_said(asked: float) -> None:
    async def main() -> None:
        servers, storage = await opened()
        loop = asyncio.get_running_loop()
        loop.call_later(1.0, servers.kill_leader)
        await asyncio.sleep(1 + asked)
        begun = loop.time()
        with pytest.raises((StorageSilent, StorageUnreachable)):
            await storage.append([make_commit("a", 2)])
        assert PATIENCE_SECONDS <= loop.time() - begun < PATIENCE_SECONDS + SOON
        servers.elect()
        await storage.close()

    detangle.run(main)


def test_who_was_cut_off_goes_on_as_soon_as_it_is_connected_again() -> None:
    async def main() -> None:
        servers = StreamServers()
        stream = SimulatedStream(servers)
        storage = await NatsStorage.on(stream, "s")
        loop = asyncio.get_running_loop()
        stream.cut()
        mended = loop.time() + ELECTION_SECONDS
        loop.call_at(mended, stream.mend)
        await storage.append([make_commit("a", 1)])
        assert mended <= loop.time() < mended + SOON
        await storage.close()

    detangle.run(main)
