"""A disk that takes its time, fails, and loses power."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random

from protobase_actors import Clock, Timer
from protobase_storage import (
    CollectionInfo,
    Commit,
    Loaded,
    MemoryStorage,
    Snapshot,
    Standing,
    StorageError,
    StorageFull,
    Vector,
)


@dataclass(slots=True)
class DiskFaults:
    """What may go wrong from now on."""

    flush_seconds: tuple[float, float] = (0.0005, 0.02)
    """How long a flush takes, from and to."""
    error: float = 0.0
    """How likely a flush fails."""
    full: bool = False
    """Whether nothing more fits."""


@dataclass(slots=True)
class _Write:
    """Something on its way to the medium."""

    collections: Sequence[str]
    carry_out: Callable[[], None]
    durable: asyncio.Future[None]


class Disk(MemoryStorage):
    """A storage whose writes are buffered, and durable when a flush has ended.

    ``crash`` loses power: of what was buffered a beginning has reached the medium, though nobody was told;
    the rest is lost. Whoever still holds this object then talks to nothing.
    """

    def __init__(self, clock: Clock, random: Random) -> None:
        super().__init__(make_identity=lambda: f"{random.getrandbits(48):012x}")
        self.faults = DiskFaults()
        self.acknowledged = 0
        """Writes that were said to be durable."""
        self.lost = 0
        """Writes that a crash has lost."""
        self.kept_unsaid = 0
        """Writes that had reached the medium when a crash came between that and the answer."""
        self._clock = clock
        self._random = random
        self._buffer: deque[_Write] = deque()
        self._flushing: Timer | None = None
        self._failing: dict[str, StorageError] = {}
        """Collections of which a failure is being delivered: what comes behind it fails with it."""
        self._is_dead = False

    def append(self, commits: Sequence[Commit]) -> asyncio.Future[None]:
        """See `Storage.append`."""
        return self._write([commit.collection for commit in commits], lambda: self._store(commits))

    async def compact(self, snapshot: Snapshot) -> None:
        """See `Storage.compact`."""
        await self._write([snapshot.collection], lambda: self._compact(snapshot))

    async def delete(self, collection: str, remains: bytes = b"") -> None:
        """See `Storage.delete`."""
        await self._write([collection], lambda: self._delete(collection, remains))

    async def erase(self, collection: str, remains: bytes = b"", snapshot: Snapshot | None = None) -> None:
        """See `Storage.erase`. What was there is overwritten with the same flush."""
        await self._write([collection], lambda: self._erase(collection, remains, snapshot))

    async def load(self, collection: str) -> Loaded:
        """See `Storage.load`."""
        await self._written()
        return await super().load(collection)

    async def commits_after(self, collection: str, vector: Vector, limit: int) -> tuple[Commit, ...] | None:
        """See `Storage.commits_after`."""
        await self._written()
        return await super().commits_after(collection, vector, limit)

    async def list(self, prefix: str = "") -> list[CollectionInfo]:
        """See `Storage.list`."""
        await self._written()
        return await super().list(prefix)

    async def standing(self, collection: str) -> Standing:
        """See `Storage.standing`."""
        await self._written()
        return await super().standing(collection)

    async def standings_of(self, collections: Sequence[str]) -> list[Standing]:
        """See `Storage.standings_of`."""
        await self._written()
        return await super().standings_of(collections)

    async def standings(self, after: str = "", limit: int = 1_000) -> list[Standing]:
        """See `Storage.standings`."""
        await self._written()
        return await super().standings(after, limit)

    async def close(self) -> None:
        """See `Storage.close`. Who closes a dead disk is dead himself, and keeps nobody waiting."""
        if not self._is_dead:
            await self._written()
            await super().close()

    @property
    def is_writing(self) -> bool:
        """Whether anything is on its way to the medium."""
        return bool(self._buffer)

    def crash(self) -> Disk:
        """The medium as it is found after the power has failed."""
        survivor = Disk(self._clock, self._random)
        survivor.identity, survivor.faults = self.identity, self.faults
        survivor._collections = self._collections
        kept = self._random.randint(0, len(self._buffer))
        for write in list(self._buffer)[:kept]:
            write.carry_out()
        survivor.acknowledged = self.acknowledged
        survivor.lost = self.lost + len(self._buffer) - kept
        survivor.kept_unsaid = self.kept_unsaid + kept
        self._die()
        return survivor

    def _die(self) -> None:
        """What is written from now on goes nowhere, and nobody is answered any more."""
        self._is_dead = True
        self._collections = {}
        self._buffer.clear()
        if self._flushing is not None:
            self._flushing.cancel()

    def _write(self, collections: Sequence[str], carry_out: Callable[[], None]) -> asyncio.Future[None]:
        self._check_open()
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        failures = [self._failing[name] for name in collections if name in self._failing]
        if failures:
            durable.set_exception(failures[0])
        else:
            self._buffer.append(_Write(collections, carry_out, durable))
            self._flush_later()
        return durable

    async def _written(self) -> None:
        """Wait until what was written before this call is durable or has failed; for ever on a dead disk."""
        if self._is_dead:
            await asyncio.get_running_loop().create_future()
        if self._buffer:
            await asyncio.wait([self._buffer[-1].durable])

    def _flush_later(self) -> None:
        if self._flushing is None and not self._is_dead and self._buffer:
            self._flushing = self._clock.call_later(self._seconds(), self._flush)

    def _flush(self) -> None:
        """Everything that is buffered reaches the medium, or nothing of it."""
        self._flushing = None
        flushed, self._buffer = self._buffer, deque()
        try:
            self._fail_perhaps()
        except StorageError as error:
            self._fail(flushed, error)
            return
        for write in flushed:
            self._carry_out(write)
        self._flush_later()

    def _carry_out(self, write: _Write) -> None:
        try:
            write.carry_out()
        except StorageError as error:  # of this write alone, and not of the medium
            if not write.durable.done():
                write.durable.set_exception(error)
        else:
            self.acknowledged += 1
            if not write.durable.done():
                write.durable.set_result(None)

    def _fail(self, writes: Iterable[_Write], error: StorageError) -> None:
        for write in writes:
            self._failing |= dict.fromkeys(write.collections, error)
            if not write.durable.done():
                write.durable.set_exception(error)
        asyncio.get_running_loop().call_soon(self._failing.clear)  # behind those who are told

    def _fail_perhaps(self) -> None:
        if self.faults.full:
            raise StorageFull("the simulated disk is full")
        if self._random.random() < self.faults.error:
            raise StorageError("the simulated disk failed")

    def _seconds(self) -> float:
        return self._random.uniform(*self.faults.flush_seconds)
