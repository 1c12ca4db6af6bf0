"""What was put long before a message names it: others may take it by then for what a process left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

import pytest

from protobase_storage.conformance.model import make_commit, make_snapshot
from protobase_storage.errors import StaleSnapshot
from protobase_storage.nats.patient import seconds_of
from protobase_storage.nats.pieces import UNNAMED_SECONDS
from protobase_storage.nats.simulated import SimulatedStream
from protobase_storage.nats.simulated_servers import StreamServers
from protobase_storage.nats.storage import NatsStorage
from protobase_storage.nats.stream import Draft

LARGE = bytes(300_000)
"""More than stands in a message itself."""


class Sleeping(SimulatedStream):
    """One of a process that sleeps before its next message of the collection "a" is stored."""

    def __init__(self, servers: StreamServers) -> None:
        super().__init__(servers)
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    async def publish(self, drafts: Sequence[Draft]) -> list[int]:
        if self.meanwhile is not None and drafts[0].subject == "s.log.a":
            happen, self.meanwhile = self.meanwhile, None
            self._servers.ahead += UNNAMED_SECONDS + 1
            await happen()
        return await super().publish(drafts)


@pytest.fixture
def stream(servers: StreamServers) -> Sleeping:
    """The one that the storage writes to."""
    return Sleeping(servers)


@pytest.fixture
async def storage(stream: Sleeping) -> AsyncIterator[NatsStorage]:
    storage = await NatsStorage.on(stream, "s")
    await storage.append([make_commit("a", 1)])
    yield storage
    await storage.close()


@pytest.fixture
async def other(servers: StreamServers, storage: NatsStorage) -> AsyncIterator[NatsStorage]:
    """Another process."""
    storage = await NatsStorage.on(SimulatedStream(servers), "s")
    yield storage
    await storage.close()


async def test_how_old_something_is_goes_by_the_servers_clock(
    servers: StreamServers, storage: NatsStorage
) -> None:
    servers.ahead = 1_000_000_000.0
    await storage.append([make_commit("a", 2, update=LARGE)])
    [subject] = servers.subjects("s.piece.a.*")
    assert abs(int(subject.rpartition(".")[2][:10], 16) - seconds_of(servers.moment())) < 60


async def test_what_others_may_have_dropped_is_put_again(
    stream: Sleeping, storage: NatsStorage, other: NatsStorage
) -> None:
    commit = make_commit("a", 2, update=LARGE)
    stream.meanwhile = lambda: other.compact(make_snapshot("a", {"node-a": 1}))
    await storage.append([commit])
    assert (await other.load("a")).commits == (commit,)


async def test_so_is_what_takes_the_place_of_what_is_erased(
    stream: Sleeping, storage: NatsStorage, other: NatsStorage
) -> None:
    snapshot = make_snapshot("a", {"new": 1}, update=LARGE)
    stream.meanwhile = lambda: other.compact(make_snapshot("a", {"node-a": 1}))
    await storage.erase("a", b"", snapshot)
    assert (await other.load("a")).snapshot == snapshot


async def test_a_snapshot_that_others_may_have_dropped_is_stale(
    stream: Sleeping, storage: NatsStorage, other: NatsStorage
) -> None:
    theirs = make_snapshot("a", {"node-a": 1}, update=LARGE)
    stream.meanwhile = lambda: other.compact(theirs)
    with pytest.raises(StaleSnapshot):
        await storage.compact(make_snapshot("a", {"node-a": 1}, update=LARGE[1:]))
    assert (await other.load("a")).snapshot == theirs


class Dozing(SimulatedStream):
    """One of a process that sleeps before what it puts is stored, or before it looks at what there is."""

    def __init__(self, servers: StreamServers) -> None:
        super().__init__(servers)
        self.behind_pieces: Callable[[], Awaitable[object]] | None = None
        self.before_looking: Callable[[], Awaitable[object]] | None = None

    async def store(self, subject: str, data: bytes) -> int:
        number = await super().store(subject, data)
        if self.behind_pieces is not None and ".piece." in subject:
            happen, self.behind_pieces = self.behind_pieces, None
            self._servers.ahead += UNNAMED_SECONDS + 1
            await happen()
        return number

    async def subjects(self, pattern: str) -> Mapping[str, int]:
        if self.before_looking is not None:
            happen, self.before_looking = self.before_looking, None
            await happen()
            self._servers.ahead += UNNAMED_SECONDS + 1
        return await super().subjects(pattern)


async def test_an_old_snapshot_is_not_named_at_the_first_attempt_either(
    servers: StreamServers,
) -> None:
    stream = Dozing(servers)
    storage = await NatsStorage.on(stream, "s")
    other = await NatsStorage.on(SimulatedStream(servers), "s")
    await storage.append([make_commit("a", 1)])

    async def fold() -> None:
        await other.compact(make_snapshot("a", {"node-a": 1}))
        await storage.append([make_commit("a", 2)])

    stream.behind_pieces = fold
    with pytest.raises(StaleSnapshot):
        await storage.compact(make_snapshot("a", {"node-a": 1}, update=LARGE))
    assert (await other.load("a")).vector == {"node-a": 2}
    await storage.close()
    await other.close()


async def test_what_others_have_named_meanwhile_is_not_swept(servers: StreamServers) -> None:
    stream = Dozing(servers)
    storage = await NatsStorage.on(stream, "s")
    other = await NatsStorage.on(SimulatedStream(servers), "s")
    await storage.append([make_commit("a", 1)])
    large = make_commit("a", 2, update=LARGE)
    stream.before_looking = lambda: asyncio.wait_for(other.append([large]), 5.0)
    await storage.compact(make_snapshot("a", {"node-a": 1}))
    assert (await other.load("a")).commits == (large,)
    await storage.close()
    await other.close()
