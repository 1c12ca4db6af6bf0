"""What is stored though no answer came, and folded before that is known."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest

from protobase_storage.conformance.model import make_commit, make_snapshot
from protobase_storage.errors import StorageSilent
from protobase_storage.nats.simulated import SimulatedStream
from protobase_storage.nats.simulated_servers import StreamServers
from protobase_storage.nats.storage import NatsStorage
from protobase_storage.nats.stream import Draft, Unanswered


class Losing(SimulatedStream):
    """One that loses the answer to what it stores next, behind which something else happens."""

    def __init__(self, servers: StreamServers) -> None:
        super().__init__(servers)
        self.behind: Callable[[], Awaitable[object]] | None = None

    async def publish(self, drafts: Sequence[Draft]) -> list[int]:
        numbers = await super().publish(drafts)
        if self.behind is None:
            return numbers
        happen, self.behind = self.behind, None
        await happen()
        raise Unanswered("no answer comes")


@pytest.fixture
def servers() -> StreamServers:
    return StreamServers()


@pytest.fixture
def stream(servers: StreamServers) -> Losing:
    """The one that the storage writes to."""
    return Losing(servers)


@pytest.fixture
async def storage(stream: Losing) -> AsyncIterator[NatsStorage]:
    storage = await NatsStorage.on(stream, "s")
    yield storage
    await storage.close()


@pytest.fixture
async def other(servers: StreamServers) -> AsyncIterator[NatsStorage]:
    """Another process."""
    storage = await NatsStorage.on(SimulatedStream(servers), "s")
    yield storage
    await storage.close()


@pytest.mark.parametrize("is_followed", [False, True])
async def test_what_was_folded_since_was_stored(
    stream: Losing, storage: NatsStorage, other: NatsStorage, is_followed: bool
) -> None:
    await storage.append([make_commit("a", 1)])
    if is_followed:
        storage.follow("a", {"node-a": 1})
    stream.behind = lambda: other.compact(make_snapshot("a", {"node-a": 2}))
    await storage.append([make_commit("a", 2)])
    await storage.append([make_commit("a", 3)])
    assert (await other.load("a")).vector == {"node-a": 3}


async def test_of_several_collections_all_were(
    stream: Losing, storage: NatsStorage, other: NatsStorage
) -> None:
    async def fold() -> None:
        await other.compact(make_snapshot("a", {"node-a": 1}))
        await other.compact(make_snapshot("b", {"node-a": 1}))

    stream.behind = fold
    await storage.append([make_commit("a", 1), make_commit("b", 1)])
    assert (await other.load("b")).vector == {"node-a": 1}


async def test_of_what_was_deleted_since_nobody_says_that_it_was_not_stored(
    stream: Losing, storage: NatsStorage, other: NatsStorage
) -> None:
    await storage.append([make_commit("a", 1)])
    stream.behind = lambda: other.delete("a")
    with pytest.raises(StorageSilent):
        await storage.append([make_commit("a", 2)])


async def test_a_history_that_is_over_says_nothing_of_the_next(
    stream: Losing, storage: NatsStorage, other: NatsStorage
) -> None:
    """What is deleted has commits with the same numbers."""
    await storage.append([make_commit("a", 1)])
    stream.behind = lambda: other.append([make_commit("a", 1, origin="node-b")])

    async def append() -> None:
        await storage.append([make_commit("a", 1)])

    await asyncio.gather(storage.delete("a"), append())
    assert (await other.load("a")).vector == {"node-a": 1, "node-b": 1}
