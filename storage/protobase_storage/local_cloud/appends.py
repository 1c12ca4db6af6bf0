"""Commits on their way into the folder, which wait while the bucket is too far behind."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ..backlog import weight_of
from ..commit import Commit
from ..contract import Storage
from ..errors import StorageBusy, StorageError, StorageFenced, told_again
from ..failures import Failures
from .uploader import Uploader, settle


@dataclass(frozen=True, slots=True, eq=False)
class _Append:
    """Commits that are stored together, their weight in bytes, and whom to answer."""

    commits: Sequence[Commit]
    weight: int
    future: asyncio.Future[None]


class Appends:
    """Carries out appends in call order. What waits for the bucket fails when that takes nothing."""

    def __init__(
        self,
        folder: Storage,
        bucket: Storage,
        place: str,
        *,
        unuploaded_bytes: int,
        unuploaded_seconds: float,
        backlog_limit: int,
    ) -> None:
        """``place`` says to people where the folder is."""
        self.uploader = Uploader(bucket, self._changed)
        self.dead: StorageError | None = None
        """Why nothing is stored any more."""
        self.waiting_bytes = 0
        self._folder = folder
        self._place = place
        self._bytes_limit = unuploaded_bytes
        self._seconds_limit = unuploaded_seconds
        self._backlog_limit = backlog_limit
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Append] = deque()
        self._failures = Failures()
        self._barred: Counter[str] = Counter()
        self._coming = 0
        """Bytes on their way into the folder."""
        self._last: asyncio.Future[None] | None = None
        self._entered_last: asyncio.Future[None] | None = None

    def append(self, commits: Sequence[Commit]) -> asyncio.Future[None]:
        """See `Storage.append`; the commits were checked."""
        append = _Append(commits, weight_of(commits), self._loop.create_future())
        if error := self._refusal(commits):
            settle(append.future, error)
        elif not self._waiting and self._may_enter(append):
            self._enter(append)
        elif self._waiting and self.waiting_bytes + append.weight > self._backlog_limit:
            message = f"{self.waiting_bytes} bytes wait for the bucket; the limit is {self._backlog_limit}"
            settle(append.future, StorageBusy(message))
        else:
            self._waiting.append(append)
            self.waiting_bytes += append.weight
        if not append.future.done():
            self._last = append.future
        return append.future

    def _refusal(self, commits: Sequence[Commit]) -> StorageError | None:
        if self.dead:
            return told_again(self.dead)
        try:
            self._failures.check(commits)
        except StorageError as error:
            return error
        return None

    @contextmanager
    def barred(self, collection: str) -> Generator[None]:
        """Until the end of the block, what is appended to a collection waits."""
        self._barred[collection] += 1
        try:
            yield
        finally:
            self._barred[collection] -= 1
            self._barred += Counter()  # without zeros
            self._release()

    async def settled(self, last: asyncio.Future[None] | None) -> None:
        """Wait until ``last``, all before it, and all that is on its way into the folder have been answered
        and uploaded. Raises why not."""
        for each in (last, self._entered_last):
            if each and not each.done():
                await asyncio.wait([each])
        if self.dead:
            raise told_again(self.dead)
        try:
            await self.uploader.flush()
        except StorageFenced as error:
            raise told_again(self.dead or error) from error

    @property
    def last(self) -> asyncio.Future[None] | None:
        """The newest append."""
        return self._last

    async def stop(self) -> None:
        """Have all answered, and as much uploaded as the bucket takes."""
        if self._last and not self._last.done():
            await asyncio.wait([self._last])
        await self.uploader.stop()

    def _may_enter(self, append: _Append) -> bool:
        behind = self.uploader.bytes + self._coming
        if behind and (behind >= self._bytes_limit or self.uploader.seconds >= self._seconds_limit):
            return False
        return not any(commit.collection in self._barred for commit in append.commits)

    def _enter(self, append: _Append) -> None:
        self._coming += append.weight
        self._entered_last = append.future
        stored = self._folder.append(append.commits)
        stored.add_done_callback(lambda stored: self._entered(append, stored))

    def _entered(self, append: _Append, stored: asyncio.Future[None]) -> None:
        self._coming -= append.weight
        error = stored.exception()
        if error is None and append.commits:
            self.uploader.add(append.commits)
        self._answer(append, error)
        if error is not None:
            self._fail_behind()
        self._release()

    def _fail_behind(self) -> None:
        """What waits behind a loss, of the same collections, is not stored either."""
        waiting, self._waiting = self._waiting, deque[_Append]()
        for each in waiting:
            try:
                self._failures.check(each.commits)
            except StorageError as error:
                self.waiting_bytes -= each.weight
                self._answer(each, error)
            else:
                self._waiting.append(each)

    def _answer(self, append: _Append, error: BaseException | None) -> None:
        if isinstance(error, StorageError):
            self._failures.add(append.commits, error)
            self._failures.deliver(append.commits, error)
            error = told_again(error)
        settle(append.future, error)

    def _changed(self, error: StorageError | None) -> None:
        """The bucket has taken something, or has not."""
        if isinstance(error, StorageFenced):
            error = self.dead = self._fenced(error)
        if error is None:
            self._release()
            return
        waiting, self._waiting = self._waiting, deque()
        self.waiting_bytes = 0
        for append in waiting:
            self._answer(append, error)

    def _fenced(self, error: StorageFenced) -> StorageFenced:
        count = self.uploader.commits
        return StorageFenced(f"{error}. {lost(count, self._place) if count else 'All was uploaded.'}")

    def _release(self) -> None:
        while self._waiting and self._may_enter(self._waiting[0]):
            append = self._waiting.popleft()
            self.waiting_bytes -= append.weight
            self._enter(append)


def lost(commits: int, place: str) -> str:
    """What is told of commits that never came into the bucket."""
    return (
        f"{commits} commits were acknowledged here and are not in the bucket: {place} has them. "
        "See docs/cloud.md, 'When a folder comes back'"
    )
