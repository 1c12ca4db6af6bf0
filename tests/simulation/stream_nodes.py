"""Nodes on one stream of JetStream, whose servers lose requests, answers and leaders: what must hold.

First come the faults, then all is well again, and everything converges in bounded time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from random import Random
from typing import Any

import protobase_live as pb
from protobase_live.testing import StreamFaults, StreamNode, StreamServers, World
from tests.simulation.editor import Editor
from tests.simulation.program import PLACES, RACES, Program, Told
from tests.simulation.reader import HALF_SEEN, SIDES, Follower, Watcher
from tests.simulation.writer import TASKS

LIMITS = pb.Limits(
    log_commits=30, retained_commits=10, idle_seconds=3.0, read_only_seconds=1.0, restart_seconds=1.0
)
"""Short logs, so that they are folded; and collections that leave the memory."""

MOST_NODES = 4
PROGRAMS = 4
EDITORS = 2
FAULTS = 6

COLLECTIONS = (TASKS, *SIDES, RACES, *sorted({collection for collection, _ in PLACES}))

WELL_SECONDS = 15.0
"""So long after that no collection is read-only any more: requests of before are given up first."""

AGREE_SECONDS = 15.0
"""So long after that all nodes show the same: what was missed is looked for every 5 s."""

TOLD_SECONDS = 15.0
"""So long after that everybody has been told: a client may have to notice first that its node has gone."""


class StreamNodes:
    """One run."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._random = world.random("the stream")
        self._servers = StreamServers()
        hosts = [f"node{n}" for n in range(self._random.randint(2, MOST_NODES))]
        seconds = self._random.choice((2.0, 10.0))
        self._nodes = [self._new_node(host, seconds=seconds) for host in hosts]
        self._told = Told()
        self._over = asyncio.Event()
        self._programs = [Program(world, f"p{n}", self._nodes, self._told) for n in range(PROGRAMS)]
        self._editors = [
            Editor(world, self._random.choice(self._nodes), f"editor {n}", text=True) for n in range(EDITORS)
        ]
        self._followers = [Follower(world, name, self._nodes) for name in (TASKS, *SIDES)]
        self._watchers = [Watcher(world, HALF_SEEN, node) for node in self._nodes]

    def _new_node(self, host: str, **options: Any) -> StreamNode:
        return StreamNode(self._world, self._servers, host, **{"limits": LIMITS} | options)

    async def run(self) -> None:
        """All of it. Raises AssertionError for what must not be."""
        for node in self._nodes:
            self._go_wrong(node)
            node.start()
        async with asyncio.TaskGroup() as tasks:
            reading = [
                tasks.create_task(self._on("readers", each.work()))
                for each in (*self._followers, *self._watchers)
            ]
            await self._write()
            self._heal()
            await self._world.clock.sleep(WELL_SECONDS)
            for editor in self._editors:
                await self._on(editor.name, editor.finish())
            await self._come_to_agree()
            await self._check()
            await self._check_readers()
            for task in reading:
                task.cancel()

    async def _on(self, host: str, work: Coroutine[Any, Any, None]) -> None:
        await self._world.spawn(work, host)

    async def _write(self) -> None:
        """Have everybody write while things go wrong."""
        async with asyncio.TaskGroup() as tasks:
            for program in self._programs:
                tasks.create_task(self._on(program.name, program.work(self._over)))
            for editor in self._editors:
                tasks.create_task(self._on(editor.name, editor.work(self._over)))
            for hand in range(2):
                tasks.create_task(self._break_things(self._world.random(f"faults, hand {hand}")))
            await self._world.clock.sleep(self._random.uniform(8.0, 15.0))
            self._over.set()

    # what goes wrong

    def _go_wrong(self, node: StreamNode) -> None:
        """What the node's requests meet from now on."""
        random = self._random
        faults = node.faults
        faults.delay = (0.0, random.choice((0.005, 0.05, 0.3)))
        faults.lost_request = random.choice((0.0, 0.02, 0.1))
        faults.lost_answer = random.choice((0.0, 0.02, 0.1))
        faults.late_request = random.choice((0.0, 0.02))
        faults.repeated_request = random.choice((0.0, 0.1))
        faults.lost_word = random.choice((0.0, 0.1, 0.5))
        faults.lag_seconds = random.choice((0.0, 0.2, 2.0))

    async def _break_things(self, random: Random) -> None:
        acts = self._acts()
        for _ in range(FAULTS):
            await self._world.clock.sleep(random.uniform(0.2, 2.0))
            if self._over.is_set():
                return
            await random.choice(acts)(random)

    def _acts(self) -> tuple[Callable[[Random], Awaitable[None]], ...]:
        """What may be done to the nodes and to the stream."""
        return self._crash, self._cut, self._elect, self._delete, self._change

    async def _crash(self, random: Random) -> None:
        node = random.choice(self._nodes)
        if node.is_up:
            node.crash()
            await self._world.clock.sleep(random.uniform(0.05, 3.0))
            node.start()

    async def _cut(self, random: Random) -> None:
        node = random.choice(self._nodes)
        node.cut()
        await self._world.clock.sleep(random.uniform(0.1, 6.0))
        node.mend()
        self._world.happened["a node was cut off from the stream"] += 1

    async def _elect(self, random: Random) -> None:
        """The leader has died, or so many servers are gone that there is none for long."""
        self._servers.kill_leader()
        await self._world.clock.sleep(random.choice((random.uniform(0.2, 2.0), random.uniform(5.0, 15.0))))
        self._servers.elect()
        self._world.happened["the stream had no leader"] += 1

    async def _delete(self, random: Random) -> None:
        """Somebody deletes the stream, and puts it back."""
        self._servers.is_there = False
        await self._world.clock.sleep(random.uniform(0.2, 4.0))
        self._servers.is_there = True
        self._world.happened["the stream was away"] += 1

    async def _change(self, random: Random) -> None:
        self._go_wrong(random.choice(self._nodes))

    def _heal(self) -> None:
        """From now on nothing is wrong any more."""
        self._servers.is_there = True
        self._servers.elect()
        for node in self._nodes:
            for name in StreamFaults.__slots__:
                setattr(node.faults, name, getattr(StreamFaults(), name))
            node.mend()
            if not node.is_up:
                node.start()

    # what must hold

    async def _come_to_agree(self) -> None:
        try:
            async with asyncio.timeout(AGREE_SECONDS):
                while not all(node.is_serving for node in self._nodes) or not await self._agree():
                    await self._world.clock.sleep(0.1)
        except TimeoutError:
            raise AssertionError("the nodes do not come to agree") from None

    async def _agree(self) -> bool:
        for name in COLLECTIONS:
            hashes = [await node.database.state_hash(name) for node in self._nodes]
            if any(each != hashes[0] for each in hashes):
                return False
        return True

    async def _check(self) -> None:
        """What a node shows that has just come is what all others show, and has to be there."""
        fresh = self._new_node("fresh")
        fresh.start()
        while not fresh.is_serving:
            await self._world.clock.sleep(0.1)
        self._nodes.append(fresh)
        assert await self._agree(), "what is stored is not what is shown"
        items = {name: await (await fresh.database.collection(name)).items() for name in COLLECTIONS}
        left, right = (items[side].keys() for side in SIDES)
        assert left == right, f"transactions were torn: {left ^ right}"
        lost = self._told.acknowledged - left
        assert not lost, f"acknowledged, and lost: {lost}"
        for editor in self._editors:
            assert editor.keys <= items[TASKS].keys(), f"{editor.name} has lost something"
        for key, winners in self._told.won.items():
            assert [items[RACES][key]["by"]] == winners, f"{winners} were told to have inserted {key}"
        found = {(name, key): items[name].get(key) for name, key in PLACES}
        self._told.check({place: record and record["by"] for place, record in found.items()})

    async def _check_readers(self) -> None:
        """Whether what was told bit by bit comes to what is there."""
        try:
            async with asyncio.timeout(TOLD_SECONDS):
                while wrong := await self._told_wrongly():
                    await self._world.clock.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"they were told something else than what is there: {wrong}") from None

    async def _told_wrongly(self) -> list[str]:
        database = self._nodes[0].database
        followers = [
            each.name
            for each in self._followers
            if each.seen != await (await database.collection(each.collection)).items()
        ]
        rows = list(await database.query(HALF_SEEN))
        return followers + [each.name for each in self._watchers if each.rows != rows]


async def stream_nodes(world: World) -> None:
    """The scenario."""
    await StreamNodes(world).run()
