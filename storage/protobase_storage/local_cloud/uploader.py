"""What the folder has and the bucket has not yet, on its way there."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..backlog import weight_of
from ..commit import Commit
from ..contract import Storage
from ..errors import CollectionCorrupt, StorageClosed, StorageError, StorageFenced

SLOT_BYTES = 8 * 1024 * 1024
"""Bytes after which what waits goes on in another write to the bucket."""

RETRY_SECONDS = 1.0
"""How long to wait before the bucket is asked again that took nothing, however often it was asked."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Upload:
    """Commits that were stored together, their weight in bytes, and when they were acknowledged."""

    commits: Sequence[Commit]
    weight: int
    since: float


class Uploader:
    """Stores in the bucket what was stored in the folder, in the same order and with the same wholes."""

    def __init__(self, bucket: Storage, on_change: Callable[[StorageError | None], None]) -> None:
        """``on_change`` is called after each write to the bucket, with why it took nothing."""
        self._bucket = bucket
        self._on_change = on_change
        self._loop = asyncio.get_running_loop()
        self._queue: deque[_Upload] = deque()
        self._wake = asyncio.Event()
        self._flushed: list[tuple[int, asyncio.Future[None]]] = []
        """Who waits, and for how many uploads."""
        self._added = self._done = 0
        self._is_failing = self._is_stopping = False
        self.bytes = 0
        """Of what is in the folder alone."""
        self.set_aside: set[str] = set()
        """Collections that are damaged in the bucket: it takes nothing of them, until they are deleted."""
        self._running = self._loop.create_task(self._run())

    @property
    def seconds(self) -> float:
        """How long the oldest of it has been there."""
        return self._loop.time() - self._queue[0].since if self._queue else 0.0

    @property
    def commits(self) -> int:
        """How many there are."""
        return sum(len(each.commits) for each in self._queue)

    def add(self, commits: Sequence[Commit]) -> None:
        """The folder has them."""
        upload = _Upload(commits, weight_of(commits), self._loop.time())
        self._queue.append(upload)
        self.bytes += upload.weight
        self._added += 1
        self._wake.set()

    async def flush(self) -> None:
        """Wait until all is in the bucket that is in the folder now. Raises why the bucket took nothing,
        and `StorageClosed` if nothing is uploaded any more."""
        if self._done < self._added:
            if self._running.done():
                raise StorageClosed("the storage was closed, and the bucket has not taken everything")
            flushed = self._loop.create_future()
            self._flushed.append((self._added, flushed))
            self._wake.set()
            await flushed

    async def stop(self) -> None:
        """Upload what there is; what the bucket does not take stays in the folder."""
        self._is_stopping = True
        self._wake.set()
        await self._running

    async def _run(self) -> None:
        while await self._has_work():
            uploads = self._next()
            try:
                await self._upload(uploads)
            except CollectionCorrupt as damage:  # no reason to keep the others from the bucket
                self._set_aside(damage)
            except Exception as error:
                foreseen = isinstance(error, StorageError)
                self._failed(error if foreseen else StorageError(f"the upload failed: {error!r}"))
                if self._is_stopping or isinstance(error, StorageFenced):
                    return
                await self._pause()
            else:
                self._succeeded(uploads)

    async def _upload(self, uploads: Sequence[_Upload]) -> None:
        commits = [commit for each in uploads for commit in each.commits]
        if taken := [commit for commit in commits if commit.collection not in self.set_aside]:
            await self._bucket.append(taken)

    def _set_aside(self, error: CollectionCorrupt) -> None:
        self.set_aside.add(error.collection)
        told = "in the bucket %s. It is not uploaded any more: the folder alone has it"
        _log.error(told, error, extra={"event": "collection_set_aside", "collection": error.collection})

    async def _has_work(self) -> bool:
        while not self._queue:
            if self._is_stopping:
                return False
            self._wake.clear()
            await self._wake.wait()
        return True

    def _next(self) -> list[_Upload]:
        """As many as fit into one write, and at least one."""
        uploads: list[_Upload] = []
        size = 0
        for each in self._queue:
            size += each.weight
            if uploads and size > SLOT_BYTES:
                break
            uploads.append(each)
        return uploads

    def _succeeded(self, uploads: Sequence[_Upload]) -> None:
        for each in uploads:
            self._queue.popleft()
            self.bytes -= each.weight
        self._done += len(uploads)
        if self._is_failing:
            told = "the bucket works again: what waited is being uploaded"
            _log.warning(told, extra={"event": "bucket_recovered"})
        self._is_failing = False
        while self._flushed and self._flushed[0][0] <= self._done:
            settle(self._flushed.pop(0)[1], None)
        self._on_change(None)

    def _failed(self, error: StorageError) -> None:
        if not self._is_failing:
            told, fields = "%d commits are not uploaded: %s", {"event": "bucket_failed"}
            _log.error(told, self.commits, error, extra=fields)
        self._is_failing = True
        for _, flushed in self._flushed:
            settle(flushed, error)
        self._flushed.clear()
        self._on_change(error)

    async def _pause(self) -> None:
        """Until it is time to ask again, or somebody stops or waits for it."""
        self._wake.clear()
        try:
            async with asyncio.timeout(RETRY_SECONDS):
                while not (self._is_stopping or self._flushed):
                    self._wake.clear()
                    await self._wake.wait()
        except TimeoutError:
            pass


def settle(future: asyncio.Future[None], error: BaseException | None) -> None:
    """Answer, unless the caller was cancelled."""
    if future.done():
        return
    if error:
        future.set_exception(error)
    else:
        future.set_result(None)
