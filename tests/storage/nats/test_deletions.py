"""Deletions beside what is large: pieces are put before the message that names them, and a deletion drops
those that none names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest

from protobase_storage.cloud.simulated import Bucket, SimulatedObjects
from protobase_storage.conformance.model import make_commit, make_snapshot
from protobase_storage.errors import StaleSnapshot, StorageError
from protobase_storage.nats.simulated import SimulatedStream
from protobase_storage.nats.simulated_servers import StreamServers
from protobase_storage.nats.storage import NatsStorage
from protobase_storage.nats.stream import Draft

LARGE = bytes(300_000)
"""More than stands in a message itself."""


class Slow(SimulatedStream):
    """One before whose next message of the collection "a", or of another one, something else happens."""

    def __init__(self, servers: StreamServers) -> None:
        super().__init__(servers)
        self.before: dict[str, Callable[[], Awaitable[object]]] = {}

    async def publish(self, drafts: Sequence[Draft]) -> list[int]:
        happen = self.before.pop(drafts[0].subject, None)
        if happen is not None:
            await happen()
        return await super().publish(drafts)


@pytest.fixture
def stream(servers: StreamServers) -> Slow:
    """The one that the storage writes to."""
    return Slow(servers)


@pytest.fixture(params=[False, True])
def bucket(request: pytest.FixtureRequest) -> Bucket | None:
    """Where large snapshots are, if they are in one."""
    return Bucket() if request.param else None


async def opened(stream: SimulatedStream, bucket: Bucket | None = None) -> NatsStorage:
    return await NatsStorage.on(stream, "s", snapshots=SimulatedObjects(bucket) if bucket else None)


@pytest.fixture
async def storage(stream: Slow, bucket: Bucket | None) -> AsyncIterator[NatsStorage]:
    storage = await opened(stream, bucket)
    yield storage
    await storage.close()


@pytest.fixture
async def other(
    servers: StreamServers, storage: NatsStorage, bucket: Bucket | None
) -> AsyncIterator[NatsStorage]:
    """Another process."""
    storage = await opened(SimulatedStream(servers), bucket)
    yield storage
    await storage.close()


async def test_what_a_deletion_that_was_not_seen_has_dropped_is_put_again(
    stream: Slow, storage: NatsStorage, other: NatsStorage
) -> None:
    """Of a collection that was empty, and is again: no vector tells that it was deleted."""
    await storage.append([make_commit("a", 1)])
    await storage.delete("a")

    async def write_and_delete() -> None:
        await other.append([make_commit("a", 1, origin="other")])
        await other.delete("a")

    stream.before["s.log.a"] = write_and_delete
    commit = make_commit("a", 1, origin="new", update=LARGE)
    await storage.append([commit])
    assert (await other.load("a")).commits == (commit,)


async def test_what_was_left_of_another_deletion_tells_that_there_was_one(
    stream: Slow, storage: NatsStorage, other: NatsStorage
) -> None:
    await storage.append([make_commit("a", 1)])
    await storage.delete("a", b"of the first")

    async def write_and_delete() -> None:
        await other.append([make_commit("a", 1, origin="other")])
        await other.delete("a", b"of the second")

    stream.before["s.log.a"] = write_and_delete
    with pytest.raises(StorageError, match="deleted meanwhile"):
        await storage.append([make_commit("a", 1, origin="new")])


async def test_what_takes_the_place_of_what_is_erased_is_put_again_behind_a_deletion(
    stream: Slow, storage: NatsStorage, other: NatsStorage
) -> None:
    await storage.append([make_commit("a", 1)])
    stream.before["s.log.a"] = lambda: other.delete("a")
    snapshot = make_snapshot("a", {"new": 1}, update=LARGE)
    await storage.erase("a", b"", snapshot)
    assert (await other.load("a")).snapshot == snapshot


@pytest.mark.parametrize("size", [131_000, 131_050, 131_072, 131_073])
async def test_an_erasure_keeps_what_its_own_message_names(
    storage: NatsStorage, other: NatsStorage, size: int
) -> None:
    """A snapshot that is just not too long for a message makes one that is."""
    await storage.append([make_commit("a", 1)])
    snapshot = make_snapshot("a", {"new": 1}, update=bytes(size))
    await storage.erase("a", b"x" * 100, snapshot)
    assert (await other.load("a")).snapshot == snapshot


async def while_storing(
    stream: Slow, storage: NatsStorage, name: str, *calls: Callable[[], Awaitable[object]]
) -> None:
    """Call these in order while the next message of a collection is being stored."""
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        reached.set()
        await go_on.wait()

    stream.before[f"s.log.{name}"] = hold
    called: list[asyncio.Future[object]] = []
    for number, call in enumerate(calls):
        called.append(asyncio.ensure_future(call()))
        if number == 0:
            await reached.wait()
        while len(storage._writer._queue) < number:  # noqa: ASYNC110 - nobody says so
            await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(*called)


async def in_one_round(stream: Slow, storage: NatsStorage, *calls: Callable[[], Awaitable[object]]) -> None:
    """Call these in order while something else is stored."""
    await while_storing(stream, storage, "b", lambda: storage.append([make_commit("b", 1)]), *calls)


async def test_what_takes_the_place_of_what_is_erased_is_put_again_behind_an_own_deletion(
    stream: Slow, storage: NatsStorage, other: NatsStorage
) -> None:
    await storage.append([make_commit("a", 1)])
    snapshot = make_snapshot("a", {"new": 1}, update=LARGE)
    calls = [lambda: storage.delete("a"), lambda: storage.erase("a", b"", snapshot)]
    await while_storing(stream, storage, "a", *calls)
    assert (await other.load("a")).snapshot == snapshot


@pytest.mark.parametrize("update", [LARGE, b"the secret"])
async def test_what_is_deleted_in_the_round_in_which_it_is_stored_leaves_nothing(
    servers: StreamServers, stream: Slow, storage: NatsStorage, other: NatsStorage, update: bytes
) -> None:
    await storage.append([make_commit("a", 1)])
    commit = make_commit("a", 2, update=update)
    await in_one_round(stream, storage, lambda: storage.append([commit]), lambda: storage.erase("a"))
    loaded = await other.load("a")
    assert (loaded.snapshot, loaded.commits) == (None, ())
    stored = [each.message.data for subject in servers._subjects.values() for each in subject.values()]
    assert not [each for each in stored if update in each]


async def test_what_is_large_is_stored_behind_a_deletion_of_the_same_round(
    stream: Slow, storage: NatsStorage, other: NatsStorage
) -> None:
    await storage.append([make_commit("a", 1)])
    commit = make_commit("a", 1, origin="new", update=LARGE)
    await in_one_round(stream, storage, lambda: storage.delete("a"), lambda: storage.append([commit]))
    assert (await other.load("a")).commits == (commit,)


async def test_a_snapshot_is_put_behind_a_deletion_that_was_called_before(
    stream: Slow, storage: NatsStorage, other: NatsStorage
) -> None:
    await storage.append([make_commit("a", 1)])
    snapshot = make_snapshot("a", {"new": 1}, update=LARGE)
    await in_one_round(stream, storage, lambda: storage.delete("a"), lambda: storage.compact(snapshot))
    assert (await other.load("a")).snapshot == snapshot


async def test_a_snapshot_is_stale_that_a_deletion_has_dropped_which_no_vector_tells(
    stream: Slow, storage: NatsStorage, other: NatsStorage
) -> None:
    """What others have deleted is there again, as far as it was."""
    await storage.append([make_commit("a", 1)])

    async def delete_and_restore() -> None:
        await other.delete("a")
        await other.append([make_commit("a", 1)])
        await other.compact(make_snapshot("a", {"node-a": 1}))

    stream.before["s.log.a"] = delete_and_restore
    with pytest.raises(StaleSnapshot):
        await storage.compact(make_snapshot("a", {"node-a": 1}, update=LARGE))
    assert (await other.load("a")).snapshot == make_snapshot("a", {"node-a": 1})
