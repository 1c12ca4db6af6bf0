"""A client of two nodes that loses one: it goes on at the other, and finds there what it knows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from random import Random
from typing import Any

import pytest

import protobase_live as pb
from protobase_actors import ManualClock
from protobase_live.client.transport import Transport
from protobase_live.database.database import Database
from protobase_live.server.live_door import LiveDoor
from protobase_storage import MemoryStorage
from tests.protobase_live.live_wire import End, pipe

AHEAD = pb.Limits().ahead_seconds
QUERY = pb.Query("tasks").order_by("_key")


class Host:
    """One node and its live door."""

    def __init__(self, name: str, clock: ManualClock) -> None:
        self.name = name
        self.clock = clock
        self.is_up = True
        self.ends: list[End] = []
        self.serving: list[asyncio.Future[None]] = []
        self.begin()

    def begin(self) -> None:
        """Begin with nothing."""
        self.storage = MemoryStorage(make_identity=lambda: self.name)
        self.db = Database(self.storage, clock=self.clock, random=Random(self.name))
        self.door = LiveDoor(self.db, clock=self.clock)

    async def kill(self) -> None:
        """Nothing is answered any more, and all connections are broken."""
        self.is_up = False
        await self.cut()

    async def cut(self) -> None:
        """Break all connections."""
        for end in self.ends:
            await end.close(1006, "cut")
        await self.clock.settle()

    async def send(self, other: Host, *collections: str) -> None:
        """Tell another node all commits of these collections."""
        told = {name: list((await self.storage.load(name)).commits) for name in collections or ("tasks",)}
        await other.db.replicate(told)
        await self.clock.settle()


class Pair:
    """Two nodes of the same database, and a client."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.hosts = {name: Host(name, self.clock) for name in ("a", "b")}
        self.dialled: list[Host] = []

    async def dial(self, url: str) -> Transport:
        host = self.hosts[url[5]]
        if not host.is_up:
            raise ConnectionRefusedError
        self.dialled.append(host)
        end, served = pipe()
        host.ends.append(end)
        host.serving.append(asyncio.ensure_future(host.door.serve(served)))
        return end

    def connect(self, **limits: Any):
        told = pb.ClientLimits(**limits)
        urls = ["ws://a/live", "ws://b/live"]
        return pb.connect(urls, clock=self.clock, random=Random(1), dial=self.dial, limits=told)

    @property
    def here(self) -> Host:
        """Where the client is."""
        return self.dialled[-1]

    @property
    def elsewhere(self) -> Host:
        """The other node."""
        (other,) = (host for host in self.hosts.values() if host is not self.here)
        return other

    async def lose(self) -> tuple[Host, Host]:
        """Kill the node that the client is at; which that was, and the other one."""
        lost, other = self.here, self.elsewhere
        await lost.kill()
        await self.clock.advance(1)
        assert self.here is other, "served by the other within two seconds"
        return lost, other

    def begin(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        return asyncio.ensure_future(work)

    async def end(self) -> None:
        for host in self.hosts.values():
            await host.cut()
            await asyncio.wait(host.serving or [asyncio.ensure_future(asyncio.sleep(0))])
            assert [task.exception() for task in host.serving] == [None] * len(host.serving)
            await host.db.close()


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    pair = Pair()
    yield pair
    await pair.end()


async def test_streams_and_live_queries_miss_and_repeat_nothing(pair: Pair) -> None:
    async with pair.connect() as db:
        tasks = await db.collection("tasks")
        async with tasks.changes() as changes, db.live(QUERY) as live:
            for key in "ab":
                await tasks.insert({}, key=key)
            told = [(await anext(changes)).key]
            await pair.here.send(pair.elsewhere)
            await tasks.insert({}, key="c")
            lost, other = await pair.lose()
            await (await other.db.collection("tasks")).insert({}, key="d")
            await pair.clock.settle()
            assert [row["_key"] for row in live.rows] == ["a", "b", "c"], "nothing older is shown"
            await lost.send(other)
            told += [(await anext(changes)).key for _ in range(3)]
            await pair.clock.settle()
            assert told == ["a", "b", "c", "d"]
            assert [row["_key"] for row in live.rows] == ["a", "b", "c", "d"]


async def test_what_was_acknowledged_is_waited_for(pair: Pair) -> None:
    async with pair.connect() as db:
        tasks = await db.collection("tasks")
        await tasks.insert({"n": 1}, key="t")
        lost, other = await pair.lose()

        async def begin_live() -> list[Any]:
            async with db.live(QUERY) as live:
                return live.rows

        async def begin_stream() -> str:
            async with tasks.changes() as changes:
                await tasks.insert({}, key="last")
                return str((await anext(changes)).key)

        waiting = [
            pair.begin(tasks.get("t")),
            pair.begin(db.query(QUERY)),
            pair.begin(begin_live()),
            pair.begin(tasks.update("t", n=2)),
            pair.begin(begin_stream()),
        ]
        await pair.clock.advance(AHEAD - 1)
        assert not any(each.done() for each in waiting)
        await lost.send(other)
        await asyncio.wait(waiting)
        first, rows, live_rows, _, streamed = [each.result() for each in waiting]
        assert first["n"] in (1, 2)
        assert all("t" in [row["_key"] for row in each] for each in (rows, live_rows))
        assert streamed == "last"
        assert (await tasks.get("t"))["n"] == 2


async def test_what_does_not_come_in_time_is_told_and_looked_for_again(pair: Pair) -> None:
    async with pair.connect() as db:
        tasks, notes = await db.collection("tasks"), await db.collection("notes")
        for key in "ab":
            await tasks.insert({}, key=key)
        lost, other = await pair.lose()
        assert await notes.get("x") is None, "what was not written here is not waited for"
        for _ in range(2):
            reading, writing = pair.begin(tasks.get("b")), pair.begin(tasks.insert({}, key="c"))
            await pair.clock.advance(AHEAD)
            for work in (reading, writing):
                with pytest.raises(
                    pb.Behind, match=rf"tasks: commit 2 of node {lost.name} \(here is 0\)"
                ) as told:
                    await work
                assert told.value.retryable
        await lost.send(other)
        assert await tasks.get("b") == {}
        assert await tasks.get("c") is None


async def test_what_can_never_come_is_told_once(pair: Pair) -> None:
    async with pair.connect() as db:
        tasks = await db.collection("tasks")
        await tasks.insert({}, key="a")
        host = pair.here
        await host.kill()
        await host.db.close()
        host.begin()
        host.is_up, pair.elsewhere.is_up = True, False
        await pair.clock.advance(2)
        with pytest.raises(pb.Behind, match="is not in its history here") as told:
            await db.query(QUERY)
        assert not told.value.retryable
        assert await tasks.get("a") is None
        await host.cut()
        await pair.clock.advance(2)
        assert await tasks.get("a") is None, "the next connection does not ask for it either"
        pair.elsewhere.is_up = True


@pytest.mark.parametrize("by_whom", ["the client", "another"])
async def test_what_was_deleted_since_is_not_waited_for(pair: Pair, by_whom: str) -> None:
    async with pair.connect() as db:
        tasks = await db.collection("tasks")
        await tasks.insert({}, key="a")
        await (db if by_whom == "the client" else pair.here.db).drop("tasks")
        pair.elsewhere.is_up = False
        await pair.here.cut()
        await pair.clock.advance(2)
        assert await tasks.get("a") is None


async def test_of_more_collections_than_are_remembered_the_oldest_is_not_waited_for(pair: Pair) -> None:
    async with pair.connect(seen_collections=1) as db:
        for name in ("first", "second"):
            await (await db.collection(name)).insert({}, key="a")
        await pair.lose()
        assert await (await db.collection("first")).get("a") is None
        second = pair.begin((await db.collection("second")).get("a"))
        await pair.clock.advance(AHEAD)
        with pytest.raises(pb.Behind):
            await second


async def test_people_are_there_at_the_other_node(pair: Pair) -> None:
    async with pair.connect() as db, (await db.collection("tasks")).presence({"name": "ann"}):
        await pair.clock.advance(1)
        other = pair.elsewhere
        async with other.db.presence("tasks") as seen:
            assert list(seen.states.values()) == []
            await pair.lose()
            await pair.clock.advance(1)
            assert {"name": "ann"} in seen.states.values()


async def test_a_read_whose_answer_was_lost_is_answered_by_the_other(pair: Pair) -> None:
    async with pair.connect() as db:
        tasks = await db.collection("tasks")
        await tasks.insert({}, key="a")
        await pair.here.send(pair.elsewhere)
        reading, writing = pair.begin(tasks.get("a")), pair.begin(tasks.insert({}, key="b"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await pair.lose()
        assert await reading == {}
        with pytest.raises(pb.OutcomeUnknown):
            await writing
