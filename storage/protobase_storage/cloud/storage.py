"""`s3://` and `gs://`: the contract on an object store."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from ..commit import Commit, Loaded, Snapshot, Vector
from ..contract import (
    BACKLOG_LIMIT,
    READS_LIMIT,
    CollectionInfo,
    Standing,
    Storage,
    StorageStats,
    check_commits,
    check_name,
    check_remains,
    check_snapshot,
    random_identity,
)
from ..errors import StorageClosed, StorageError, TooManyReads
from .errors import storage_error
from .limits import CHECKPOINT_SLOTS, INTERVAL
from .objects import ObjectError, ObjectStore
from .patient import Patience, PatientObjects
from .reading import Reader
from .state import Stored
from .takeover import Opened, take_over
from .upkeep import Upkeep
from .writer import Writer

WRITER_BYTES = 16
"""Random bytes by which a writer knows its own slots."""

Result = TypeVar("Result")


class CloudStorage(Storage):
    """Slots, manifests and snapshots under one prefix, written by one process at a time. Made by `open`."""

    def __init__(
        self, store: ObjectStore, opened: Opened, upkeep: Upkeep, writer: Writer, reads_limit: int
    ) -> None:
        self.identity = opened.manifest.identity
        self._store = store
        self._state = opened.state
        self._upkeep = upkeep
        self._writer = writer
        self._reader = Reader(store, opened.state)
        self._reads_limit = reads_limit
        self._reading = 0
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        store: ObjectStore,
        *,
        must_exist: bool = False,
        interval: float = INTERVAL,
        backlog_limit: int = BACKLOG_LIMIT,
        reads_limit: int = READS_LIMIT,
        checkpoint_slots: int = CHECKPOINT_SLOTS,
        patience: Patience = Patience(),  # noqa: B008 - it is frozen
        make_identity: Callable[[], str] = random_identity,
        make_bytes: Callable[[int], bytes] = secrets.token_bytes,
        draw: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.perf_counter,
    ) -> CloudStorage:
        """Take over what is in `store`, or begin there unless it `must_exist`; who had it open before stops.

        `interval` is in seconds (see `limits`), `backlog_limit` in bytes, `reads_limit` how many reads may be
        under way. After `checkpoint_slots` slots a manifest takes their place. `draw` gives random numbers in
        [0, 1) for pauses, `make_bytes` random bytes. `store` is closed with it, and if opening fails.

        Raises `StorageLocked`, `StorageFenced`, `StorageFormatError`, `StorageUnreachable`, `StorageError`.
        """
        patient = PatientObjects(store, patience, draw)
        try:
            opened = await take_over(patient, make_bytes(WRITER_BYTES), make_identity, must_exist=must_exist)
        except ObjectError as error:
            await patient.close()
            raise storage_error(error) from error
        except BaseException:
            await patient.close()
            raise
        upkeep = Upkeep(patient, opened, checkpoint_slots)
        writer = Writer(
            opened.state, opened.log, upkeep, interval=interval, backlog_limit=backlog_limit, clock=clock
        )
        return cls(patient, opened, upkeep, writer, reads_limit)

    def append(self, commits: Sequence[Commit]) -> asyncio.Future[None]:
        """See `Storage.append`."""
        self._check_open()
        try:
            check_commits(commits)
        except StorageError as error:
            failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            failed.set_exception(error)
            return failed
        return self._writer.append(commits)

    async def load(self, collection: str) -> Loaded:
        """See `Storage.load`."""
        check_name(collection)
        return await self._read(lambda: self._reader.load(collection))

    async def commits_after(self, collection: str, vector: Vector, limit: int) -> tuple[Commit, ...] | None:
        """See `Storage.commits_after`."""
        check_name(collection)
        return await self._read(lambda: self._reader.commits_after(collection, vector, limit))

    async def compact(self, snapshot: Snapshot) -> None:
        """See `Storage.compact`."""
        self._check_open()
        check_snapshot(snapshot)
        await self._writer.compact(snapshot)

    async def list(self, prefix: str = "") -> list[CollectionInfo]:
        """See `Storage.list`."""
        self._check_readable()
        return [
            CollectionInfo(
                name, stored.snapshot_bytes, stored.log_commits, stored.log_bytes, stored.entry.damage
            )
            for name, stored in sorted(self._state.collections.items())
            if name.startswith(prefix) and not stored.is_deleted
        ]

    async def standing(self, collection: str) -> Standing:
        """See `Storage.standing`."""
        check_name(collection)
        self._check_readable()
        stored = self._state.collections.get(collection, Stored())
        stored.check(collection)
        return _standing(collection, stored)

    async def standings(self, after: str = "", limit: int = 1_000) -> list[Standing]:
        """See `Storage.standings`."""
        self._check_readable()
        collections = self._state.collections
        names = sorted(name for name, each in collections.items() if name > after and not each.entry.damage)
        return [_standing(name, collections[name]) for name in names[:limit]]

    async def delete(self, collection: str, remains: bytes = b"") -> None:
        """See `Storage.delete`."""
        self._check_open()
        check_name(collection)
        check_remains(remains)
        await self._writer.delete(collection, remains)

    async def stats(self) -> StorageStats:
        """See `Storage.stats`."""
        self._check_readable()
        writer = self._writer
        return StorageStats(
            len(self._state.collections),
            self._upkeep.bytes,
            writer.commits,
            writer.flushes,
            writer.last_flush_seconds,
            writer.backlog,
        )

    async def close(self) -> None:
        """See `Storage.close`."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        await self._writer.stop()
        await self._store.close()

    async def _read(self, read: Callable[[], Awaitable[Result]]) -> Result:
        self._check_readable()
        if self._reading >= self._reads_limit:
            raise TooManyReads(f"{self._reading} reads wait already; the limit is {self._reads_limit}")
        self._reading += 1
        try:
            return await read()
        except ObjectError as error:
            raise storage_error(error) from error
        finally:
            self._reading -= 1

    def _check_readable(self) -> None:
        """A writer that has been replaced does not know what is stored."""
        self._check_open()
        if self._writer.dead:
            raise self._writer.dead

    def _check_open(self) -> None:
        if self._closing is not None:
            raise StorageClosed(f"the storage at {self._store.address} is closed")


def _standing(name: str, stored: Stored) -> Standing:
    return Standing(name, dict(stored.vector), stored.entry.remains)
