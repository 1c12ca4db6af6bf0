"""A disk that takes its time, fails, and loses power."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from protobase_actors import Clock, Timer
from protobase_storage import Commit, MemoryStorage, Snapshot, StorageError, StorageFull


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
class _Append:
    commits: Sequence[Commit]
    durable: asyncio.Future[None]


class Disk(MemoryStorage):
    """A storage whose appends are buffered, and durable when a flush has ended.

    ``crash`` loses power: of what was buffered a beginning has reached the medium, though nobody was told;
    the rest is lost. Whoever still holds this object then talks to nothing.
    """

    def __init__(self, clock: Clock, random: Random) -> None:
        super().__init__(make_identity=lambda: f"{random.getrandbits(48):012x}")
        self.faults = DiskFaults()
        self.acknowledged = 0
        """Appends that were said to be durable."""
        self.lost = 0
        """Appends that a crash has lost."""
        self.kept_unsaid = 0
        """Appends that had reached the medium when a crash came between that and the answer."""
        self._clock = clock
        self._random = random
        self._buffer: deque[_Append] = deque()
        self._flushing: Timer | None = None
        self._is_dead = False

    def append(self, commits: Sequence[Commit]) -> asyncio.Future[None]:
        """See `Storage.append`."""
        self._check_open()
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._buffer.append(_Append(commits, durable))
        self._flush_later()
        return durable

    async def compact(self, snapshot: Snapshot) -> None:
        """See `Storage.compact`. A snapshot is written beside the log, and then put in its place."""
        await self._clock.sleep(self._seconds())
        if self._is_dead:
            await asyncio.get_running_loop().create_future()
        self._fail_perhaps()
        await super().compact(snapshot)

    def crash(self) -> Disk:
        """The medium as it is found after the power has failed."""
        survivor = Disk(self._clock, self._random)
        survivor.identity, survivor.faults = self.identity, self.faults
        survivor._collections = self._collections
        kept = self._random.randint(0, len(self._buffer))
        for append in list(self._buffer)[:kept]:
            survivor._store(append.commits)
        survivor.acknowledged = self.acknowledged
        survivor.lost = self.lost + len(self._buffer) - kept
        survivor.kept_unsaid = self.kept_unsaid + kept
        self._die()
        return survivor

    async def close(self) -> None:
        """See `Storage.close`."""
        while self._buffer and not self._is_dead:
            await asyncio.wait([self._buffer[-1].durable])
        await super().close()

    def _die(self) -> None:
        """What is written from now on goes nowhere, and nobody is answered any more."""
        self._is_dead = True
        self._collections = {}
        self._buffer.clear()
        if self._flushing is not None:
            self._flushing.cancel()

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
            for append in flushed:
                append.durable.set_exception(error)
            return
        for append in flushed:
            self._write(append)
        self._flush_later()

    def _write(self, append: _Append) -> None:
        try:
            self._store(append.commits)
        except StorageError as error:
            append.durable.set_exception(error)
        else:
            self.acknowledged += 1
            if not append.durable.cancelled():
                append.durable.set_result(None)

    def _fail_perhaps(self) -> None:
        if self.faults.full:
            raise StorageFull("the simulated disk is full")
        if self._random.random() < self.faults.error:
            raise StorageError("the simulated disk failed")

    def _seconds(self) -> float:
        return self._random.uniform(*self.faults.flush_seconds)
