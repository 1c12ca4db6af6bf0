"""What waits behind each other in one process: snapshots that are put, and what is lost."""

from __future__ import annotations

import asyncio

import pytest

from protobase_storage.conformance.model import make_commit, make_snapshot
from protobase_storage.errors import (
    CollectionCorrupt,
    StaleSnapshot,
    StorageClosed,
    StorageError,
    StorageFenced,
    StorageUnreachable,
)
from protobase_storage.nats.simulated import SimulatedStream
from protobase_storage.nats.simulated_servers import StreamServers
from protobase_storage.nats.storage import NatsStorage


class Holding(SimulatedStream):
    """One that stores no piece before it is told to go on."""

    def __init__(self, servers: StreamServers) -> None:
        super().__init__(servers)
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    async def store(self, subject: str, data: bytes) -> int:
        if ".piece." in subject:
            self.reached.set()
            await self.go_on.wait()
        return await super().store(subject, data)


async def test_a_snapshot_does_not_bring_back_what_was_deleted_while_it_was_put() -> None:
    servers = StreamServers()
    stream = Holding(servers)
    one = await NatsStorage.on(stream, "s")
    other = await NatsStorage.on(SimulatedStream(servers), "s")
    await one.append([make_commit("a", 1)])
    compaction = asyncio.create_task(one.compact(make_snapshot("a", {"node-a": 1}, update=bytes(300_000))))
    await stream.reached.wait()
    await other.delete("a")
    with pytest.raises(StorageError, match="deleted meanwhile"):  # it knows of the deletion now
        await one.append([make_commit("a", 2)])
    await one.append([make_commit("a", 1, origin="new")])
    stream.go_on.set()
    with pytest.raises(StaleSnapshot):
        await compaction
    loaded = await other.load("a")
    assert (loaded.snapshot, loaded.vector) == (None, {"new": 1})
    assert list(await other._stream.subjects("s.piece.a.*")) == []
    await one.close()
    await other.close()


async def test_a_deletion_while_the_stream_is_away_fails_alone() -> None:
    stream = SimulatedStream(StreamServers())
    storage = await NatsStorage.on(stream, "s", seconds=0.0)
    stream.cut()
    with pytest.raises(StorageUnreachable):
        await storage.delete("a")
    stream.mend()
    await storage.append([make_commit("b", 1)])
    await storage.close()


async def test_nothing_is_stored_behind_what_was_lost_while_its_collection_was_looked_up() -> None:
    """Whoever called it had not heard of that."""
    stream = SimulatedStream(StreamServers())
    storage = await NatsStorage.on(stream, "s", seconds=0.1)
    stream.cut()
    first = storage.append([make_commit("a", 1), make_commit("b", 1)])
    await asyncio.sleep(0)
    behind = [storage.append([make_commit(name, 2)]) for name in "ab"]
    first.add_done_callback(lambda _: stream.mend())
    for each in (first, *behind):
        with pytest.raises(StorageUnreachable):
            await each
    await storage.append([make_commit("a", 1)])
    assert (await storage.load("a")).vector == {"node-a": 1}
    await storage.close()


async def test_nothing_is_stored_behind_what_was_lost_in_the_same_round() -> None:
    """One of its collections could be looked up, and is what the other one changes."""
    stream = SimulatedStream(StreamServers())
    storage = await NatsStorage.on(stream, "s")
    await stream.store("s.log.bad", b"garbage")
    lost = storage.append([make_commit("bad", 1), make_commit("a", 1)])
    behind = storage.append([make_commit("a", 2)])
    for each in (lost, behind):
        with pytest.raises(CollectionCorrupt):
            await each
    await storage.delete("bad")
    await storage.append([make_commit("bad", 1)])
    await storage.close()


async def test_what_was_cancelled_and_is_lost_waits_no_more() -> None:
    stream = SimulatedStream(StreamServers())
    storage = await NatsStorage.on(stream, "s", seconds=0.1)
    await storage.append([make_commit("a", 1)])
    stream.cut()
    first = storage.append([make_commit("a", 2)])
    await asyncio.sleep(0)
    storage.append([make_commit("a", 3)]).cancel()
    with pytest.raises(StorageUnreachable):
        await first
    assert storage._writer.backlog == 0
    await storage.close()


async def test_what_was_called_before_a_loss_was_heard_of_is_lost_too() -> None:
    """In the same turn of the event loop as the loss. Who has heard of it begins again."""
    stream = SimulatedStream(StreamServers())
    storage = await NatsStorage.on(stream, "s", seconds=0.0)
    await storage.append([make_commit("a", 1)])
    stream.cut()
    first = storage.append([make_commit("a", 2)])
    while not first.done():  # noqa: ASYNC110 - it is looked at sooner than a callback is called
        await asyncio.sleep(0)
    stream.mend()
    behind = storage.append([make_commit("a", 3)])
    for each in (first, behind):
        with pytest.raises(StorageUnreachable):
            await each
    await asyncio.sleep(0)
    await storage.append([make_commit("a", 2)])
    assert (await storage.load("a")).vector == {"node-a": 2}
    await storage.close()


async def test_an_erasure_beside_the_end_of_the_storage_ends() -> None:
    stream = SimulatedStream(StreamServers())
    storage = await NatsStorage.on(stream, "s")
    await storage.append([make_commit("a", 1)])
    stream.faults.delay = (0.001, 0.001)
    erasing = asyncio.create_task(storage.erase("a"))
    await asyncio.sleep(0)
    await storage.close()
    with pytest.raises(StorageClosed):
        await asyncio.wait_for(erasing, 10)


async def test_what_ended_the_writer_is_told_by_a_new_error_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that is raised again and again keeps all that its callers had in hand."""
    storage = await NatsStorage.on(SimulatedStream(StreamServers()), "s")
    monkeypatch.setattr(storage._upkeep, "find", None)
    told: list[BaseException] = []
    for _ in range(3):
        with pytest.raises(StorageError, match="writer failed") as caught:
            await storage.append([make_commit("a", 1)])
        told.append(caught.value)
    assert len(set(map(id, told))) == 3
    storage._seat.lost = "another process writes"
    for _ in range(2):
        with pytest.raises(StorageFenced, match="another process writes") as fenced:
            await storage.append([make_commit("a", 1)])
        told.append(fenced.value)
    assert told[-1] is not told[-2]
    await storage.close()
