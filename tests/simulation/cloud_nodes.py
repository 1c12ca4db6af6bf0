"""Servers that take one bucket from each other, while programs write through whichever has it."""

from __future__ import annotations

import asyncio
from random import Random

import protobase_live as pb
from protobase_live.testing import Bucket, CloudNode, World
from tests.simulation.writer import LIMITS, REFUSED

HOSTS = ("a", "b")
WRITERS = 3
TAKEOVERS = 4
SIDES = ("left", "right")


class Programs:
    """What they were told of transactions over both collections, each with a key of its own."""

    def __init__(self, world: World, nodes: list[CloudNode]) -> None:
        self.acknowledged: set[str] = set()
        self.over = asyncio.Event()
        self._world = world
        self._urls = [node.url for node in nodes]

    async def write(self, name: str) -> None:
        """Until it is over."""
        random, written = self._world.random(name), 0
        while not self.over.is_set():
            urls = random.sample(self._urls, len(self._urls))
            try:
                async with pb.connect(urls, limits=LIMITS, clock=self._world.clock, random=random) as db:
                    while not self.over.is_set():
                        written += 1
                        await self._transact(db, f"{name} {written}")
                        await self._world.clock.sleep(random.expovariate(6))
            except pb.Unavailable:
                await self._world.clock.sleep(0.5)

    async def _transact(self, db: pb.RemoteDatabase, key: str) -> None:
        try:
            async with db.transaction() as tx:
                for side in SIDES:
                    tx[side].insert({}, key=key)
        except pb.OutcomeUnknown:
            self._world.happened["an outcome was unknown"] += 1
        except REFUSED as error:
            self._world.happened["a write was refused"] += 1
            if "taken over" in str(error):
                raise pb.Unavailable("the server would end now") from error
        else:
            self.acknowledged.add(key)


async def take_over(world: World, former: CloudNode, node: CloudNode, random: Random) -> None:
    """``node`` takes the bucket; ``former`` has crashed before, or is still at it, and crashes later."""
    overlaps = random.random() < 0.5
    if not overlaps:
        former.crash()
    node.start()
    await world.clock.sleep(random.uniform(1.0, 6.0))
    if overlaps:
        world.happened["a server was taken over while it ran"] += 1
        former.crash()


async def cloud_nodes(world: World) -> None:
    """The scenario: see the module."""
    bucket, random = Bucket(), world.random("takeovers")
    nodes = [CloudNode(world, bucket, host) for host in HOSTS]
    for node in nodes:
        node.faults.delay = (0.0, random.choice([0.02, 0.3]))
        node.faults.lost_answer = random.choice([0.0, 0.1, 0.3])
        node.faults.lost_request = random.choice([0.0, 0.1])
    programs = Programs(world, nodes)
    nodes[0].start()
    tasks = [asyncio.create_task(programs.write(f"program {n}")) for n in range(WRITERS)]
    for number in range(TAKEOVERS):
        await world.clock.sleep(random.uniform(1.0, 5.0))
        await take_over(world, nodes[number % 2], nodes[(number + 1) % 2], random)
    programs.over.set()
    await asyncio.gather(*tasks)
    nodes[TAKEOVERS % 2].crash()
    await check(world, bucket, programs.acknowledged)


async def check(world: World, bucket: Bucket, acknowledged: set[str]) -> None:
    """A node elsewhere with only the bucket has all that was acknowledged, and whole transactions."""
    node = CloudNode(world, bucket, "elsewhere")
    node.start()
    while not node.is_serving:
        await world.clock.sleep(0.1)
    async with pb.connect(node.url, clock=world.clock, random=world.random("a reader")) as db:
        left, right = [{*await (await db.collection(side)).keys()} for side in SIDES]
    assert left == right, "a transaction was torn"
    assert acknowledged <= left, "something acknowledged is lost"
    world.happened["an insertion was acknowledged"] += len(acknowledged)
