"""Snapshots that are put while others delete what they are of."""

from __future__ import annotations

import asyncio

import pytest

from protobase_storage.conformance.model import make_commit, make_snapshot
from protobase_storage.errors import StaleSnapshot, StorageError
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
