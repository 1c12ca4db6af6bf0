"""What goes wrong between and in the nodes of a cluster, drawn from a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from protobase_live.testing.node import Node
from protobase_live.testing.one_way import OneWayCuts
from protobase_live.testing.world import World

CRASHES = "crashes"
CUTS = "cuts"
ONE_WAY = "one-way cuts"
STALLS = "stalls"
SLOW = "slow links"
DISK_ERRORS = "disk errors"
SKEW = "clock skew"
LATE = "late nodes"
LEAVING = "nodes that leave"
LOST_DISKS = "lost disks"
KINDS = (CRASHES, CUTS, ONE_WAY, STALLS, SLOW, DISK_ERRORS, SKEW, LATE, LEAVING, LOST_DISKS)

SLOW_SECONDS = (0.01, 0.25)
"""How long a message is under way while the network is slow, from and to."""

SKEW_SECONDS = 30.0
"""How far clocks are ahead or behind, at most."""

_ERRORS = (0.1, 0.5)


class Faults:
    """The faults of one run. Each seed draws which kinds there are: some bugs need one that others hide."""

    def __init__(self, world: World) -> None:
        random = world.random("which faults")
        self.kinds = tuple(kind for kind in KINDS if random.random() < 0.6)
        """What may go wrong in this run."""
        self.gone: dict[str, None] = {}
        """The hosts of nodes that have left for good."""
        self.emptied: dict[str, None] = {}
        """The hosts of nodes that went on with an empty disk."""
        self._world = world
        self._usual = world.network.config
        """The network without faults."""
        self._one_way = OneWayCuts(world.network)
        self._acts = {
            CRASHES: self._crash,
            CUTS: self._cut,
            ONE_WAY: self._cut_one_way,
            STALLS: self._stall,
            SLOW: self._slow_down,
            DISK_ERRORS: self._fail_disk,
        }

    def skew(self, host: str) -> float:
        """How many seconds the clock of a host is ahead."""
        random = self._world.random(f"skew of {host}")
        return random.uniform(-SKEW_SECONDS, SKEW_SECONDS) if SKEW in self.kinds else 0.0

    def delay(self, host: str) -> float:
        """How many seconds after the others a node starts."""
        random = self._world.random(f"start of {host}")
        return random.choice((0.0, random.uniform(1.0, 6.0))) if LATE in self.kinds else 0.0

    async def leave(self, nodes: Sequence[Node]) -> None:
        """Have one of ``nodes`` fail for good at some moment, its disk included, if nodes leave."""
        random = self._world.random("who leaves")
        await self._sleep(random, 1.0, 8.0)
        if LEAVING in self.kinds and nodes:
            node = random.choice(nodes)
            self.gone[node.host] = None
            if node.is_started and node.is_up:
                node.crash()
            self._world.happened["a node left for good"] += 1

    async def lose_disk(self, nodes: Sequence[Node]) -> None:
        """Have one node go on with an empty disk at some moment, if disks are lost and no node leaves: two
        disks are more than what was acknowledged by another node outlives.
        """
        random = self._world.random("whose disk is lost")
        await self._sleep(random, 1.0, 8.0)
        node = random.choice(nodes)
        if LOST_DISKS in self.kinds and LEAVING not in self.kinds and node.is_started:
            self.emptied[node.host] = None
            node.lose_disk()
            await self._sleep(random, 0.0, 1.0)
            self._start_again(node)

    async def work(self, nodes: Sequence[Node], times: int, hand: int) -> None:
        """Have something go wrong, and get well again, so many times. Several hands may work at once."""
        random = self._world.random(f"faults, hand {hand}")
        acts = [act for kind, act in self._acts.items() if kind in self.kinds]
        for _ in range(times):
            await self._sleep(random, 0.2, 2.0)
            if acts:
                await random.choice(acts)(nodes, random)

    def part(self, nodes: Sequence[Node]) -> None:
        """Have no node hear another one until `heal`, if there are cuts."""
        if CUTS in self.kinds:
            self._world.network.partition(*([node.host] for node in nodes))

    def crash_one(self, nodes: Sequence[Node]) -> None:
        """Have one node fail until `heal`, if there are crashes."""
        staying = [node for node in nodes if node.host not in self.gone]
        if CRASHES in self.kinds and staying:
            self._world.random("the last crash").choice(staying).crash()

    def heal(self, nodes: Sequence[Node]) -> None:
        """From now on nothing is wrong any more."""
        self._world.network.heal()
        self._world.network.config = self._usual
        self._one_way.mend_all()
        for node in nodes:
            node.disk.faults.error = 0.0
            self._start_again(node)

    def _start_again(self, node: Node) -> None:
        if not node.is_up and node.host not in self.gone:
            node.start()

    async def _crash(self, nodes: Sequence[Node], random: Random) -> None:
        """At any moment, or while something is on its way to the disk."""
        node = random.choice(nodes)
        for _ in range(random.choice((0, 1_000))):
            if node.disk.is_writing:
                break
            await self._sleep(random, 0.001, 0.001)
        if not node.is_up or node.host in self.gone:
            return
        node.crash()
        await self._sleep(random, 0.05, 3.0)
        self._start_again(node)

    async def _cut(self, nodes: Sequence[Node], random: Random) -> None:
        """Two groups that hear nothing of each other, or two nodes."""
        hosts = [node.host for node in nodes]
        random.shuffle(hosts)
        at = random.randint(1, len(hosts) - 1)
        pairs = [(one, other) for one in hosts[:at] for other in hosts[at:]]
        await self._part(pairs if random.random() < 0.7 else pairs[:1], random.uniform(0.3, 5.0))
        self._world.happened["nodes were cut off from each other"] += 1

    async def _cut_one_way(self, nodes: Sequence[Node], random: Random) -> None:
        """A node hears another one, which does not hear it."""
        source, target = random.sample([node.host for node in nodes], 2)
        self._one_way.cut(source, target)
        await self._sleep(random, 0.3, 5.0)
        self._one_way.mend(source, target)
        self._world.happened["a node was heard and did not hear"] += 1

    async def _stall(self, nodes: Sequence[Node], random: Random) -> None:
        """Nothing comes through for less time than it takes to notice."""
        one, other = random.sample([node.host for node in nodes], 2)
        await self._part([(one, other)], random.uniform(0.05, 0.8))

    async def _part(self, pairs: Sequence[tuple[str, str]], seconds: float) -> None:
        for one, other in pairs:
            self._world.network.disconnect(one, other)
        await self._world.clock.sleep(seconds)
        for one, other in pairs:
            self._world.network.reconnect(one, other)

    async def _slow_down(self, nodes: Sequence[Node], random: Random) -> None:
        """Everything takes longer for a while, by a factor that differs from message to message."""
        network = self._world.network
        network.config = replace(self._usual, latency=SLOW_SECONDS)
        await self._sleep(random, 0.5, 4.0)
        network.config = self._usual

    async def _fail_disk(self, nodes: Sequence[Node], random: Random) -> None:
        node = random.choice(nodes)
        node.disk.faults.error = random.choice(_ERRORS)
        await self._sleep(random, 0.3, 3.0)
        node.disk.faults.error = 0.0

    async def _sleep(self, random: Random, least: float, most: float) -> None:
        await self._world.clock.sleep(random.uniform(least, most))
