"""`s3://` and `gs://`: the contract on an object store."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Callable, Sequence

from ..commit import Commit, Snapshot
from ..contract import (
    BACKLOG_LIMIT,
    READS_LIMIT,
    StorageStats,
    append_checked,
    check_erasure,
    check_name,
    check_remains,
    check_snapshot,
    random_identity,
)
from ..errors import StorageClosed, StorageError, told_again
from .erasing import Erasures
from .errors import storage_error
from .keys import ERASING, MARKS
from .limits import CHECKPOINT_SLOTS, INTERVAL
from .marks import marks_of, tell_marks
from .objects import ObjectError, ObjectStore, list_all
from .patient import Patience, PatientObjects
from .readable import Readable
from .reading import Reader
from .takeover import Opened, take_over
from .upkeep import Upkeep
from .values import Published
from .writer import Writer

_log = logging.getLogger(__name__)

WRITER_BYTES = 16
"""Random bytes by which a writer knows its own slots."""


class CloudStorage(Readable):
    """Slots, manifests and snapshots under one prefix, written by one process at a time. Made by `open`."""

    def __init__(
        self,
        store: ObjectStore,
        opened: Opened,
        upkeep: Upkeep,
        writer: Writer,
        erasures: Erasures,
        reads_limit: int,
        may_lack: int,
    ) -> None:
        reader = Reader(store, opened.state, upkeep.require_own)
        super().__init__(opened.manifest.identity, opened.state, reader, reads_limit)
        self.epoch = opened.manifest.epoch
        """Of its takeover."""
        self._store = store
        self._may_lack = may_lack
        self._upkeep = upkeep
        self._writer = writer
        self._erasures = erasures
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        store: ObjectStore,
        *,
        must_exist: bool = False,
        folder: str = "",
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
        under way. `folder` is the identity of what is in the folder behind which this is, if it is: 12
        hexadecimal digits. After `checkpoint_slots` slots a manifest takes their place. `draw` gives random
        numbers in [0, 1) for pauses, `make_bytes` random bytes. `store` is closed with it, and if opening
        fails.

        Raises `StorageLocked`, `StorageFenced`, `StorageFormatError`, `StorageUnreachable`, `StorageError`.
        """
        patient = PatientObjects(store, patience, draw)
        own = bytes.fromhex(folder)
        writer_id = own + make_bytes(WRITER_BYTES - len(own))
        try:
            opened = await take_over(patient, writer_id, make_identity, must_exist=must_exist)
            noted = await list_all(patient, MARKS)
            marks = [mark for mark in await marks_of(patient, noted) if mark.folder != folder]
        except ObjectError as error:
            await patient.close()
            raise storage_error(error) from error
        except BaseException:
            await patient.close()
            raise
        tell_marks(patient, marks)
        upkeep = Upkeep(patient, opened, checkpoint_slots)
        writer = Writer(
            opened.state, opened.log, upkeep, interval=interval, backlog_limit=backlog_limit, clock=clock
        )
        left = [key for key in noted if key.startswith(ERASING)]
        erasures = Erasures(patient, opened.manifest.epoch, left)
        storage = cls(patient, opened, upkeep, writer, erasures, reads_limit, len(marks))
        if left:
            await storage._finish_erasing()
        return storage

    def append(self, commits: Sequence[Commit]) -> asyncio.Future[None]:
        """See `Storage.append`."""
        self._check_open()
        return append_checked(commits, self._writer.append)

    async def compact(self, snapshot: Snapshot) -> None:
        """See `Storage.compact`."""
        self._check_open()
        check_snapshot(snapshot)
        await self._writer.compact(snapshot)

    async def delete(self, collection: str, remains: bytes = b"") -> None:
        """See `Storage.delete`."""
        self._check_open()
        check_name(collection)
        check_remains(remains)
        await self._writer.delete(collection, remains)

    async def erase(self, collection: str, remains: bytes = b"", snapshot: Snapshot | None = None) -> None:
        """See `Storage.erase`. What else is in the same objects is written anew."""
        self._check_open()
        check_erasure(collection, remains, snapshot)
        try:
            async with self._erasures.noted():
                instead = await self._upkeep.hold(snapshot) if snapshot else None
                await self._replace(collection, remains, instead)
                await self._upkeep.clean_all()
        except ObjectError as error:
            raise storage_error(error) from error

    async def _replace(self, collection: str, remains: bytes, instead: Published | None) -> None:
        """Whoever is cancelled takes nothing back: what is to take the place is kept until it has it."""
        deletion = self._writer.delete(collection, remains, instead)
        if instead is not None:
            deletion.add_done_callback(lambda _: self._upkeep.let_go(instead))
        await asyncio.shield(deletion)

    async def _finish_erasing(self) -> None:
        """Complete what a writer before has begun, or leave it to the next opening."""
        try:
            async with self._erasures.noted():
                await self._upkeep.clean_all()
        except (ObjectError, StorageError) as error:
            told = "%s still has what was erased: %s"
            _log.warning(told, self._store.address, error, extra={"event": "erasing_unfinished"})

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
            may_lack=self._may_lack,
        )

    async def close(self) -> None:
        """See `Storage.close`."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        await self._writer.stop()
        await self._store.close()

    def _check_readable(self) -> None:
        """A writer that has been replaced does not know what is stored."""
        self._check_open()
        if self._writer.dead:
            raise told_again(self._writer.dead)

    def _check_open(self) -> None:
        if self._closing is not None:
            raise StorageClosed(f"the storage at {self._store.address} is closed")
