"""The one who writes in this process: takes what waits into a round, and answers in call order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

from ..backlog import OVERHEAD, weight_of
from ..commit import NOTHING, Commit, Snapshot, Vector, includes, join
from ..errors import (
    CollectionCorrupt,
    StaleSnapshot,
    StorageBusy,
    StorageClosed,
    StorageError,
    StorageOutdated,
    told_again,
)
from .heads import Heads
from .limits import BATCH_MESSAGES, CALLS_AT_ONCE
from .parcels import Parcel, parcels_of
from .sender import Sender
from .upkeep import Upkeep
from .values import Published
from .works import BEATEN, AnyWork, Append, Claims, Compaction, Deletion, Plan, Replaced

ROUND_WORKS = 4096
"""Appends, snapshots and deletions of one round, at most."""

ROUND_BYTES = 8 * 1024 * 1024
"""Bytes of one round, at most, unless a single append has more."""


class Writer:
    """One round is under way; what is called meanwhile waits for the next."""

    def __init__(
        self,
        heads: Heads,
        sender: Sender,
        upkeep: Upkeep,
        *,
        backlog_limit: int,
        clock: Callable[[], float],
        is_followed: Callable[[str], bool],
    ) -> None:
        """``is_followed`` as in `Plan`."""
        self._heads = heads
        self._sender = sender
        self._upkeep = upkeep
        self._is_followed = is_followed
        self._backlog_limit = backlog_limit
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._queue: deque[AnyWork] = deque()
        self._put: list[Compaction] = []
        self._compacting: dict[str, Compaction] = {}
        self._lost: dict[str, StorageError] = {}
        """Why something of these collections is lost, until its caller is about to hear of that."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._stopping = False
        self.dead: StorageError | None = None
        """Why nothing is written any more."""
        self.backlog = 0
        self.commits = 0
        self.flushes = 0
        self.last_flush_seconds = 0.0
        self._run_task = self._loop.create_task(self._run())

    def append(self, commits: Sequence[Commit], known: Mapping[str, Vector]) -> asyncio.Future[None]:
        """Queue commits; the future is already failed with `StorageBusy` when the backlog is full."""
        weight = weight_of(commits)
        return self._enqueue(Append(self._loop.create_future(), weight, commits=commits, known=known))

    async def compact(self, snapshot: Snapshot) -> None:
        """Store a snapshot, and have what it covers dropped."""
        weight = len(snapshot.update) + OVERHEAD
        work = Compaction(self._loop.create_future(), weight, snapshot=snapshot)
        try:
            await self._enqueue(work)
        except (StaleSnapshot, Replaced):
            await self._upkeep.drop_vain(work)
            raise
        await self._upkeep.drop_covered(work)

    async def delete(
        self,
        collection: str,
        remains: bytes,
        snapshot: Snapshot | None = None,
        instead: Published | None = None,
    ) -> Deletion:
        """Store a deletion; `instead`, which is this `snapshot`, takes the collection's place. What was there
        may be dropped then."""
        weight = len(remains) + OVERHEAD
        work = Deletion(self._loop.create_future(), weight, None, collection, remains, snapshot, instead)
        await self._enqueue(work)
        return work

    async def stop(self) -> None:
        """Finish all that is queued."""
        self._stopping = True
        self._wake.set()
        await self._run_task
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _enqueue(self, work: AnyWork) -> asyncio.Future[None]:
        if error := self._refusal(work):
            work.future.set_exception(error)
        elif self.backlog and self.backlog + work.weight > self._backlog_limit:
            message = f"{self.backlog} bytes wait to be stored; the limit is {self._backlog_limit}"
            work.future.set_exception(StorageBusy(message))
        else:
            self.backlog += work.weight
            self._queue.append(work)
            self._wake.set()
        return work.future

    def _refusal(self, work: AnyWork) -> StorageError | None:
        if self._stopping:
            return StorageClosed("the storage was closed meanwhile")
        if self.dead:
            return told_again(self.dead)
        lost = (self._lost.get(name) for name in work.collections)
        return next((error for error in lost if error and not _allows(error, work)), None)

    async def _run(self) -> None:
        works: list[AnyWork] = []
        try:
            while await self._has_work():
                works = self._gather()
                await self._round(works)
                self._heads.trim()
        except Exception as error:  # one that nobody foresaw
            self.dead = StorageError(f"the storage's writer failed: {error!r}")
            self.dead.__cause__ = error
            self._fail([*works, *self._queue, *self._compacting.values()], self.dead)
            self._queue.clear()

    async def _has_work(self) -> bool:
        """Wait for something that can be stored. False: no more comes."""
        while not (self._put or (self._queue and not self._is_blocked(self._queue[0]))):
            if self._stopping and not self._compacting:
                return False
            self._wake.clear()
            await self._wake.wait()
        return True

    def _is_blocked(self, work: AnyWork) -> bool:
        """Whether it must wait for a snapshot of its collection, and all behind it wait with it."""
        return not isinstance(work, Append) and work.collections[0] in self._compacting

    def _gather(self) -> list[AnyWork]:
        """The snapshots that were put, and what waits, up to the limits of a round."""
        works: list[AnyWork] = [*self._put]
        self._put.clear()
        weight, collections = 0, set[str]()
        while self._queue and len(works) < ROUND_WORKS:
            work = self._queue[0]
            wider = collections.union(work.collections)
            is_full = weight + work.weight > ROUND_BYTES or len(wider) > BATCH_MESSAGES
            if self._is_blocked(work) or _is_behind_deletion(work, works) or (works and is_full):
                break
            if isinstance(work, Compaction):
                self._compacting[work.collections[0]] = work  # what is behind it, and is none, goes on
            works.append(self._queue.popleft())
            collections, weight = wider, weight + work.weight
        return works

    async def _round(self, works: Sequence[AnyWork]) -> None:
        started = self._clock()
        unreadable = await self._find_heads(works)
        lost = [(work.changed, work.error) for work in works if work.error]
        ready, begun = self._checked(works)
        parcels = parcels_of(ready)
        failures = await asyncio.gather(*[self._send(each) for each in parcels])
        self._heads.forget(unreadable)
        if parcels:
            self.flushes += 1
            self.last_flush_seconds = self._clock() - started
        settled = [work for work in works if work not in begun]
        self.commits += sum(
            len(each.commits) for each in settled if isinstance(each, Append) and not each.error
        )
        self._loop.call_soon(self._lost.clear)  # sooner than what waits for the futures
        self._settle(settled)
        beaten = [(each.changed, each.error) for each in settled if isinstance(each.error, BEATEN)]
        self._fail_behind([*lost, *beaten, *(each for each in failures if each)])

    async def _find_heads(self, works: Sequence[AnyWork]) -> list[str]:
        """Read where the collections end that are not known. The answer is which cannot be read: one that is
        corrupt can be deleted, and nothing else. What is behind a work that fails for it fails, too."""
        slots, based, claims = asyncio.Semaphore(CALLS_AT_ONCE), self._based(works), Claims(works)

        async def find(name: str) -> StorageError | None:
            async with slots:
                try:
                    head = await self._upkeep.find(name)
                    # What is known may be of before a deletion by others: nothing is refused for it alone.
                    is_doubtful = claims.contradict(name, head.vector)
                    if is_doubtful or not includes(head.vector, based.get(name, NOTHING)):
                        await self._heads.catch_up(name)
                except StorageError as error:
                    return error
            return None

        names = {name: None for work in works for name in work.collections}
        errors = dict(zip(names, await asyncio.gather(*[find(name) for name in names]), strict=True))
        lost = dict[str, StorageError]()
        for work in works:
            told = [lost.get(name) or errors[name] for name in work.collections]
            work.error = next((error for error in told if error and not _allows(error, work)), None)
            if work.error:
                lost |= dict.fromkeys(work.changed, work.error)
        return [name for name, error in errors.items() if error]

    def _based(self, works: Iterable[AnyWork]) -> dict[str, dict[str, int]]:
        """What others have stored on which commits of followed collections were made."""
        appends = [work for work in works if isinstance(work, Append)]
        commits = [each for work in appends for each in work.commits]
        own = {(each.collection, each.origin) for each in commits}
        told = [(each.collection, each.after) for each in commits]
        based: dict[str, dict[str, int]] = {}
        for name, vector in (*told, *(each for work in appends for each in work.known.items())):
            if self._is_followed(name):
                others = {o: n for o, n in vector.items() if (name, o) not in own}
                based[name] = join(based.get(name, NOTHING), others)
        return based

    def _checked(self, works: Iterable[AnyWork]) -> tuple[list[AnyWork], list[Compaction]]:
        """Those that can be stored now, and snapshots that are put first, which begins now."""
        plan, ready, begun = Plan(self._heads, self._is_followed), list[AnyWork](), list[Compaction]()
        for work in works:
            if work.error is not None or not work.collections:
                continue
            try:
                work.check(plan)
            except StorageError as error:
                work.error = error
                plan.lose(work)
                continue
            if isinstance(work, Compaction) and work.published is None:
                self._heads.known(work.collections[0]).coming = work.snapshot.vector
                self._start(work)
                begun.append(work)
            else:
                ready.append(work)
        return ready, begun

    async def _send(self, parcel: Parcel) -> tuple[tuple[str, ...], StorageError] | None:
        """The collections of a parcel that is not stored, if it is not, and why."""
        names = parcel.collections
        try:
            await self._sender.send(parcel)
        except StorageError as error:
            self._heads.forget(names)
            for work in parcel.works:
                work.error = error
            return names, error
        return None

    def _settle(self, works: Iterable[AnyWork]) -> None:
        for work in works:
            if isinstance(work, Compaction):
                self._end_compaction(work)
            self.backlog -= work.weight
            work.settle()

    def _end_compaction(self, work: Compaction) -> None:
        name = work.collections[0]
        if self._compacting.get(name) is work:
            del self._compacting[name]
            self._heads.settle(name)

    def _fail_behind(self, failures: Iterable[tuple[tuple[str, ...], StorageError]]) -> None:
        """What was called behind something that is lost is not stored either."""
        lost = {name: error for names, error in failures for name in names}
        if not lost:
            return
        waiting, self._queue = self._queue, deque()
        for work in waiting:
            error = next((lost[name] for name in work.collections if name in lost), None)
            if error and not _allows(error, work):
                lost |= dict.fromkeys(work.changed, error)
                work.error = error
                self._settle([work])
            else:
                self._queue.append(work)
        self._lost |= lost

    def _fail(self, works: Iterable[AnyWork], error: StorageError) -> None:
        failed = [work for work in works if not work.future.done()]
        for work in failed:
            work.error = work.error or error
        self._settle(failed)

    def _start(self, work: Compaction) -> None:
        task = self._loop.create_task(self._upload(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _upload(self, work: Compaction) -> None:
        try:
            await self._upkeep.put(work)
        except StorageError as error:
            work.error = error
            self._settle([work])
        else:
            self._put.append(work)
        self._wake.set()


def _allows(error: StorageError, work: AnyWork) -> bool:
    """Whether what is behind something that was lost to this error does not depend on it."""
    is_outdated = isinstance(work, Compaction) and isinstance(error, StorageOutdated)
    return is_outdated or (isinstance(work, Deletion) and isinstance(error, CollectionCorrupt))


def _is_behind_deletion(work: AnyWork, works: Iterable[AnyWork]) -> bool:
    """Whether it is a snapshot, and one of these a deletion, which would drop it while it is put."""
    return isinstance(work, Compaction) and any(
        isinstance(each, Deletion) and each.collections == work.collections for each in works
    )
