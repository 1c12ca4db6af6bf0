"""Somebody who is in a collection, sees who else is there, and perhaps leaves."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress

import protobase_live as pb
from protobase_live.testing import Node, World
from tests.simulation.reader import Reader
from tests.simulation.writer import TASKS


class Person(Reader):
    """Is connected with one node."""

    def __init__(self, world: World, node: Node, number: int) -> None:
        super().__init__(world, f"person {number} at {node.host}", [node])
        self.node = node
        self.is_there = True
        """Whether the others are to see it: it has not left."""
        self._random = world.random(f"{self.name}'s pace")
        self._presence: pb.Presence | None = None

    @property
    def seen(self) -> set[str]:
        """The names of those whom it sees."""
        states = {} if self._presence is None else self._presence.states
        return {state["name"] for state in states.values()}

    async def work(self) -> None:
        """Come, move, and either leave or stay for ever."""
        db = await self.come()
        tasks = await db.collection(TASKS)
        with suppress(pb.Unavailable):  # who leaves while the node is away has left all the same
            async with AsyncExitStack() as stack:
                self._presence = await self.enter(stack, lambda: tasks.presence({"name": self.name}))
                await self._move(self._presence)
                if self._random.random() < 0.6:
                    await asyncio.get_running_loop().create_future()
                self.is_there = False
        await db.close()
        self._world.happened["a person left"] += 1

    async def _move(self, presence: pb.Presence) -> None:
        for step in range(self._random.randint(1, 8)):
            await self._world.clock.sleep(self._random.expovariate(1))
            with suppress(pb.Unavailable):
                await presence.set({"name": self.name, "step": step})
