"""Programs that follow a cluster: what they are told, bit by bit, has to come to what is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, TypeVar

import protobase_live as pb
from protobase_live.testing import Node, World
from tests.simulation.writer import LIMITS

T = TypeVar("T")

SIDES = ("left", "right")
"""Collections of which a transaction writes both."""

HALF_SEEN = pb.Query("left").join("right", "_key", as_="other", how="full")
"""Puts the records that a transaction writes in two collections beside each other."""


class Reader:
    """Where programs that read are connected from; each is lost, and comes back, by itself."""

    def __init__(self, world: World, name: str, nodes: Sequence[Node]) -> None:
        """With several ``nodes`` it goes from one to the other."""
        self.name = name
        self._world = world
        self._urls = [node.url for node in nodes]

    def connected(self):
        """A connection of this program."""
        return pb.connect(
            self._urls, limits=LIMITS, clock=self._world.clock, random=self._world.random(self.name)
        )

    async def come(self):
        """Wait for one of the nodes to start."""
        while True:
            try:
                return await self.connected()
            except pb.Unavailable:
                await self._world.clock.sleep(0.2)

    async def enter(self, stack: AsyncExitStack, make: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        """Enter what ``make`` gives, as long as ``stack`` lives; again and again while no node answers."""
        while True:
            try:
                return await stack.enter_async_context(make())
            except pb.Unavailable:
                await self._world.clock.sleep(0.2)


class Follower(Reader):
    """Follows the changes of a collection."""

    def __init__(self, world: World, collection: str, nodes: Sequence[Node]) -> None:
        super().__init__(world, f"follower of {collection}", nodes)
        self.collection = collection
        self.seen: dict[str, Any] = {}
        """The records as the changes tell them."""

    async def work(self) -> None:
        """Follow for ever. Raises AssertionError for a change that does not go on where the last one was."""
        db = await self.come()
        collection = await db.collection(self.collection)
        async with AsyncExitStack() as stack:
            changes = await self.enter(stack, lambda: collection.changes(since=pb.START))
            async for change in changes:
                key = str(change.key)
                if change.kind == "reset":
                    self._world.happened["a stream was reset"] += 1
                    self.seen.clear()
                    continue
                assert self.seen.get(key) == change.before, f"{self.collection}: {key} was told wrongly"
                self._take(key, change.after)

    def _take(self, key: str, after: Any) -> None:
        if after is None:
            self.seen.pop(key, None)
        else:
            self.seen[key] = after


class Watcher(Reader):
    """Watches a live query at one node."""

    def __init__(self, world: World, query: pb.Query, node: Node) -> None:
        super().__init__(world, f"watcher of {query.canonical} at {node.host}", [node])
        self.node = node
        self.query = query
        self.rows: list[Any] = []

    async def work(self) -> None:
        """Watch for ever. Raises AssertionError when half a transaction is seen."""
        db = await self.come()
        async with AsyncExitStack() as stack:
            live = await self.enter(stack, lambda: db.live(self.query))
            while True:
                self.rows = list(live.rows)
                if self.query is HALF_SEEN:
                    self._require_whole()
                await anext(live)

    def _require_whole(self) -> None:
        for row in self.rows:
            other = row.get("other")
            key = row.get("_key") or (other or {}).get("_key")
            assert key is not None
            both = {"left", "right"} <= set(key.split()[1:])
            assert not both or (other is not None and row.get("by")), f"half of {key!r} is seen: {row}"
