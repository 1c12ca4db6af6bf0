"""How often servers are asked how a stream is."""

from __future__ import annotations

import asyncio

import pytest

from protobase_storage.errors import StorageClosed
from protobase_storage.nats.limits import STATE_SECONDS
from protobase_storage.nats.simulated import SimulatedStream
from protobase_storage.nats.simulated_servers import StreamServers
from protobase_storage.nats.storage import NatsStorage
from protobase_storage.nats.stream import StreamState
from protobase_storage.nats.watch import NOTHING_TOLD, Watch


class Asked(SimulatedStream):
    """Counts how often it is asked."""

    count = 0

    async def state(self, pattern: str) -> StreamState:
        self.count += 1
        await asyncio.sleep(0)
        return await super().state(pattern)


class World:
    """A stream that is watched."""

    def __init__(self) -> None:
        self.servers = StreamServers()
        self.stream = Asked(self.servers)
        self.now = 0.0
        self.watch = Watch(self.stream, "s.log.*", lambda: self.now)


async def test_many_who_want_to_know_ask_once() -> None:
    world = World()
    assert (world.watch.state, world.watch.told_seconds) == (NOTHING_TOLD, None)
    await world.stream.store("s.log.a", b"12")
    await world.stream.store("s.log.a", b"3")
    await world.stream.store("s.meta", b"")
    await asyncio.gather(*[world.watch.look() for _ in range(5)])
    state = world.watch.state
    assert (state.messages, state.last, state.subjects, state.bytes) == (3, 3, 1, 7 + 2 + 7 + 1 + 6)
    world.now = STATE_SECONDS - 0.01
    await world.watch.look()
    assert (world.stream.count, world.watch.told_seconds) == (1, world.now)
    world.now = STATE_SECONDS
    await world.watch.look()
    assert (world.stream.count, world.watch.told_seconds) == (2, 0.0)


async def test_what_does_not_answer_is_asked_no_more_often_and_what_was_told_stays() -> None:
    world = World()
    await world.stream.store("s.log.a", b"1")
    await world.watch.look()
    world.servers.has_leader = False
    world.now = 1.0
    for _ in range(3):
        await world.watch.look()
    assert world.stream.count == 2
    assert world.watch.problem is not None
    assert "lost the majority" in world.watch.problem
    assert (world.watch.state.messages, world.watch.told_seconds) == (1, 1.0)
    world.servers.has_leader, world.now = True, 2.0
    await world.watch.look()
    assert (world.watch.problem, world.watch.told_seconds) == (None, 0.0)


async def test_figures_are_there_while_nothing_answers() -> None:
    servers = StreamServers()
    stream = SimulatedStream(servers)
    storage = await NatsStorage.on(stream, "s", seconds=0.1)
    assert (await storage.state()).problem is None
    servers.has_leader = False
    stream.cut()
    storage._watch._asked = None
    stats, state = await storage.recent_stats(), await storage.state()
    assert stats.collections == 0
    assert (state.name, state.server, state.problem) == ("s", "", "no server can be reached")
    assert state.messages > 0
    await storage.close()


async def test_who_asks_while_it_is_closed_is_told_so() -> None:
    """And is not taken for one that was cancelled."""
    world = World()
    asked = [asyncio.create_task(world.watch.look()) for _ in range(2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    world.watch.close()
    for each in asked:
        with pytest.raises(StorageClosed):
            await each


async def test_who_is_cancelled_leaves_the_others_their_answer() -> None:
    world = World()
    asked = [asyncio.create_task(world.watch.look()) for _ in range(2)]
    await asyncio.sleep(0)
    asked[0].cancel()
    await asked[1]
    assert (asked[0].cancelled(), world.watch.told_seconds) == (True, 0.0)
