"""Opening a folder and its bucket together: who has what, before anybody is taken over."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Generator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..cloud.errors import storage_error
from ..cloud.marks import Mark, add_mark, read_marks, remove_marks
from ..cloud.objects import ObjectError, ObjectStore
from ..cloud.patient import Patience, PatientObjects
from ..cloud.storage import CloudStorage
from ..cloud.takeover import latest
from ..cloud.values import Manifest
from ..cloud.view import CloudView, Seen, look
from ..contract import BACKLOG_LIMIT, READS_LIMIT, Storage
from ..errors import StorageDiverged, StorageError
from ..file import FileStorage
from ..reserve import RESERVE_BYTES
from .difference import Difference, Trust, all_standings, compare, download, upload
from .limits import UNUPLOADED_BYTES, UNUPLOADED_SECONDS
from .record import Record, hash_of, read_record, write_record
from .storage import LocalCloudStorage

DIVERGED_NAMES = 5
"""Collections that an error names, at most."""


async def open_local(
    store: ObjectStore,
    folder: str | Path,
    *,
    unuploaded_bytes: int = UNUPLOADED_BYTES,
    unuploaded_seconds: float = UNUPLOADED_SECONDS,
    must_exist: bool = False,
    backlog_limit: int = BACKLOG_LIMIT,
    reads_limit: int = READS_LIMIT,
    max_bytes: int | None = None,
    reserve_bytes: int = RESERVE_BYTES,
    patience: Patience = Patience(),  # noqa: B008 - it is frozen
    draw: Callable[[], float] = random.random,
    on_step: Callable[[str], None] = lambda step: None,
    **options: Any,
) -> LocalCloudStorage:
    """The database in ``folder``, and in ``store`` behind it. An empty folder is filled from the store, and
    what the store lacks is uploaded, before anything else happens.

    At most ``unuploaded_bytes`` are acknowledged and not uploaded, for at most ``unuploaded_seconds`` while
    the store answers; then appends wait, ``backlog_limit`` bytes of them. ``max_bytes``,
    ``reserve_bytes`` and ``on_step`` are those of `FileStorage.open`, the others, ``options`` too, those of
    `CloudStorage.open`.

    Raises `StorageDiverged` where another writer has the database by now and the folder may have something
    that was never uploaded; nothing is changed then. Else what the other two raise.
    """
    limits: dict[str, Any] = {"backlog_limit": backlog_limit, "reads_limit": reads_limit}
    async with AsyncExitStack() as opened:
        patient = PatientObjects(store, patience, draw)
        opened.push_async_callback(patient.close)
        room = {"max_bytes": max_bytes, "reserve_bytes": reserve_bytes}
        local = await FileStorage.open(folder, on_step=on_step, **room, **limits)
        opened.push_async_callback(local.close)
        with _translated():
            meeting = await _meet(patient, local, must_exist)
            bucket = await CloudStorage.open(
                store,
                must_exist=must_exist,
                folder=local.identity,
                make_identity=lambda: local.identity,
                patience=patience,
                draw=draw,
                **limits,
                **options,
            )
            opened.push_async_callback(bucket.close)
            await meeting.agree(bucket)
        opened.pop_all()
    return LocalCloudStorage(
        local,
        bucket,
        meeting.place,
        meeting.leave,
        unuploaded_bytes=unuploaded_bytes,
        unuploaded_seconds=unuploaded_seconds,
        backlog_limit=backlog_limit,
    )


@contextmanager
def _translated() -> Generator[None]:
    try:
        yield
    except (ObjectError, OSError) as error:
        raise storage_error(error) from error


async def _meet(store: ObjectStore, local: FileStorage, must_exist: bool) -> Meeting:
    """Look at both, and note in the folder what is about to happen. Nobody is taken over yet.

    Raises `StorageDiverged`, `StorageError`, `ObjectError`, `OSError`.
    """
    seen = await look(store) if must_exist or await latest(store) else None
    record = read_record(local.folder)
    meeting = Meeting(store, local, local.folder, record or Record(local.identity, is_stale=True))
    if await local.standings(limit=1):
        meeting.require_own(record, seen)
    if seen is None:
        meeting.begin(epoch=0, is_own=True, database=local.identity)
        return meeting
    manifest = seen.manifest
    is_own = meeting.is_own(manifest)
    meeting.trust = await _trust(local, meeting.record, is_own)
    meeting.require_whole(await compare(local, CloudView(store, seen, READS_LIMIT), meeting.trust))
    meeting.begin(manifest.epoch, is_own, manifest.identity)
    return meeting


async def _trust(local: Storage, record: Record, is_own: bool) -> Trust:
    if record.is_stale:
        return Trust.ALL_UPLOADED
    if is_own:
        return Trust.SAME_WRITER
    standings = (await all_standings(local)).values()
    return Trust.ALL_UPLOADED if record.uploaded == hash_of(standings) else Trust.NOTHING


@dataclass(slots=True)
class Meeting:
    """A folder and a bucket that come to have the same."""

    store: ObjectStore
    local: FileStorage
    path: Path
    record: Record
    trust: Trust = Trust.ALL_UPLOADED

    @property
    def place(self) -> str:
        """Where the folder is, for people."""
        return f"folder {str(self.path)!r} on {socket.gethostname()}"

    def is_own(self, manifest: Manifest) -> bool:
        """Whether nobody but this folder has taken the bucket over since both had the same."""
        is_of_folder = manifest.writer.startswith(bytes.fromhex(self.local.identity))
        return is_of_folder and manifest.epoch in (self.record.epoch, self.record.claim)

    def require_own(self, record: Record | None, seen: Seen | None) -> None:
        """Raises `StorageError` if what is in the folder is not of the database in the bucket."""
        if record is None:
            raise StorageError(
                f"{self.place} has a database that is in no bucket: copy it "
                f"(protobase-live copy file:{self.path} {self.store.address}), and name a new folder"
            )
        if seen is None:
            raise StorageError(f"there is no database at {self.store.address} any more; {self.place} has it")
        if record.database != seen.manifest.identity:
            raise StorageError(f"{self.place} belongs to another database than {self.store.address}")

    def require_whole(self, difference: Difference) -> None:
        """Raises `StorageDiverged` if something can never come into the bucket."""
        if names := difference.diverged:
            told = ", ".join(map(repr, names[:DIVERGED_NAMES])) + (
                "..." if len(names) > DIVERGED_NAMES else ""
            )
            raise StorageDiverged(
                f"{self.store.address} was taken over by another writer, and {self.place} may have commits "
                f"that were acknowledged and never uploaded, of {len(names)} collections ({told}). Nothing "
                "was changed. See docs/cloud.md, 'When a folder comes back'"
            )

    def begin(self, epoch: int, is_own: bool, database: str) -> None:
        """Note that the takeover behind ``epoch`` will be this folder's."""
        self.record = Record(
            database,
            epoch if is_own else self.record.epoch,
            epoch + 1,
            is_stale=self.trust is Trust.ALL_UPLOADED,
        )
        write_record(self.path, self.record)

    async def agree(self, bucket: CloudStorage) -> None:
        """Both get what they lack. Raises `StorageDiverged` if another writer came in between."""
        if bucket.epoch != self.record.claim and self.trust is Trust.SAME_WRITER:
            self.trust = Trust.NOTHING
        difference = await compare(self.local, bucket, self.trust)
        self.require_whole(difference)
        if self.trust is Trust.NOTHING:
            write_record(self.path, replace(self.record, is_stale=True))
        await add_mark(self.store, Mark(bucket.epoch, self.local.identity, self.place))
        deleted = await upload(self.local, bucket, difference.ahead)
        await download(self.local, bucket, [*difference.behind, *deleted])
        self.record = Record(bucket.identity, bucket.epoch, bucket.epoch)
        write_record(self.path, self.record)
        await self._remove_marks(below=bucket.epoch)

    async def leave(self, local: Storage) -> None:
        """The bucket has all that the folder has, and nothing more will come."""
        standings = (await all_standings(local)).values()
        write_record(self.path, replace(self.record, uploaded=hash_of(standings)))
        try:
            await self._remove_marks(below=self.record.epoch + 1)
        except ObjectError as error:
            raise storage_error(error) from error

    async def _remove_marks(self, below: int) -> None:
        marks = await read_marks(self.store)
        own = [mark for mark in marks if mark.folder == self.local.identity and mark.epoch < below]
        await remove_marks(self.store, own)
