"""Nodes whose transactions on some collections are carried out by one of them: what must hold in every run.

A record is a list, and each transaction reads it and puts itself behind what it has read. So what it comes to
is the order of all, and each says what it has seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import protobase_live as pb
from protobase_live.testing import Faults, Node, World
from protobase_storage import includes
from tests.simulation.agreement import check_equal, come_to_agree
from tests.simulation.writer import LIMITS as CLIENT_LIMITS
from tests.simulation.writer import REFUSED

LIMITS = pb.Limits(
    log_commits=40, retained_commits=20, idle_seconds=3.0, read_only_seconds=1.0, restart_seconds=1.0
)
CLUSTER_LIMITS = pb.ClusterLimits(lease_seconds=1.0, owner_seconds=3.0, owner_documents=2)

LIST = "orders/list"
CLAIMS = "orders/claims"
TWINS = ("orders/left", "orders/right")
OWNED = (LIST, CLAIMS, *TWINS)
KEY = "all"
MARKS = 12
"""Keys that all try to insert."""

FAULTS = 3
RATES = (0.91, 1.09)
"""How many seconds clocks count in one: two of them run apart by as much as a lease allows."""

COUPS = 5
"""So often the owner is lost."""

AGREE_SECONDS = 5.0
OWNER_SECONDS = 8.0
"""So long after all is well again there is an owner: leases of before are over, and one is found."""


@dataclass(slots=True)
class Journal:
    """What all programs know."""

    acknowledged: list[tuple[list[str], str]] = field(default_factory=list[tuple[list[str], str]])
    """What a transaction had read, and what it put behind that."""
    tried: set[str] = field(default_factory=set[str])
    """Whatever anybody may have put there."""
    claimed: dict[str, str] = field(default_factory=dict[str, str])
    """Who inserted a key, for sure."""
    joint: set[str] = field(default_factory=set[str])

    def require(self, whole: Sequence[str]) -> None:
        """Whether this is what all of it can have come to, in some order that each of them has seen."""
        assert len(set(whole)) == len(whole), f"somebody is there twice: {whole}"
        assert set(whole) <= self.tried, "somebody is there who never was"
        for read, name in self.acknowledged:
            after = [*read, name]
            assert list(whole[: len(after)]) == after, f"{name} is lost, or has not read what was there"


class Program:
    """Works at one node."""

    def __init__(self, world: World, node: Node, journal: Journal) -> None:
        self._world = world
        self._node = node
        self._journal = journal
        self._random = world.random(f"program at {node.host}")
        self._count = 0

    async def work(self, over: asyncio.Event) -> None:
        """Do this and that until it is over."""
        while not over.is_set():
            try:
                async with self._connected() as db:
                    while not over.is_set():
                        act = self._random.choice(
                            (self.append, self.append, self.look, self.claim, self.join)
                        )
                        await self._try(act(db))
                        await self._world.clock.sleep(self._random.expovariate(8))
            except pb.Unavailable:  # the node has not started
                await self._world.clock.sleep(0.3)

    async def finish(self) -> None:
        """One more transaction, which has to succeed in time."""
        began, count = self._world.clock.monotonic(), len(self._journal.acknowledged)
        while len(self._journal.acknowledged) == count:
            late = self._world.clock.monotonic() - began
            assert late < OWNER_SECONDS, f"no owner after {late:.1f} s"
            with suppress(pb.Unavailable):
                async with self._connected() as db:
                    await self._try(self.append(db))
            await self._world.clock.sleep(0.1)

    async def append(self, db: Any) -> None:
        """Put a name behind those that are there."""
        name = self._name()
        read: list[str] = []

        async def put_behind(tx: Any) -> None:
            nonlocal read
            read = list((await tx[LIST].get(KEY) or {"names": []})["names"])
            await tx[LIST].put({"names": [*read, name]}, key=KEY)

        self._journal.tried.add(name)
        await db.transact(put_behind)
        self._journal.acknowledged.append((read, name))
        self._world.happened["a transaction on an owned collection"] += 1

    async def look(self, db: Any) -> None:
        """Read what is there now: no less than what was acknowledged before."""
        before = [name for _, name in self._journal.acknowledged]
        found: list[str] = []

        async def read(tx: Any) -> None:
            nonlocal found
            found = list((await tx[LIST].get(KEY) or {"names": []})["names"])

        await db.transact(read)
        assert set(before) <= set(found), f"{set(before) - set(found)} was acknowledged, and is not seen"
        self._world.happened["an owned collection was only read"] += 1

    async def claim(self, db: Any) -> None:
        """Insert a key that others insert, too."""
        key, name = f"mark {self._random.randrange(MARKS)}", self._name()
        self._journal.tried.add(name)
        await (await db.collection(CLAIMS)).insert({"by": name}, key=key)
        assert key not in self._journal.claimed, f"{key} was inserted twice"
        self._journal.claimed[key] = name
        self._world.happened["a key was claimed"] += 1

    async def join(self, db: Any) -> None:
        """One transaction over two collections."""
        name = self._name()
        async with db.transaction() as tx:
            for each in TWINS:
                tx[each].insert({"by": name}, key=name)
        self._journal.joint.add(name)

    async def _try(self, act: Coroutine[Any, Any, None]) -> None:
        try:
            await act
        except pb.NoOwner:
            self._world.happened["there was no owner"] += 1
        except pb.OutcomeUnknown:
            self._world.happened["an outcome was unknown"] += 1
        except REFUSED:
            self._world.happened["a transaction was refused"] += 1

    def _name(self) -> str:
        self._count += 1
        return f"{self._node.host}-{self._count}"

    def _connected(self):
        random = self._world.random(f"{self._node.host} {self._count}")
        return pb.connect(self._node.url, limits=CLIENT_LIMITS, clock=self._world.clock, random=random)


class Owned:
    """One run."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._faults = Faults(world)
        self._random = world.random("the cluster")
        hosts = [f"node{n}" for n in range(self._random.choice((1, 2, 3, 3, 3, 3, 5)))]
        self.nodes = [self._node(host, hosts) for host in hosts]
        self._journal = Journal()
        self._programs = [Program(world, node, self._journal) for node in self.nodes]
        self._over = asyncio.Event()
        self._owners = ""

    def _node(self, host: str, hosts: Sequence[str]) -> Node:
        return Node(
            self._world,
            host,
            LIMITS,
            peers=[each for each in hosts if each != host],
            cluster_limits=CLUSTER_LIMITS,
            skew=self._faults.skew(host),
            rate=self._world.random(f"drift of {host}").uniform(*RATES),
            owner=("orders/*",),
        )

    async def run(self) -> None:
        """All of it. Raises AssertionError for what must not be."""
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(self._watch())
            await self._write()
            self._faults.heal(self.nodes)
            for program in self._programs:
                await self._world.spawn(program.finish(), "the end")
            await come_to_agree(self._world, self.nodes, AGREE_SECONDS)
            await self._check()
            watching.cancel()

    async def _write(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for node, program in zip(self.nodes, self._programs, strict=True):
                tasks.create_task(self._start(node))
                tasks.create_task(self._at(f"at {node.host}", program.work(self._over)))
            tasks.create_task(self._break_things())

    async def _at(self, host: str, work: Coroutine[Any, Any, None]) -> None:
        await self._world.spawn(work, host)

    async def _start(self, node: Node) -> None:
        await self._world.clock.sleep(self._faults.delay(node.host))
        if not node.is_started:
            node.start()

    async def _break_things(self) -> None:
        await self._world.clock.sleep(2.0)
        if len(self.nodes) > 1:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._faults.work(self.nodes, FAULTS, 0))
                tasks.create_task(self._lose_owners())
        self._over.set()

    async def _lose_owners(self) -> None:
        for _ in range(COUPS):
            await self._world.clock.sleep(self._random.uniform(0.5, 2.0))
            if owner := next((node for node in self.nodes if is_owner(node)), None):
                others = [node for node in self.nodes if node is not owner]
                await self._random.choice((self._cut_off, self._crash))(owner, others)

    async def _cut_off(self, owner: Node, others: Sequence[Node]) -> None:
        for other in others:
            self._world.network.disconnect(owner.host, other.host)
        await self._world.clock.sleep(self._random.uniform(0.5, 3.0))
        for other in others:
            self._world.network.reconnect(owner.host, other.host)

    async def _crash(self, owner: Node, others: Sequence[Node]) -> None:
        """At any moment; or with all others, back at once, when its last commit is in no other log."""
        also = [node for node in others if node.is_serving] if self._random.random() < 0.4 else []
        if also:
            await self._until_ahead(owner, others)
        for node in (owner, *also):
            if node.is_up:
                node.crash()
        await self._world.clock.sleep(0.01)
        for node in also:
            node.start()
        await self._world.clock.sleep(self._random.uniform(0.05, 4.0))
        if not owner.is_up:
            owner.start()

    async def _until_ahead(self, owner: Node, others: Sequence[Node]) -> None:
        """Wait until the log of the owner has something that is in no other one, for a while at most."""
        for _ in range(1_000):
            logs = [(await node.disk.standing(LIST)).vector for node in (owner, *others)]
            if owner.is_up and all(not includes(log, logs[0]) for log in logs[1:]):
                return
            await self._world.clock.sleep(0.001)

    async def _watch(self) -> None:
        """There is never more than one owner."""
        while True:
            owners = [node.host for node in self.nodes if is_owner(node)]
            assert len(owners) < 2, f"two owners at once: {owners}"
            if owners and owners[0] != self._owners:
                self._world.happened["the owner is another one"] += bool(self._owners)
                self._owners = owners[0]
            await self._world.clock.sleep(0.01)

    async def _check(self) -> None:
        items = {name: await (await self.nodes[0].database.collection(name)).items() for name in OWNED}
        await check_equal(self.nodes, [name for name in OWNED if items[name]])
        self._journal.require(items[LIST][KEY]["names"])
        for key, name in self._journal.claimed.items():
            assert items[CLAIMS][key] == {"by": name}, f"{key} was claimed by {name}: {items[CLAIMS][key]}"
        left, right = (items[name].keys() for name in TWINS)
        assert left == right, f"half a transaction is there: {left ^ right}"
        assert not self._journal.joint - left, f"acknowledged, and lost: {self._journal.joint - left}"


def is_owner(node: Node) -> bool:
    """Whether a node is the owner, as it thinks itself."""
    return node.is_serving and node.database.owner is not None and node.database.owner.is_owner


async def owned(world: World) -> None:
    """The scenario."""
    await Owned(world).run()
