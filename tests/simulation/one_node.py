"""One node with crashes and disk faults, and everybody who uses it: what must hold in every run.

First come the faults, then all is well again, and everything converges in bounded time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import protobase_live as pb
from protobase_live.client.remote_database import RemoteDatabase
from protobase_live.testing import Node, World
from tests.simulation.editor import Editor

IDLE_SECONDS = 5.0
LIMITS = pb.Limits(log_commits=20, retained_commits=10, idle_seconds=IDLE_SECONDS)
"""Short logs, so that they are folded."""

FAULTS = 3
READERS = "readers"
"""The host of those who read."""

WRITERS = 3
LAST = "last"
"""The record that everybody waits for in the end."""

HEALING_SECONDS = 120.0
LONG_AFTER_SECONDS = 600.0
"""When nobody who has left is remembered any more."""


class OneNode:
    """One run."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._node = Node(world, limits=LIMITS)
        self._over = asyncio.Event()
        self.acknowledged: dict[str, int] = {}
        """Records that were inserted, for sure."""
        self.refused: set[str] = set()
        """Those of which it was said that nothing was done."""
        self.unknown: set[str] = set()
        self.added = 0
        """How often the counter went up, for sure."""
        self.perhaps_added = 0
        self.editors = [Editor(world, self._node, f"editor {n}") for n in range(2)]

    async def run(self) -> None:
        """All of it. Raises AssertionError for what must not be."""
        self._node.start()
        await self._put_counter()
        async with asyncio.TaskGroup() as watching:
            seen = watching.create_task(self._on_readers(self._follow_changes()))
            rows = watching.create_task(self._on_readers(self._watch_query()))
            async with asyncio.TaskGroup() as working:
                for n in range(WRITERS):
                    working.create_task(self._write(f"writer {n}"))
                working.create_task(self._count())
                working.create_task(self._write_jointly())
                for editor in self.editors:
                    working.create_task(editor.work(self._over))
                working.create_task(self._break_things())
            async with asyncio.timeout(HEALING_SECONDS):
                await self._insert_last()
                await asyncio.wait([seen, rows])
        await self._check(seen.result(), rows.result())
        await self._world.clock.sleep(LONG_AFTER_SECONDS)
        assert not self._node.database.actor_stats(), "somebody who has left is still waited for"

    async def _on_readers(self, work: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
        return await self._world.spawn(work, READERS)

    # the faults

    async def _break_things(self) -> None:
        random = self._world.random("faults")
        for _ in range(FAULTS):
            await self._world.clock.sleep(random.uniform(0.2, 3.0))
            self._node.disk.faults.error = random.choice((0.0, 0.0, 0.1, 0.5))
            await random.choice((self._crash, self._crash, self._cut_off))(random)
        self._node.disk.faults.error = 0.0
        self._over.set()

    async def _crash(self, random: Random) -> None:
        """At any moment, or while something is on its way to the disk."""
        await self._world.clock.sleep(random.uniform(0.0, 1.0))
        for _ in range(random.choice((0, 1_000))):
            if self._node.disk.is_writing:
                break
            await self._world.clock.sleep(0.001)
        self._node.crash()
        await self._world.clock.sleep(random.uniform(0.1, 3.0))
        self._node.start()

    async def _cut_off(self, random: Random) -> None:
        """Those who read hear nothing for a while."""
        network = self._world.network
        network.disconnect(self._node.host, READERS)
        await self._world.clock.sleep(random.uniform(0.1, 8.0))
        network.reconnect(self._node.host, READERS)
        self._world.happened["readers were cut off"] += 1

    # those who use it

    @asynccontextmanager
    async def _connected(self, name: str) -> AsyncIterator[RemoteDatabase]:
        random = self._world.random(name)
        async with pb.connect(self._node.url, clock=self._world.clock, random=random) as db:
            yield db

    async def _put_counter(self) -> None:
        async with self._connected("first") as db:
            counts = await db.collection("counts")
            await counts.insert({"n": 1}, key="step")
            await counts.insert({"n": 0}, key="counter")

    async def _write(self, name: str) -> None:
        random, keys = self._world.random(f"{name}'s pace"), 0
        async with self._connected(name) as db:
            tasks = await db.collection("tasks")
            while not self._over.is_set():
                keys += 1
                await self._insert(tasks, f"{name}-{keys}", keys)
                await self._world.clock.sleep(random.expovariate(5))

    async def _insert(self, tasks: pb.Collection, key: str, n: int) -> None:
        try:
            await tasks.insert({"n": n}, key=key)
        except pb.OutcomeUnknown:
            self._world.happened["an outcome was unknown"] += 1
            self.unknown.add(key)
        except (pb.Unavailable, pb.LimitExceeded, pb.StorageFailed):
            self._world.happened["a write was refused"] += 1
            self.refused.add(key)
        else:
            self.acknowledged[key] = n

    async def _count(self) -> None:
        """Two who read, add one, and write, at the same time."""
        async with asyncio.TaskGroup() as tasks:
            for n in range(2):
                tasks.create_task(self._add(f"counting {n}"))

    async def _add(self, name: str) -> None:
        random = self._world.random(f"{name}'s pace")

        async def add(tx: pb.Transaction) -> None:
            step = await tx["counts"].get("step")
            found = await tx["counts"].get("counter")
            tx["counts"].update("counter", n=found["n"] + step["n"])

        async with self._connected(name) as db:
            while not self._over.is_set():
                try:
                    await db.transact(add)
                except pb.OutcomeUnknown:
                    self.perhaps_added += 1
                except (pb.Unavailable, pb.LimitExceeded, pb.StorageFailed, pb.Conflict):
                    pass
                else:
                    self.added += 1
                await self._world.clock.sleep(random.expovariate(3))

    async def _write_jointly(self) -> None:
        """The same key into two collections: both or neither."""
        random, keys = self._world.random("joint pace"), 0
        async with self._connected("joint") as db:
            while not self._over.is_set():
                keys += 1
                try:
                    async with db.transaction() as tx:
                        for name in ("left", "right"):
                            tx[name].insert({}, key=f"{keys}")
                except (pb.OutcomeUnknown, pb.Unavailable, pb.LimitExceeded, pb.StorageFailed):
                    self._world.happened["a joint transaction failed"] += 1
                await self._world.clock.sleep(random.expovariate(2))

    async def _follow_changes(self) -> dict[str, Any]:
        """The records as the changes tell them."""
        seen: dict[str, Any] = {}
        async with self._connected("stream") as db:
            tasks = await db.collection("tasks")
            async with tasks.changes(since=pb.START) as changes:
                async for change in changes:
                    if change.kind == "reset":
                        self._world.happened["a stream was reset"] += 1
                        seen.clear()
                    elif change.kind == "insert":
                        assert change.key not in seen, f"{change.key} was told twice"
                        seen[change.key] = change.after
                    elif change.kind in ("update", "delete"):
                        assert change.key in seen, f"{change.key} was never inserted"
                        seen[change.key] = change.after
                    if change.key == LAST:
                        return seen
        raise AssertionError("the stream ended")

    async def _watch_query(self) -> dict[str, Any]:
        """The rows as a live query tells them."""
        async with self._connected("query") as db, db.live(pb.Query("tasks")) as live:
            while not any(row["_key"] == LAST for row in live.rows):
                await anext(live)
            return {row["_key"]: row["n"] for row in live.rows}

    async def _insert_last(self) -> None:
        async with self._connected("last") as db:
            tasks = await db.collection("tasks")
            # A disk that failed is not asked at once, and an editor's words have no receipt.
            await self._world.clock.sleep(LIMITS.read_only_seconds * 2)
            for editor in self.editors:
                await editor.finish()
            await tasks.insert({"n": 0}, key=LAST)
        self.acknowledged[LAST] = 0

    # what must hold

    async def _check(self, seen: dict[str, Any], rows: dict[str, Any]) -> None:
        async with self._connected("reader") as db:
            items = await (await db.collection("tasks")).items()
            left, right = [set(await (await db.collection(name)).keys()) for name in ("left", "right")]
            counter = (await (await db.collection("counts")).get("counter"))["n"]
        lost = self.acknowledged.keys() - items.keys()
        assert not lost, f"acknowledged, and lost: {lost}"
        assert not self.refused & items.keys(), f"refused, and there: {self.refused & items.keys()}"
        for editor in self.editors:
            lost = editor.keys - items.keys()
            assert not lost, f"last words of {editor.name} that were lost: {lost}"
        assert seen == items, "the stream told something else"
        assert rows == {key: record["n"] for key, record in items.items()}, "the query told something else"
        assert left == right, "one part of a joint transaction is there without the other"
        assert self.added <= counter <= self.added + self.perhaps_added, "a check was not made"
        self._world.happened["an insertion was acknowledged"] += len(self.acknowledged)


async def one_node(world: World) -> None:
    """The scenario."""
    await OneNode(world).run()
