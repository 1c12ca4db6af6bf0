"""Two nodes that tell each other their commits, and clients of both that lose one again and again.

Who wrote something reads it wherever he is, or is told that it is not there yet; streams miss and repeat
nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import protobase_live as pb
from protobase_live.client.remote_database import RemoteDatabase
from protobase_live.testing import Node, World

NAME = "tasks"
LAST = "last"
"""The record that everybody waits for in the end."""

CRASHES = 4
SERVED_SECONDS = 2.0
"""Who has lost a node is at the other one after so long."""

HEALING_SECONDS = 60.0


class Failover:
    """One run."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.nodes = [Node(world, f"node{n}") for n in range(2)]
        self._over = asyncio.Event()
        self.acknowledged: set[str] = set()
        self.slowest = 0.0
        """How long a client was without a node, at most."""

    async def run(self) -> None:
        """All of it. Raises AssertionError for what must not be."""
        for node in self.nodes:
            node.start()
        await self._world.clock.sleep(1)
        async with asyncio.TaskGroup() as tasks:
            telling = tasks.create_task(self._tell_each_other())
            seen = tasks.create_task(self._on("reader", self._follow_changes()))
            rows = tasks.create_task(self._on("watcher", self._watch_query()))
            writing = [tasks.create_task(self._on(f"writer{n}", self._write(f"writer{n}"))) for n in range(2)]
            tasks.create_task(self._break_things())
            await asyncio.wait(writing)
            async with asyncio.timeout(HEALING_SECONDS):
                await asyncio.wait([seen, rows])
            telling.cancel()
        assert self.slowest <= SERVED_SECONDS, f"a client was without a node for {self.slowest} seconds"
        for node in self.nodes:
            items = await (await node.database.collection(NAME)).items()
            assert not self.acknowledged - items.keys(), "acknowledged, and lost"
            assert seen.result() == items, "the stream told something else"
            assert rows.result() == set(items), "the query told something else"

    async def _on(self, host: str, work: Any) -> Any:
        return await self._world.spawn(work, host)

    # the nodes

    async def _tell_each_other(self) -> None:
        """All commits of one to the other, again and again, with pauses."""
        random = self._world.random("telling")
        while True:
            await self._world.clock.sleep(random.uniform(0.01, 1.5))
            if not all(node.is_serving for node in self.nodes):
                continue
            for source, target in (self.nodes, self.nodes[::-1]):
                with suppress(TimeoutError, pb.ProtoBaseError):
                    async with asyncio.timeout(1):  # one that crashed meanwhile never answers
                        commits = list((await source.disk.load(NAME)).commits)
                        if target.is_serving:  # still
                            await target.database.replicate({NAME: commits})

    async def _break_things(self) -> None:
        """Crash one node after the other, but never both."""
        random = self._world.random("faults")
        for _ in range(CRASHES):
            await self._world.clock.sleep(random.uniform(0.5, 4.0))
            node = random.choice(self.nodes)
            node.crash()
            await self._world.clock.sleep(random.uniform(0.1, 16.0))
            node.start()
        self._over.set()

    # those who use them

    @asynccontextmanager
    async def _connected(self, name: str) -> AsyncIterator[RemoteDatabase]:
        urls, random = [node.url for node in self.nodes], self._world.random(name)
        lost = 0.0

        def on_connection(why: str | None) -> None:
            nonlocal lost
            if why is not None:
                lost = self._world.clock.monotonic()
            else:
                self.slowest = max(self.slowest, self._world.clock.monotonic() - lost)
                self._world.happened["a client went on"] += 1

        async with pb.connect(
            urls, clock=self._world.clock, random=random, on_connection=on_connection
        ) as db:
            yield db

    async def _write(self, name: str) -> None:
        random, keys = self._world.random(f"{name}'s pace"), 0
        own: list[str] = []
        async with self._connected(name) as db:
            tasks = await db.collection(NAME)
            while not self._over.is_set():
                keys += 1
                await self._insert(tasks, f"{name}-{keys}", own)
                if own:
                    await self._read(tasks, random.choice([own[-1], random.choice(own)]))
                await self._world.clock.sleep(random.expovariate(4))
            if name == "writer0":
                await self._insert(tasks, LAST, own)

    async def _insert(self, tasks: pb.Collection, key: str, own: list[str]) -> None:
        while True:
            try:
                await tasks.put({}, key=key)
            except pb.OutcomeUnknown:
                self._world.happened["an outcome was unknown"] += 1
            except pb.Unavailable as error:
                self._note(error)
            else:
                own.append(key)
                self.acknowledged.add(key)
                return

    async def _read(self, tasks: pb.Collection, key: str) -> None:
        while True:
            try:
                assert await tasks.get(key) is not None, f"{key} was acknowledged, and is not read"
            except pb.Unavailable as error:
                self._note(error)
            else:
                return

    def _note(self, error: pb.Unavailable) -> None:
        """Nothing is lost here: what has not come can still come."""
        if not error.retryable:
            raise AssertionError(str(error)) from error
        self._world.happened["a node was behind"] += isinstance(error, pb.Behind)

    async def _follow_changes(self) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        async with self._connected("stream") as db:
            tasks = await db.collection(NAME)
            async with tasks.changes(since=pb.START) as changes:
                async for change in changes:
                    if change.kind == "reset":
                        self._world.happened["a stream was reset"] += 1
                        seen.clear()
                    else:
                        assert seen.get(str(change.key)) == change.before, f"{change.key} told wrongly"
                        seen[str(change.key)] = change.after
                    if change.key == LAST:
                        return await self._to_the_end(changes, seen)
        raise AssertionError("the stream ended")

    async def _to_the_end(self, changes: Any, seen: dict[str, Any]) -> dict[str, Any]:
        """What others wrote may come behind the last record."""
        with suppress(TimeoutError):
            while True:
                async with asyncio.timeout(10):
                    change = await anext(changes)
                assert change.kind != "reset"
                seen[str(change.key)] = change.after
        return seen

    async def _watch_query(self) -> set[str]:
        async with self._connected("query") as db, db.live(pb.Query(NAME)) as live:
            while not any(row["_key"] == LAST for row in live.rows):
                await anext(live)
            await self._world.clock.sleep(10)
            return {row["_key"] for row in live.rows}


async def failover(world: World) -> None:
    """The scenario."""
    await Failover(world).run()
