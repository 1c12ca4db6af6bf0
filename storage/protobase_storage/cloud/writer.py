"""The one who writes: takes what waits into the next slot, and answers in call order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

from ..backlog import OVERHEAD, weight_of
from ..commit import Commit, Snapshot
from ..errors import StorageBusy, StorageClosed, StorageError, StorageFenced, told_again
from ..failures import Failures
from .errors import storage_error
from .log import SlotLog
from .objects import ObjectError
from .plan import Plan
from .state import State
from .upkeep import Upkeep
from .values import Effect, Published
from .works import AnyWork, Append, Compaction, Deletion

SLOT_EFFECTS = 4096
"""Commits, snapshots and deletions one slot carries at most, unless a single append has more."""

SLOT_BYTES = 8 * 1024 * 1024
"""Bytes one slot carries at most, unless a single append has more."""


@dataclass(slots=True)
class _Group:
    """What goes into one slot, and whom to answer when it is durable, in call order."""

    effects: list[Effect] = field(default_factory=list[Effect])
    works: list[AnyWork] = field(default_factory=list[AnyWork])
    weight: int = 0

    def has_room_for(self, work: AnyWork) -> bool:
        """Whether it fits; the first one always does."""
        if not self.works:
            return True
        count = len(work.commits) if isinstance(work, Append) else 1
        return len(self.effects) + count <= SLOT_EFFECTS and self.weight + work.weight <= SLOT_BYTES


class Writer:
    """One slot is in flight; what is called meanwhile waits for the next."""

    def __init__(
        self,
        state: State,
        log: SlotLog,
        upkeep: Upkeep,
        *,
        interval: float,
        backlog_limit: int,
        clock: Callable[[], float],
    ) -> None:
        self._state = state
        self._log = log
        self._upkeep = upkeep
        self._plan = Plan(state)
        self._interval = interval
        self._backlog_limit = backlog_limit
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._queue: deque[AnyWork] = deque()
        self._uploaded: list[Compaction] = []
        self._compacting: dict[str, Compaction] = {}
        self._failures = Failures()
        self._tasks: set[asyncio.Task[None]] = set()
        self._checkpoint: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._stopping = False
        self._next_start = self._loop.time()
        self.dead: StorageError | None = None
        """Why nothing is written any more."""
        self.backlog = 0
        self.commits = 0
        self.flushes = 0
        self.last_flush_seconds = 0.0
        self._run_task = self._loop.create_task(self._run())

    def append(self, commits: Sequence[Commit]) -> asyncio.Future[None]:
        """Queue commits; the future is already failed with `StorageBusy` when the backlog is full."""
        return self._enqueue(Append(self._loop.create_future(), weight_of(commits), commits=commits))

    def compact(self, snapshot: Snapshot) -> asyncio.Future[None]:
        """Queue a snapshot; another one for the collection waits until this one counts."""
        weight = len(snapshot.update) + OVERHEAD
        return self._enqueue(Compaction(self._loop.create_future(), weight, snapshot=snapshot))

    def delete(
        self, collection: str, remains: bytes, instead: Published | None = None
    ) -> asyncio.Future[None]:
        """Queue a deletion; `instead` takes the collection's place."""
        weight = len(remains) + OVERHEAD
        return self._enqueue(Deletion(self._loop.create_future(), weight, None, collection, remains, instead))

    async def stop(self) -> None:
        """Finish all that is queued."""
        self._stopping = True
        self._wake.set()
        await self._run_task
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _enqueue(self, work: AnyWork) -> asyncio.Future[None]:
        try:
            self._check_room(work)
        except StorageError as error:
            work.future.set_exception(error)
        else:
            self.backlog += work.weight
            self._queue.append(work)
            self._wake.set()
        return work.future

    def _check_room(self, work: AnyWork) -> None:
        if self.dead:
            raise told_again(self.dead)
        if self._stopping:
            raise StorageClosed("the storage was closed meanwhile")
        if isinstance(work, Append):
            self._failures.check(work.commits)
        if self.backlog and self.backlog + work.weight > self._backlog_limit:
            raise StorageBusy(f"{self.backlog} bytes wait to be stored; the limit is {self._backlog_limit}")

    async def _run(self) -> None:
        group = _Group()
        try:
            while await self._has_work():
                await self._pace()
                group = _Group()
                self._gather(group)
                await self._store(group)
        except Exception as error:  # one that nobody foresaw
            self.dead = StorageError(f"the storage's writer failed: {error!r}")
            self.dead.__cause__ = error
        if self.dead:
            self._fail([work for work in group.works if not work.future.done()], self.dead)

    async def _has_work(self) -> bool:
        """Wait for something that can be stored. False: no more comes, or nothing can be stored any more."""
        while not (self.dead or self._uploaded or (self._queue and not self._is_blocked(self._queue[0]))):
            if self._stopping and not self._compacting:
                return False
            self._wake.clear()
            await self._wake.wait()
        return not self.dead

    def _is_blocked(self, work: AnyWork) -> bool:
        """Whether it must wait for another snapshot of its collection, and all behind it wait with it."""
        return not isinstance(work, Append) and work.collection in self._compacting

    async def _pace(self) -> None:
        """Wait until the next slot may start, or for a checkpoint that is far behind.

        A checkpoint waits for the snapshots under way, and these for a slot once they are uploaded.
        """
        while self._is_behind() and not self._uploaded:
            self._wake.clear()
            await self._wake.wait()
        delay = self._next_start - self._loop.time()
        if delay > 0 and not self._stopping:
            await asyncio.sleep(delay)
        self._next_start = self._loop.time() + self._interval

    def _is_behind(self) -> bool:
        checkpoint = self._checkpoint
        return checkpoint is not None and not checkpoint.done() and self._upkeep.is_behind

    def _gather(self, group: _Group) -> None:
        """The snapshots that were uploaded, and what waits, up to the limits of a slot."""
        group.works += self._uploaded
        group.effects += [each.published for each in self._uploaded if each.published]
        self._uploaded.clear()
        while self._queue:
            work = self._queue[0]
            if self._is_blocked(work) or not group.has_room_for(work):
                break
            self._admit(work, group)
            self._queue.popleft()

    def _admit(self, work: AnyWork, group: _Group) -> None:
        """Into the group; a compaction that begins only now will be in a later one."""
        try:
            if isinstance(work, Append):
                self._failures.check(work.commits)
            effects = work.admit(self._plan)
        except StorageError as error:
            work.error = error
            if isinstance(work, Append):
                self._failures.add(work.commits, error)
        else:
            if isinstance(work, Compaction):
                self._compacting[work.collection] = work
                self._start(self._compact(work))
                return
            group.effects += effects
        group.works.append(work)
        group.weight += work.weight

    async def _compact(self, work: Compaction) -> None:
        """Upload a snapshot, and keep the gate until it counts or was given up."""
        try:
            async with self._upkeep.gate.shared():
                work.published = await self._upkeep.upload(work.snapshot)
                if not work.settled.is_set():
                    self._uploaded.append(work)
                    self._wake.set()
                    await work.settled.wait()
        except (ObjectError, StorageError) as error:
            if not work.settled.is_set():
                work.error = storage_error(error)
                self._settle([work])
                self._wake.set()

    async def _store(self, group: _Group) -> None:
        started = self._clock()
        try:
            if group.effects:
                self._upkeep.grew(await self._log.add(group.effects))
                self.flushes += 1
        except (ObjectError, StorageError) as error:
            self._fail(group.works, storage_error(error))
            return
        self._state.apply(group.effects)
        self.commits += sum(len(work.commits) for work in group.works if _is_stored(work))
        self.last_flush_seconds = self._clock() - started
        self._settle(group.works)
        if self._upkeep.is_due and (self._checkpoint is None or self._checkpoint.done()):
            self._checkpoint = self._start(self._make_checkpoint())
            self._checkpoint.add_done_callback(lambda _: self._wake.set())

    def _settle(self, works: Sequence[AnyWork]) -> None:
        for work in works:
            self.backlog -= work.weight
            if isinstance(work, Compaction) and self._compacting.get(work.collection) is work:
                del self._compacting[work.collection]
                self._plan.end(work.snapshot, stored=work.error is None)
            if isinstance(work, Append) and work.error:
                self._failures.deliver(work.commits, work.error)
            work.settle()

    def _fail(self, works: Sequence[AnyWork], error: StorageError) -> None:
        """A slot was not stored, or no more will be: what comes behind fails with it."""
        if isinstance(error, StorageFenced):
            self.dead = error
        waiting = [each for each in self._compacting.values() if each not in works]
        failed = [*works, *waiting, *self._queue]
        self._queue.clear()
        self._uploaded.clear()
        for work in failed:
            work.error = work.error or error  # its own has failed others already
            if isinstance(work, Append):
                self._failures.add(work.commits, work.error)
        self._settle(failed)
        self._plan.reset()

    async def _make_checkpoint(self) -> None:
        try:
            await self._upkeep.checkpoint()
        except StorageFenced as error:
            self.dead = error
            self._wake.set()
        except (ObjectError, StorageError):
            pass  # the slots stay as they are, and the next checkpoint takes them along

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _is_stored(work: AnyWork) -> TypeGuard[Append]:
    return isinstance(work, Append) and work.error is None
