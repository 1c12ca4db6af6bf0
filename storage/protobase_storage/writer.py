"""The one thread that writes: group commit, and the steps of compactions and deletions in between."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue

from .backlog import OVERHEAD, weight_of
from .commit import Commit
from .errors import SequenceConflict, StorageBusy, StorageError, told_again
from .heads import Heads
from .own_files import OwnFiles
from .reserve import Reserve
from .rows import LogRow
from .sqlite_schema import (
    WAL_LIMIT,
    empty_wal,
    free_bytes,
    is_corruption,
    is_full,
    overwrite_failed,
    transaction,
    translate,
)
from .upkeep import Steps
from .work import Append, Delivered, Task

GROUP_COMMITS = 4096
"""Commits one flush carries at most, unless a single append has more."""

GROUP_BYTES = 8 * 1024 * 1024
"""Bytes one flush carries at most, unless a single append has more."""


class Writer:
    """Takes work from the event loop in call order and answers in that order.

    While it flushes, the next group gathers in the queue; idle, it waits without polling.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        heads: Heads,
        reserve: Reserve,
        *,
        on_step: Callable[[str], None],
        clock: Callable[[], float],
        backlog_limit: int,
    ) -> None:
        self._connection = connection
        self._wal = f"{path}-wal"
        self._files = OwnFiles((str(path), self._wal))
        self._heads = heads
        self._reserve = reserve
        self._on_step = on_step
        self._clock = clock
        self._backlog_limit = backlog_limit
        self._loop = asyncio.get_running_loop()
        self._inbox: SimpleQueue[Append | Task | Delivered | None] = SimpleQueue()
        """What the event loop hands over; None: there will be nothing more to do."""
        self._queue: deque[Append | Task | Delivered] = deque()
        """What has been taken out of it."""
        self._tasks: deque[Task] = deque()
        self._failed: dict[str, StorageError] = {}
        self._stopping = False
        self._wal_bound = WAL_LIMIT
        self._dead: StorageError | None = None
        self.backlog = 0
        self.commits = 0
        self.flushes = 0
        self.last_flush_seconds = 0.0
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, name="protobase-storage-writer", daemon=True)

    # On the event loop's thread

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def append(self, commits: Sequence[Commit]) -> asyncio.Future[None]:
        """Queue commits; the future is already failed with `StorageBusy` when the backlog is full."""
        return self._enqueue(Append(commits, self._loop.create_future(), weight_of(commits)))

    def run(self, collection: str | None, steps: Steps, size: int) -> asyncio.Future[None]:
        """Queue a task of `size` bytes; a second one for a collection waits until the first is done."""
        return self._enqueue(Task(collection, steps, self._loop.create_future(), size + OVERHEAD))

    def _enqueue(self, work: Append | Task) -> asyncio.Future[None]:
        if self._dead:
            work.future.set_exception(told_again(self._dead))
        elif self.backlog and self.backlog + work.weight > self._backlog_limit:
            message = f"{self.backlog} bytes wait to be stored; the limit is {self._backlog_limit}"
            work.future.set_exception(StorageBusy(message))
        else:
            self.backlog += work.weight
            self._inbox.put(work)
        return work.future

    async def stop(self) -> None:
        """Finish all that is queued, then end the thread."""
        self._inbox.put(None)
        await self._ended  # and not in a thread, which would outlive a storage that hangs

    def _deliver(self, done: Sequence[Append | Task]) -> None:
        """Complete the futures, in queue order; appends that follow a failure count again from here on."""
        failures = {
            name: work.error
            for work in done
            if isinstance(work, Append) and work.error
            for name in work.collections
        }
        if failures:  # behind what others append before those who wait below are woken
            self._loop.call_soon(self._inbox.put, Delivered(failures))
        for work in done:
            self.backlog -= work.weight
            if work.future.done():  # its caller was cancelled
                continue
            if work.error:
                work.future.set_exception(work.error)
            else:
                work.future.set_result(None)

    # On the writer's thread

    def _run(self) -> None:
        group: list[Append] | None = []
        try:
            while (group := self._take()) is not None:
                if group:
                    self._flush(group)
                if self._tasks:
                    self._advance(self._tasks[0])
            self._seal()
        except BaseException as error:
            self._die(error, group or [])
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    def _seal(self) -> None:
        """Note where the logs end. It helps to find damage later; nothing is lost if there is no room."""
        with contextlib.suppress(sqlite3.Error), transaction(self._connection):
            self._heads.seal()

    def _take(self) -> list[Append] | None:
        """Wait for work. Appends up to the next task, which is put first in turn; None: all is done."""
        while not (self._queue or self._tasks):
            if self._stopping:
                return None
            self._receive()
        while not self._inbox.empty():
            self._receive()
        return self._gather()

    def _receive(self) -> None:
        """Take the next out of the inbox, and wait while there is nothing."""
        work = self._inbox.get()
        if work is None:
            self._stopping = True
        else:
            self._queue.append(work)

    def _gather(self) -> list[Append]:
        group: list[Append] = []
        count = size = 0
        while self._queue:
            work = self._queue[0]
            if isinstance(work, Task):
                self._begin(work)
                break
            if isinstance(work, Append):
                count += len(work.commits)
                size += work.weight
                if group and (count > GROUP_COMMITS or size > GROUP_BYTES):
                    break
                group.append(work)
            elif group:  # what is in the group was queued before the delivery
                break
            else:
                self._forgive(work)
            self._queue.popleft()
        return group

    def _begin(self, task: Task) -> None:
        """Unless another task for the collection, or for all of them (None), is under way."""
        if all(other.collection not in (None, task.collection) for other in self._tasks):
            self._queue.popleft()
            self._tasks.appendleft(task)

    def _forgive(self, delivered: Delivered) -> None:
        for name, error in delivered.failures.items():
            if self._failed.get(name) is error:
                del self._failed[name]

    def _flush(self, group: list[Append]) -> None:
        started = self._clock()
        self._on_step("append:begin")
        try:
            self._files.require()
            self._store(group)
        except StorageError as error:
            self._fail(group, error)
        except sqlite3.Error as error:
            if not (is_full(error) and self._store_in_reserve(group)):
                self._fail(group, error)
        self.flushes += 1
        self.commits += sum(len(append.commits) for append in group if append.error is None)
        self.last_flush_seconds = self._clock() - started
        self._post(group)
        self._on_step("append:delivered")
        self._bound_wal()

    def _store(self, group: list[Append]) -> None:
        """One transaction with what can be stored of the group; the `error` of the others says why not."""
        rows = [row for append in group for row in self._admit(append)]
        names = {name for append in group if append.error is None for name in append.collections}
        try:
            with transaction(self._connection):
                self._heads.save(names)
                self._connection.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
                self._on_step("append:written")
        except BaseException:
            self._heads.forget(names)
            raise
        self._on_step("append:durable")
        self._heads.trim(names)

    def _admit(self, append: Append) -> list[LogRow]:
        for name in append.collections & self._failed.keys():
            append.error = self._failed[name]
            return []
        try:
            self._heads.check(append.commits)
        except StorageError as error:
            append.error = error
            if not isinstance(error, SequenceConflict):  # the medium's fault: what follows would leave a gap
                self._failed |= dict.fromkeys(append.collections, error)
            return []
        return self._heads.plan(append.commits)

    def _fail(self, group: list[Append], error: sqlite3.Error | StorageError) -> None:
        """The transaction failed: a damaged page fails the appends it concerns, anything else all of them."""
        waiting = [append for append in group if append.error is None]
        if isinstance(error, sqlite3.Error) and is_corruption(error) and len(waiting) > 1:
            for append in waiting:
                self._store_alone(append)
            return
        for append in waiting:
            name = min(append.collections, default=None)
            append.error = error if isinstance(error, StorageError) else translate(error, name)
            self._failed |= dict.fromkeys(append.collections, append.error)
        self._take_back()

    def _store_in_reserve(self, group: list[Append]) -> bool:
        """Store a group where the disk is full and the database is not, because something was deleted.

        What is new goes through the write-ahead log, for which the reserve is lent.
        """
        self._clear_wal()
        try:
            room = free_bytes(self._connection) + self._reserve.free()
            if room < 2 * sum(append.weight for append in group):
                return False
            with self._reserve.lent():
                try:
                    self._store(group)
                finally:
                    self._clear_wal()
        except sqlite3.Error:
            return False
        return True

    def _store_alone(self, append: Append) -> None:
        try:
            self._store([append])
        except sqlite3.Error as error:
            self._fail([append], error)

    def _advance(self, task: Task) -> None:
        """One step of a task, then the next one's turn. What it needs to make room, it is lent."""
        try:
            self._files.require()  # else the reserve may be another folder's
        except StorageError as error:
            self._finish(task, error)
            return
        if not self._reserve.is_touched:
            self._step(task)
            return
        with self._reserve.lent():
            self._step(task)
            self._clear_wal()

    def _step(self, task: Task) -> None:
        try:
            next(task.steps)
        except StopIteration:
            self._finish(task)
        except StorageError as error:
            self._finish(task, error)
        except sqlite3.Error as error:
            self._take_back()
            self._finish(task, translate(error, task.collection))
        except (TypeError, ValueError, AttributeError) as error:  # damaged rows have columns of any type
            self._finish(task, StorageError(f"damaged rows of collection {task.collection!r}: {error}"))
        else:
            self._tasks.rotate(-1)

    def _finish(self, task: Task, error: StorageError | None = None) -> None:
        task.error = error
        self._tasks.remove(task)
        self._post([task])

    def _bound_wal(self) -> None:
        try:
            size = os.stat(self._wal).st_size
        except OSError:
            return  # the next flush looks again
        if size > self._wal_bound:
            self._wal_bound = WAL_LIMIT if self._clear_wal() else size + WAL_LIMIT

    def _clear_wal(self) -> bool:
        """Move the write-ahead log into the database and empty it, unless a reader or the medium forbids.

        What is in it needs room in the database before it gives up its own: it is lent the reserve.
        """
        if empty_wal(self._connection):
            return True
        with self._reserve.lent():
            return empty_wal(self._connection)

    def _take_back(self) -> None:
        """Have no recovery find in the write-ahead log what a failed transaction left: it was refused."""
        if not self._clear_wal():
            overwrite_failed(self._connection)

    def _post(self, done: Sequence[Append | Task]) -> None:
        self._loop.call_soon_threadsafe(self._deliver, done)

    def _die(self, error: BaseException, group: list[Append]) -> None:
        """An error nobody foresaw: everything waiting fails, and so does everything that comes later."""
        self._dead = StorageError(f"the storage's writer failed: {error!r}")
        self._dead.__cause__ = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._bury, group)

    def _bury(self, group: list[Append]) -> None:
        while not self._inbox.empty():  # the thread is over
            self._receive()
        for work in [*group, *self._tasks, *self._queue]:
            if not isinstance(work, Delivered) and not work.future.done():
                work.future.set_exception(told_again(self._dead or StorageError()))
        self._queue.clear()
        self._tasks.clear()
