"""Presence over the wire, whatever the order in which a server's tasks run."""

from __future__ import annotations

import protobase_live as pb
from protobase_live.testing import Node, World, simulate


async def come_and_say(world: World) -> None:
    """Who says something right behind joining has joined."""
    node = Node(world)
    node.start()
    await world.clock.sleep(1)
    async with pb.connect(node.url, clock=world.clock, random=world.random("ann")) as db:
        tasks = await db.collection("tasks")
        async with tasks.presence({"name": "ann"}) as presence:
            assert [state["name"] for state in presence.states.values()] == ["ann"]


def test_requests_of_presence_count_in_their_order() -> None:
    assert [seed for seed in range(10) if simulate(come_and_say, seed).failure] == []
