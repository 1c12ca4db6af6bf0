"""A program that transacts through whichever node of a stream it reaches, and knows what it was told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random

import protobase_live as pb
from protobase_live.testing import Node, World
from tests.simulation.reader import SIDES
from tests.simulation.writer import LIMITS, REFUSED
from tests.support.serialisability import Place, Ran, Version, cycle_in

PLACES: Sequence[Place] = [(collection, key) for collection in ("here", "there") for key in "abc"]
"""What programs read and write over each other's shoulders."""

RACES = "races"
"""Where several programs insert the same keys."""


@dataclass(slots=True)
class Told:
    """What all programs of a run were told."""

    acknowledged: set[str] = field(default_factory=set[str])
    """Keys that are on both sides for sure."""
    won: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Who was told to have inserted a key."""
    ran: list[Ran] = field(default_factory=list[Ran])
    """Transactions that were committed for sure."""
    doubtful: dict[str, Ran] = field(default_factory=dict[str, Ran])
    """Those that may have been, by name."""

    def check(self, last: dict[Place, Version]) -> None:
        """Whether all could have run one after the other, and have left what is there in the ``last``."""
        history, end = [*self.ran], Ran("the end", dict(last))
        looked_at = [*history, end]
        while looked_at:  # who was read was committed
            read = {version for ran in looked_at for version in ran.read.values()}
            looked_at = [self.doubtful.pop(name) for name in sorted(read & self.doubtful.keys(), key=str)]
            history += looked_at
        cycle = cycle_in([*history, end])
        assert cycle is None, f"no order explains these transactions: {cycle}"


class Program:
    """One program."""

    def __init__(self, world: World, name: str, nodes: Sequence[Node], told: Told) -> None:
        self.name = name
        self._world = world
        self._urls = [node.url for node in nodes]
        self._random: Random = world.random(name)
        self._told = told
        self._written = 0
        self._acts: Sequence[Callable[[pb.RemoteDatabase], Awaitable[None]]] = (
            self._write_both,
            self._race,
            self._transact,
        )

    async def work(self, over: asyncio.Event) -> None:
        """Write until it is over."""
        while not over.is_set():
            urls = self._random.sample(self._urls, len(self._urls))
            how = {"limits": LIMITS, "clock": self._world.clock, "random": self._random}
            try:
                async with pb.connect(urls, **how) as db:
                    for _ in range(self._random.randint(1, 20)):
                        await self._try(self._random.choice(self._acts), db)
                        await self._world.clock.sleep(self._random.expovariate(6))
                        if over.is_set():
                            return
            except pb.Unavailable:
                await self._world.clock.sleep(0.5)

    async def _try(self, act: Callable[[pb.RemoteDatabase], Awaitable[None]], db: pb.RemoteDatabase) -> None:
        self._written += 1
        try:
            await act(db)
        except pb.OutcomeUnknown:
            self._world.happened["an outcome was unknown"] += 1
        except REFUSED:
            self._world.happened["a write was refused"] += 1

    @property
    def _key(self) -> str:
        return f"{self.name} {self._written}"

    async def _write_both(self, db: pb.RemoteDatabase) -> None:
        """The same key into both sides: into all or none."""
        key = f"{self._key} {' '.join(SIDES)}"
        async with db.transaction() as tx:
            for side in SIDES:
                tx[side].insert({"by": self.name}, key=key)
        self._told.acknowledged.add(key)

    async def _race(self, db: pb.RemoteDatabase) -> None:
        """Insert what others insert, too."""
        key = str(len(self._told.won))
        races = await db.collection(RACES)
        await races.insert({"by": self._key}, key=key)
        self._told.won.setdefault(key, []).append(self._key)

    async def _transact(self, db: pb.RemoteDatabase) -> None:
        """Read some places, and write some of them or none."""
        places = self._random.sample(PLACES, self._random.randint(2, 4))
        written = places[: self._random.randint(0, len(places) - 1)]
        ran = Ran(self._key, wrote=set(written))

        async def body(tx: pb.Transaction) -> None:
            ran.read = {}
            for collection, key in places:
                found = await tx[collection].get(key)
                ran.read[collection, key] = found and found["by"]
            for collection, key in written:
                tx[collection].put({"by": ran.name}, key=key)

        try:
            await db.transact(body)
        except pb.OutcomeUnknown:
            self._told.doubtful[ran.name] = ran
            raise
        self._told.ran.append(ran)
        self._world.happened["a transaction was committed"] += 1
