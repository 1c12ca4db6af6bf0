"""Several nodes that are linked, with crashes, cuts and other faults: what must hold in every run.

First come the faults, then all is well again, and everything converges in bounded time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import protobase_live as pb
from protobase_live.cluster.limits import ClusterLimits
from protobase_live.testing import Faults, Node, World
from tests.simulation.agreement import check_equal, come_to_agree, standings
from tests.simulation.bounds import check_bounds
from tests.simulation.editor import Editor
from tests.simulation.person import Person
from tests.simulation.reader import HALF_SEEN, Follower, Watcher
from tests.simulation.writer import PERMANENT, SCRATCH, SHARED, TASKS, Writer

LIMITS = pb.Limits(
    log_commits=40, retained_commits=20, idle_seconds=3.0, read_only_seconds=1.0, restart_seconds=1.0
)
"""Short logs, so that nodes fall behind them; and collections that leave the memory."""

CLUSTER_LIMITS = ClusterLimits(
    recent_bytes=32 * 1024,
    batch_commits=20,
    batch_bytes=4 * 1024,
    window_bytes=16 * 1024,
    snapshot_part_bytes=1024,
    replication_seconds=2.0,
    erase_seconds=2.0,
)
"""Little, so that nodes wait for each other, and are served from logs."""

KEPT_LOG_BYTES = (0, 8 * 1024, ClusterLimits().kept_log_bytes)
"""A node that was away may need snapshots of all collections, of some and commits of others, or of none."""

MOST_NODES = 5
FAULTS = 4
HANDS = 2
"""Faults that go on at the same time."""

EDITORS = 2
PEOPLE = 4

LOOK_SECONDS = 0.05
"""How often it is looked whether all is within its limits."""

TOLD_SECONDS = 15.0
"""So long after that everybody has been told: a client may have to notice first that its node has gone."""

AGREE_SECONDS = 2.0
"""So long after everything is well again all nodes have the same."""


class ManyNodes:
    """One run."""

    def __init__(self, world: World, *, erases: bool = False) -> None:
        self._world = world
        self._faults = Faults(world)
        self._random = world.random("the cluster")
        self.nodes, self._may_leave = self._make_nodes(self._random.randint(2, MOST_NODES))
        self._over = asyncio.Event()
        self.writers = [Writer(world, node, erases=erases) for node in self.nodes]
        self.followers = [Follower(world, name, self.nodes) for name in (TASKS, SHARED, SCRATCH)]
        self.watchers = [
            Watcher(world, query, node)
            for node in self.nodes
            for query in (HALF_SEEN, pb.Query(SCRATCH), pb.Query(SHARED).order_by("by", "_key"))
            if self._random.random() < 0.5
        ]
        self.editors = [
            Editor(world, self._random.choice(self.nodes), f"editor {n}", text=True) for n in range(EDITORS)
        ]
        self.people = [Person(world, self._random.choice(self.nodes), n) for n in range(PEOPLE)]

    def _make_nodes(self, count: int) -> tuple[list[Node], list[Node]]:
        """The nodes, and those of them without which the others are still linked."""
        kept = self._world.random("what logs keep").choice(KEPT_LOG_BYTES)
        hosts = [f"node{n}" for n in range(count)]
        kind = self._random.choice(("all", "line", "star"))
        peers = _topology(kind, hosts)
        nodes = [
            Node(
                self._world,
                host,
                LIMITS,
                peers=peers[host],
                cluster_limits=replace(CLUSTER_LIMITS, kept_log_bytes=kept),
                skew=self._faults.skew(host),
            )
            for host in hosts
        ]
        return nodes, nodes if kind == "all" else nodes[-1:]

    @property
    def staying(self) -> list[Node]:
        """The nodes that have not left for good."""
        return [node for node in self.nodes if node.host not in self._faults.gone]

    async def run(self) -> None:
        """All of it. Raises AssertionError for what must not be."""
        async with asyncio.TaskGroup() as tasks:
            reading = [
                tasks.create_task(self._on("readers", each.work()))
                for each in (*self.followers, *self.watchers, *self.people)
            ]
            reading.append(tasks.create_task(self._look_at_limits()))
            await self._write()
            await self._note_what_differs()
            self._faults.crash_one(self.nodes)
            self._faults.heal(self.nodes)
            await come_to_agree(self._world, self.staying, AGREE_SECONDS)
            await self._check()
            await self._check_readers()
            for task in reading:
                task.cancel()

    async def _write(self) -> None:
        """Have everybody write while things go wrong, to the end."""
        async with asyncio.TaskGroup() as tasks:
            for writer in self.writers:
                tasks.create_task(self._start(writer.node))
                tasks.create_task(self._write_at(writer))
            for editor in self.editors:
                tasks.create_task(self._on(editor.name, self._edit(editor)))
            tasks.create_task(self._break_things())

    async def _on(self, host: str, work: Coroutine[Any, Any, None]) -> None:
        await self._world.spawn(work, host)

    async def _write_at(self, writer: Writer) -> None:
        """To the end; or until then, at a node that never answers again."""
        writing = self._world.spawn(writer.work(self._over), f"at {writer.node.host}")
        await self._over.wait()
        if writer.node not in self.staying:
            writing.cancel()
        await asyncio.wait([writing])
        if not writing.cancelled():
            writing.result()

    async def _edit(self, editor: Editor) -> None:
        """A disk that failed is not asked at once, and what an editor says has no receipt."""
        await editor.work(self._over)
        await self._world.clock.sleep(LIMITS.read_only_seconds * 2)
        if editor.node not in self.staying:
            editor.move(self.staying[0])
        await editor.finish()

    async def _start(self, node: Node) -> None:
        delay = self._faults.delay(node.host)
        await self._world.clock.sleep(delay)
        if not node.is_started and node in self.staying:
            node.start()
            self._world.happened["a node came later"] += delay > 0

    async def _look_at_limits(self) -> None:
        while True:
            check_bounds(self.nodes)
            await self._world.clock.sleep(LOOK_SECONDS)

    async def _break_things(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for hand in range(HANDS):
                tasks.create_task(self._faults.work(self.nodes, FAULTS, hand))
            tasks.create_task(self._faults.leave(self._may_leave))
            tasks.create_task(self._faults.lose_disk(self.nodes))
        self._faults.part(self.nodes)
        await self._world.clock.sleep(self._random.uniform(0.2, 3.0))
        self._over.set()

    async def _note_what_differs(self) -> None:
        """What comes together when all is well again."""
        found = [await standings(node) for node in self.staying]
        happened = self._world.happened
        left = [each["left"] for each in found if "left" in each]
        happened["transactions went over a healed cut"] += any(each != left[0] for each in left)
        scratch = [each[SCRATCH] for each in found if SCRATCH in each]
        histories = {history for history, vector in scratch if vector}
        happened["a deletion met what was written meanwhile"] += len(histories) > 1

    # what must hold

    async def _check(self) -> None:
        await check_equal(self.staying, (*PERMANENT, SCRATCH))
        database = self.staying[0].database
        items = {name: await (await database.collection(name)).items() for name in (*PERMANENT, SCRATCH)}
        for name, keys in self._acknowledged():
            assert not keys - items[name].keys(), (
                f"{name}: acknowledged, and lost: {keys - items[name].keys()}"
            )
            self._world.happened["an insertion was acknowledged"] += len(keys)
        for writer in self.writers:
            self._check_joint(writer, items)
        self._check_buried(items[SCRATCH])

    def _acknowledged(self) -> Iterator[tuple[str, set[str]]]:
        """What has to be there: of what a node took whose disk is gone, what others had, too."""
        for writer in self.writers:
            journal = writer.journal
            kept = journal.acknowledged if self._has_kept(writer.node) else journal.replicated
            yield from kept.items()
        for editor in self.editors:
            yield TASKS, editor.keys

    def _has_kept(self, node: Node) -> bool:
        """Whether a node has the disk that it began with."""
        return node.host not in {**self._faults.gone, **self._faults.emptied}

    def _check_joint(self, writer: Writer, items: Mapping[str, Mapping[str, Any]]) -> None:
        for key, names in writer.journal.joint.items():
            there = {name for name in names if key in items[name]}
            assert there in (set(), set(names)), f"of the transaction {key} only {there} is there"

    def _check_buried(self, scratch: Mapping[str, Any]) -> None:
        """What was deleted is deleted, unless nobody knows of that but a node that is gone."""
        journals = [(self._has_kept(writer.node), writer.journal) for writer in self.writers]
        buried = {key for stays, journal in journals if stays for key in journal.buried}
        dropped = [each for stays, journal in journals if stays for each in journal.dropped]
        for deletion, keys in dropped:
            if not any(journal.may_have_overruled(deletion) for _, journal in journals):
                buried |= keys
        there = buried & scratch.keys()
        back = {key for key in there if not any(each.may_have_restored(key) for _, each in journals)}
        assert not back, f"deleted with their collection, and there: {back}"

    async def _check_readers(self) -> None:
        """Whether what was told bit by bit comes to what is there."""
        try:
            async with asyncio.timeout(TOLD_SECONDS):
                while await self._told_wrongly():
                    await self._world.clock.sleep(0.1)
        except TimeoutError:
            wrong = await self._told_wrongly()
            raise AssertionError(f"they were told something else than what is there: {wrong}") from None

    async def _told_wrongly(self) -> list[str]:
        database = self.staying[0].database
        wrong = [
            each.name
            for each in self.followers
            if each.seen != await (await database.collection(each.collection)).items()
        ]
        wrong += [
            each.name
            for each in self.watchers
            if each.node in self.staying and each.rows != list(await each.node.database.query(each.query))
        ]
        there = {each.name for each in self.people if each.is_there and each.node in self.staying}
        return wrong + [
            f"{each.name}, who sees {sorted(each.seen)}, not {sorted(there)}"
            for each in self.people
            if each.name in there and each.seen != there
        ]


def _topology(kind: str, hosts: Sequence[str]) -> dict[str, list[str]]:
    """Which nodes each is linked with; both dial."""
    pairs = [(one, other) for at, one in enumerate(hosts) for other in hosts[at + 1 :]]
    if kind == "line":
        pairs = list(pairwise(hosts))
    elif kind == "star":
        pairs = [(hosts[0], other) for other in hosts[1:]]
    return {
        host: [one if other == host else other for one, other in pairs if host in (one, other)]
        for host in hosts
    }


async def many_nodes(world: World) -> None:
    """The scenario."""
    await ManyNodes(world).run()


async def many_nodes_that_erase(world: World) -> None:
    """The same, in which programs erase records, too."""
    await ManyNodes(world, erases=True).run()
