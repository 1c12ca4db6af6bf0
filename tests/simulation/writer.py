"""A program that writes at one node of a cluster, and what it knows of what it has written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import protobase_live as pb
from protobase_live.client.remote_database import RemoteDatabase
from protobase_live.collection.former import FIRST, History
from protobase_live.testing import Node, World
from tests.simulation.agreement import standings

TASKS = "tasks"
SHARED = "shared"
JOINT = ("left", "middle", "right")
SCRATCH = "scratch"
"""What is deleted and restored now and then."""

PERMANENT = (TASKS, SHARED, *JOINT)

SHARED_KEYS = ("a", "b", "c")

LIMITS = pb.ClientLimits(call_seconds=5.0, max_backoff_seconds=0.5, attempt_seconds=1.0, silence_seconds=1.0)

LEVELS = ("local", "local", "peers=1", "majority")

REFUSED = (
    pb.Unavailable,
    pb.LimitExceeded,
    pb.StorageFailed,
    pb.Conflict,
    pb.RecordExists,
    pb.RecordMissing,
)
"""How a node says that nothing was done."""


@dataclass(slots=True)
class Journal:
    """What one program knows of what it has written."""

    acknowledged: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    """Records that were inserted for sure, by collection; of those that are never deleted."""
    replicated: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    """Those of them of which it was said that they are on another node, too."""
    joint: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """In which collections the records of a transaction are, if anywhere."""
    buried: set[str] = field(default_factory=set[str])
    """Records that were erased for sure."""
    dropped: list[tuple[History, set[str]]] = field(default_factory=list[tuple[History, set[str]]])
    """Records that were there when their collection was deleted for sure, and what history began then."""
    erased: list[History] = field(default_factory=list[History])
    """In which histories records were erased: that counts above all deletions that are not known there."""
    restored: list[bytes] = field(default_factory=list[bytes])
    """Backups that may have been put back."""

    def may_have_overruled(self, deletion: History) -> bool:
        """Whether a record was erased where a deletion was not known, however long after it."""
        return any(each < deletion for each in self.erased)

    def may_have_restored(self, key: str) -> bool:
        """Whether a backup has the key: what came and was deleted while it was taken can be in it, too."""
        return any(key.encode() in stored for stored in self.restored)


class Writer:
    """One program."""

    def __init__(self, world: World, node: Node, *, erases: bool = False) -> None:
        self.node = node
        self.journal = Journal()
        self._world = world
        self._name = f"writer at {node.host}"
        self._random = world.random(f"{self._name}'s pace")
        self._written = 0
        self._backup: bytes | None = None
        self._acts: tuple[tuple[Callable[[RemoteDatabase], Awaitable[None]], int], ...] = (
            (self._insert, 8),
            (self._share, 6),
            (self._write_jointly, 6),
            (self._scribble, 4),
            (self._drop, 1),
            (self._restore, 1),
            *(((self._erase, 1),) if erases else ()),
        )

    async def work(self, over: asyncio.Event) -> None:
        """Write until it is over."""
        acts, weights = zip(*self._acts, strict=True)
        while not over.is_set():
            try:
                async with self._connected() as db:
                    while not over.is_set():
                        (act,) = self._random.choices(acts, weights)
                        await self._try(act, db)
                        await self._world.clock.sleep(self._random.expovariate(6))
            except pb.Unavailable:  # the node has not started
                await self._world.clock.sleep(0.5)

    def _connected(self):
        random = self._world.random(f"{self._name} {self._written}")
        return pb.connect(self.node.url, limits=LIMITS, clock=self._world.clock, random=random)

    async def _try(self, act: Callable[[RemoteDatabase], Awaitable[None]], db: RemoteDatabase) -> None:
        try:
            await act(db)
        except pb.OutcomeUnknown:
            self._world.happened["an outcome was unknown"] += 1
        except REFUSED:
            self._world.happened["a write was refused"] += 1

    def _key(self) -> str:
        self._written += 1
        return f"{self.node.host}-{self._written}"

    async def _insert(self, db: RemoteDatabase) -> None:
        key = self._key()
        async with self._transaction(db, (TASKS,), key) as tx:
            tx[TASKS].insert({"by": self._name}, key=key)

    async def _share(self, db: RemoteDatabase) -> None:
        """Write what others write, too."""
        shared, key = await db.collection(SHARED), self._random.choice(SHARED_KEYS)
        act = self._random.randrange(3)
        if act == 0:
            await shared.put({"by": self._key()}, key=key)
        elif act == 1:
            await shared.update(key, {self.node.host: self._key()})
        else:
            await shared.delete(key)

    async def _write_jointly(self, db: RemoteDatabase) -> None:
        """The same key into two or three collections: into all or none."""
        names = tuple(self._random.sample(JOINT, self._random.choice((2, 3))))
        key = f"{self._key()} {' '.join(sorted(names))}"
        self.journal.joint[key] = names
        also = (SCRATCH,) if self._random.random() < 0.2 else ()
        async with self._transaction(db, names, key) as tx:
            for name in (*names, *also):
                tx[name].insert({"by": self._name}, key=key)

    @asynccontextmanager
    async def _transaction(
        self, db: RemoteDatabase, names: Iterable[str], key: str
    ) -> AsyncIterator[pb.Transaction]:
        """One that inserts a key into these, and is noted as it was acknowledged."""
        level = self._random.choice(LEVELS)
        try:
            async with db.transaction(durability=level) as tx:
                yield tx
            others = tx.receipt.nodes - 1
        except pb.NotReplicated:  # durable here
            others = 0
            self._world.happened["a write was not replicated in time"] += 1
        else:
            assert others or level == "local", f"{level} was acknowledged with no other node"
        for name in names:
            self.journal.acknowledged.setdefault(name, set()).add(key)
            if others:
                self.journal.replicated.setdefault(name, set()).add(key)
                self._world.happened["a write was acknowledged by other nodes"] += 1

    async def _scribble(self, db: RemoteDatabase) -> None:
        await (await db.collection(SCRATCH)).insert({"by": self._name}, key=self._key())

    async def _drop(self, db: RemoteDatabase) -> None:
        keys = set(await (await db.collection(SCRATCH)).keys())
        await db.drop(SCRATCH)
        self.journal.dropped.append((await self._history(), keys))
        self._world.happened["a collection was deleted"] += 1

    async def _erase(self, db: RemoteDatabase) -> None:
        """A record. Unless all nodes are known to have done it, it may be back."""
        keys = await (await db.collection(SCRATCH)).keys()
        if keys:
            key = self._random.choice(keys)
            self.journal.erased.append(await self._history())
            erasure = await db.erase(SCRATCH, key)
            self._world.happened["a record was erased"] += 1
            if not erasure.left:
                self.journal.buried.add(key)
                self._world.happened["a record was erased on all nodes"] += 1

    async def _history(self) -> History:
        """That of the collection at this node."""
        history, _ = (await standings(self.node)).get(SCRATCH, (FIRST, {}))
        return history

    async def _restore(self, db: RemoteDatabase) -> None:
        """Take a backup, or put the last one back in the place of what is there."""
        if self._backup is None:
            self._backup = await db.stored(SCRATCH)
            return
        stored, self._backup = self._backup, None
        self.journal.restored.append(stored)
        await db.drop(SCRATCH)
        with suppress(pb.ValidationError):  # somebody else has written there meanwhile
            await db.restore(SCRATCH, stored)
        self._world.happened["a collection was restored"] += 1
