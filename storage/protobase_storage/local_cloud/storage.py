"""`s3://BUCKET/PREFIX?local=FOLDER`: acknowledged when the folder has it, and uploaded behind that."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace

from ..cloud.storage import CloudStorage
from ..commit import Commit, Loaded, Snapshot, Vector, includes
from ..contract import (
    CollectionInfo,
    Standing,
    Storage,
    StorageStats,
    append_checked,
    check_erasure,
    check_name,
    check_remains,
    check_snapshot,
)
from ..errors import CollectionCorrupt, StorageClosed, StorageError, StorageFull, told_again
from .appends import Appends, lost

_log = logging.getLogger(__name__)


class LocalCloudStorage(Storage):
    """A folder, which is read and written, and the bucket that follows it. Made by `opening.open_local`.

    The bucket is behind in commits, and ahead in folds and deletions: these are made there first, when it
    has all that was stored before them. So it can always be completed from the folder.
    """

    def __init__(
        self,
        folder: Storage,
        bucket: CloudStorage,
        place: str,
        on_uploaded: Callable[[Storage], Awaitable[None]],
        *,
        unuploaded_bytes: int,
        unuploaded_seconds: float,
        backlog_limit: int,
    ) -> None:
        """``place`` says to people where the folder is; ``on_uploaded`` is called in the end, if the bucket
        has everything."""
        self.identity = bucket.identity
        self._folder = folder
        self._bucket = bucket
        self._place = place
        self._on_uploaded = on_uploaded
        self._appends = Appends(
            folder,
            bucket,
            place,
            unuploaded_bytes=unuploaded_bytes,
            unuploaded_seconds=unuploaded_seconds,
            backlog_limit=backlog_limit,
        )
        self._order = asyncio.Lock()
        self._closing: asyncio.Task[None] | None = None

    def append(self, commits: Sequence[Commit]) -> asyncio.Future[None]:
        """See `Storage.append`."""
        self._check_open()
        return append_checked(commits, self._appends.append)

    async def compact(self, snapshot: Snapshot) -> None:
        """See `Storage.compact`. Waits until the bucket has what was stored before."""
        self._check_open()
        check_snapshot(snapshot)
        last = self._appends.last
        async with self._order:
            with self._appends.barred(snapshot.collection) if await self._brings(snapshot) else nullcontext():
                await self._appends.settled(last)
                if snapshot.collection not in self._appends.uploader.set_aside:
                    await self._bucket.compact(snapshot)
                await self._folder.compact(snapshot)

    async def _brings(self, snapshot: Snapshot) -> bool:
        """Whether it has what the folder has not. The bucket then gets that first, and what a crash leaves of
        the collection in the folder must be no more than the bucket has."""
        try:
            return not includes((await self._folder.standing(snapshot.collection)).vector, snapshot.vector)
        except CollectionCorrupt:
            return True

    async def delete(self, collection: str, remains: bytes = b"") -> None:
        """See `Storage.delete`. Waits until the bucket has what was stored before."""
        self._check_open()
        check_name(collection)
        check_remains(remains)
        last = self._appends.last
        with self._appends.barred(collection):
            async with self._order:
                await self._appends.settled(last)
                await self._bucket.delete(collection, remains)
                self._appends.uploader.set_aside.discard(collection)
                await self._folder.delete(collection, remains)

    async def erase(self, collection: str, remains: bytes = b"", snapshot: Snapshot | None = None) -> None:
        """See `Storage.erase`: in the bucket first, as a deletion; the next opening completes it here."""
        self._check_open()
        check_erasure(collection, remains, snapshot)
        last = self._appends.last
        with self._appends.barred(collection):
            async with self._order:
                await self._appends.settled(last)
                await self._folder.require_room_to_erase(collection, snapshot)  # before the bucket has begun
                await self._bucket.erase(collection, remains, snapshot)
                self._appends.uploader.set_aside.discard(collection)
                try:
                    await self._folder.erase(collection, remains, snapshot)
                except StorageFull as error:  # room that was there has gone: the folder has done nothing
                    told = f"it is erased in the bucket, and {self._place} has no room for that any more"
                    raise StorageError(f"{told}: it is still there until it is erased again") from error

    async def load(self, collection: str) -> Loaded:
        """See `Storage.load`."""
        self._check_readable()
        return await self._folder.load(collection)

    async def commits_after(self, collection: str, vector: Vector, limit: int) -> tuple[Commit, ...] | None:
        """See `Storage.commits_after`."""
        self._check_readable()
        return await self._folder.commits_after(collection, vector, limit)

    async def list(self, prefix: str = "") -> list[CollectionInfo]:
        """See `Storage.list`."""
        self._check_readable()
        return await self._folder.list(prefix)

    async def standing(self, collection: str) -> Standing:
        """See `Storage.standing`."""
        self._check_readable()
        return await self._folder.standing(collection)

    async def standings_of(self, collections: Sequence[str]) -> list[Standing]:
        """See `Storage.standings_of`."""
        self._check_readable()
        return await self._folder.standings_of(collections)

    async def standings(self, after: str = "", limit: int = 1_000) -> list[Standing]:
        """See `Storage.standings`."""
        self._check_readable()
        return await self._folder.standings(after, limit)

    async def stats(self) -> StorageStats:
        """See `Storage.stats`: of the folder, and how far the bucket is behind it."""
        self._check_readable()
        folder, bucket = await self._folder.stats(), await self._bucket.stats()
        uploader = self._appends.uploader
        return replace(
            folder,
            backlog=folder.backlog + self._appends.waiting_bytes,
            unuploaded_bytes=uploader.bytes,
            unuploaded_seconds=uploader.seconds,
            may_lack=bucket.may_lack,
        )

    async def close(self) -> None:
        """See `Storage.close`. What the bucket does not take stays in the folder, and the log says so."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        await self._appends.stop()
        if count := self._appends.uploader.commits:
            left = lost(count, self._place)
            _log.error("%s, and uploads them when it is opened again", left, extra={"event": "upload_left"})
        elif names := self._appends.uploader.set_aside:
            told, damaged = "damaged in the bucket, and in %s alone: %s", ", ".join(sorted(names))
            _log.error(told, self._place, damaged, extra={"event": "bucket_damaged"})
        elif not self._appends.dead:
            try:
                await self._on_uploaded(self._folder)
            except (StorageError, OSError) as error:
                told = "all was uploaded, but cannot be noted as such: %s"
                _log.warning(told, error, extra={"event": "upload_not_noted"})
        await self._bucket.close()
        await self._folder.close()

    def _check_readable(self) -> None:
        """A writer that has been replaced does not know what is stored."""
        self._check_open()
        if self._appends.dead:
            raise told_again(self._appends.dead)

    def _check_open(self) -> None:
        if self._closing is not None:
            raise StorageClosed(f"the storage in {self._place} is closed")
