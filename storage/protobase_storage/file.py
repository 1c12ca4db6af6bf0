"""`file:FOLDER`: the contract on one SQLite database, written by one thread and read by two others."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from . import catalogue
from .catalogue import Survey
from .commit import Commit, Loaded, Snapshot, Vector
from .contract import (
    BACKLOG_LIMIT,
    READS_LIMIT,
    CollectionInfo,
    Standing,
    Storage,
    StorageStats,
    append_checked,
    check_erasure,
    check_name,
    check_remains,
    check_snapshot,
    random_identity,
)
from .errors import StorageClosed, StorageError, StorageFormatError, TooManyReads
from .heads import Heads
from .lock import FolderLock
from .reader import Reader
from .reserve import RESERVE_BYTES, Reserve
from .sqlite_schema import (
    MAX_PATH_BYTES,
    checkpoint_pages,
    connect,
    is_corruption,
    is_read_only,
    is_unopened,
    limit_size,
    prepare,
    require_writable,
    translate,
)
from .upkeep import Upkeep, is_erasing
from .writer import Writer

_log = logging.getLogger(__name__)

DATABASE_NAME = "protobase.db"

Result = TypeVar("Result")


def _note_unfinished(finished: asyncio.Future[None]) -> None:
    """Garbage is invisible, and an erasure has begun: what cannot be done now is left to the next opening."""
    if (error := finished.exception()) is not None:
        told = "what is deleted or erased still takes room in the file: %s"
        _log.warning(told, error, extra={"event": "room_not_freed"})


def _no_step(step: str) -> None:
    """Nobody watches the steps."""


class FileStorage(Storage):
    """A folder with an SQLite database in WAL mode, held by one process at a time. Made by `open`."""

    def __init__(self, opened: _Opened, writer: Writer, upkeep: Upkeep, reads_limit: int) -> None:
        self.identity = opened.identity
        self.folder = opened.path.parent
        self._opened = opened
        self._writer = writer
        self._upkeep = upkeep
        self._reads = _ReadThread(opened, opened.read_connection, "protobase-storage-reader")
        self._loads = _ReadThread(opened, opened.load_connection, "protobase-storage-loader")
        """For what reads all of a log, which can take a second: other reads do not wait for that."""
        self._waiting = 0
        self._reads_limit = reads_limit
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        path: str | Path,
        *,
        backlog_limit: int = BACKLOG_LIMIT,
        reads_limit: int = READS_LIMIT,
        max_bytes: int | None = None,
        reserve_bytes: int = RESERVE_BYTES,
        read_only: bool = False,
        make_identity: Callable[[], str] = random_identity,
        clock: Callable[[], float] = time.perf_counter,
        on_step: Callable[[str], None] = _no_step,
    ) -> FileStorage:
        """Open the database in folder `path`; both are made if missing, and known by the
        absolute path from then on.

        `backlog_limit` is in bytes; at most `reads_limit` reads wait (`TooManyReads` beyond it); `max_bytes`
        bounds the database file (`StorageFull` beyond it); `reserve_bytes` are kept on the disk for what
        makes room on a full one. With `read_only`, files that may not be written are good enough. `on_step`
        is called on the writer thread with the name of each step it has taken: tests crash there.
        Raises `StorageLocked`, `StorageFormatError`, `StorageError`.
        """
        opened = await _opened(_absolute(path), max_bytes, reserve_bytes, read_only, make_identity)
        heads = Heads(opened.connection, opened.survey)
        parts = opened.connection, opened.path, heads, opened.reserve
        writer = Writer(*parts, on_step=on_step, clock=clock, backlog_limit=backlog_limit)
        upkeep = Upkeep(*parts, opened.survey, on_step)
        finished = writer.run(None, upkeep.finish(), 0) if opened.garbage or opened.erasing else None
        writer.start()
        if finished:
            finished.add_done_callback(_note_unfinished)
        storage = cls(opened, writer, upkeep, reads_limit)
        if finished and opened.erasing:  # nobody is served before that is done
            try:
                await asyncio.wait([finished])
            except asyncio.CancelledError:
                await storage.close()
                raise
        return storage

    def append(self, commits: Sequence[Commit]) -> asyncio.Future[None]:
        """See `Storage.append`."""
        self._check_open()
        return append_checked(commits, self._writer.append)

    async def load(self, collection: str) -> Loaded:
        """See `Storage.load`."""
        return await self._read(self._loads, lambda reader: reader.load(collection))

    async def commits_after(self, collection: str, vector: Vector, limit: int) -> tuple[Commit, ...] | None:
        """See `Storage.commits_after`."""
        return await self._read(self._reads, lambda reader: reader.commits_after(collection, vector, limit))

    async def compact(self, snapshot: Snapshot) -> None:
        """See `Storage.compact`."""
        self._check_open()
        check_snapshot(snapshot)
        await self._writer.run(snapshot.collection, self._upkeep.compact(snapshot), len(snapshot.update))

    async def list(self, prefix: str = "") -> list[CollectionInfo]:
        """See `Storage.list`."""
        return await self._read(self._loads, lambda reader: reader.list(prefix))

    async def standing(self, collection: str) -> Standing:
        """See `Storage.standing`."""
        return await self._read(self._reads, lambda reader: reader.standing(collection))

    async def standings_of(self, collections: Sequence[str]) -> list[Standing]:
        """See `Storage.standings_of`."""
        return await self._read(self._reads, lambda reader: reader.standings_of(collections))

    async def standings(self, after: str = "", limit: int = 1_000) -> list[Standing]:
        """See `Storage.standings`."""
        return await self._read(self._reads, lambda reader: reader.standings(after, limit))

    async def delete(self, collection: str, remains: bytes = b"") -> None:
        """See `Storage.delete`."""
        self._check_open()
        check_name(collection)
        check_remains(remains)
        await self._writer.run(collection, self._upkeep.delete(collection, remains), len(remains))

    async def erase(self, collection: str, remains: bytes = b"", snapshot: Snapshot | None = None) -> None:
        """See `Storage.erase`. The database is written anew, which takes as much room again meanwhile."""
        self._check_open()
        check_erasure(collection, remains, snapshot)
        size = len(remains) + (len(snapshot.update) if snapshot else 0)
        await self._writer.run(collection, self._upkeep.erase(collection, remains, snapshot), size)

    async def require_room_to_erase(self, collection: str, snapshot: Snapshot | None = None) -> None:
        """See `Storage.require_room_to_erase`."""
        self._check_open()
        check_erasure(collection, b"", snapshot)
        await self._writer.run(collection, self._upkeep.check_room(collection, snapshot), 0)

    @asynccontextmanager
    async def cleaning(self) -> AsyncGenerator[None]:
        """Have no byte left of what is deleted inside the block; the next opening sees to what this cannot.

        Raises `StorageError`.
        """
        self._check_open()
        await self._writer.run(None, self._upkeep.begin_cleaning(), 0)
        yield
        self._check_open()
        await self._writer.run(None, self._upkeep.clean(), 0)

    async def stats(self) -> StorageStats:
        """See `Storage.stats`."""
        collections, size = await self._read(self._reads, Reader.sizes)
        writer = self._writer
        return StorageStats(
            collections, size, writer.commits, writer.flushes, writer.last_flush_seconds, writer.backlog
        )

    async def close(self) -> None:
        """See `Storage.close`."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        await self._writer.stop()
        for thread in (self._reads, self._loads):
            await thread.stop()
        await asyncio.to_thread(self._opened.close)

    async def _read(self, thread: _ReadThread, read: Callable[[Reader], Result]) -> Result:
        self._check_open()
        if self._waiting >= self._reads_limit:
            raise TooManyReads(f"{self._waiting} reads wait already; the limit is {self._reads_limit}")
        self._waiting += 1
        try:
            return await thread.run(read)
        finally:
            self._waiting -= 1

    def _check_open(self) -> None:
        if self._closing is not None:
            raise StorageClosed(f"the storage in {str(self.folder)!r} is closed")


class _ReadThread:
    """A thread with a connection of its own, on which nothing else reads."""

    def __init__(self, opened: _Opened, connection: sqlite3.Connection, name: str) -> None:
        self.reader = Reader(connection, opened.path, opened.survey)
        self._thread = ThreadPoolExecutor(1, name)

    async def run(self, read: Callable[[Reader], Result]) -> Result:
        """The answer, behind those of who was there before."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, read, self.reader)

    async def stop(self) -> None:
        """End it behind what has begun."""
        await asyncio.to_thread(self._thread.shutdown)


@dataclass(slots=True)
class _Opened:
    """The lock, the file and its three connections, with what was found in it."""

    lock: FolderLock
    reserve: Reserve
    path: Path
    connection: sqlite3.Connection
    read_connection: sqlite3.Connection
    load_connection: sqlite3.Connection
    identity: str
    survey: Survey
    garbage: bool
    erasing: bool
    """Whether something was erased, and may be in the file still."""

    def close(self) -> None:
        self.load_connection.close()
        self.read_connection.close()
        self.connection.close()  # the last one moves the write-ahead log into the database
        self.lock.release()


async def _opened(*how: Any) -> _Opened:
    """What `_open` gives. Who is cancelled meanwhile waits for it, and lets go of the lock that it has."""
    opening = asyncio.ensure_future(asyncio.to_thread(_open, *how))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        with suppress(StorageError):
            (await opening).close()
        raise


def _absolute(path: str | Path) -> Path:
    """Raises `StorageError` where the folder that the program is in was removed."""
    try:
        return Path(path).absolute()
    except OSError as error:
        raise StorageError(f"database folder {str(path)!r} cannot be used: {error}") from error


def _open(
    folder: Path,
    max_bytes: int | None,
    reserve_bytes: int,
    read_only: bool,
    make_identity: Callable[[], str],
) -> _Opened:
    try:
        _check_length(folder)
        _make_folder(folder)
        lock = FolderLock(folder)
    except FileExistsError as error:
        raise _no_folder(Path(error.filename)) from None
    except (OSError, ValueError) as error:  # a path may be no path: with a NUL, or half a character
        raise StorageError(f"database folder {str(folder)!r} cannot be used: {error}") from error
    file = folder / DATABASE_NAME
    try:
        reserve = Reserve(folder, reserve_bytes)
        with reserve.lent():
            return _open_database(lock, reserve, file, max_bytes, read_only, make_identity)
    except sqlite3.Error as error:
        lock.release()
        raise _unopened(file, error) from error
    except OSError as error:
        lock.release()
        raise StorageError(f"database folder {str(folder)!r} cannot be used: {error}") from error
    except BaseException:
        lock.release()
        raise


def _unopened(file: Path, error: sqlite3.Error) -> StorageError:
    """What is said of a file that cannot be opened."""
    if is_corruption(error):
        return StorageFormatError(f"{str(file)!r} is no database: {error}")
    if is_read_only(error):
        told = f"{str(file)!r}, or a file beside it, may not be written by user {os.geteuid()}"
        return StorageError(f"{told}: change its owner or mode")
    if is_unopened(error):
        return StorageError(f"{str(file)!r} cannot be opened by user {os.geteuid()}: {error}")
    return translate(error)


def _open_database(
    lock: FolderLock,
    reserve: Reserve,
    path: Path,
    max_bytes: int | None,
    read_only: bool,
    make_identity: Callable[[], str],
) -> _Opened:
    with ExitStack() as made:

        def connected(*pages: int) -> sqlite3.Connection:
            return made.enter_context(closing(connect(path, *pages)))

        connection = connected(checkpoint_pages(reserve.size))
        identity = prepare(connection, path, make_identity)
        if not read_only:
            require_writable(connection)
        _sync_folder(path.parent)
        if max_bytes is not None:
            limit_size(connection, max_bytes)
        survey = catalogue.survey(connection)
        garbage = connection.execute("SELECT 1 FROM garbage").fetchone() is not None
        erasing = is_erasing(connection)
        connections = connection, connected(), connected()
        made.pop_all()  # what has been opened stays open
        return _Opened(lock, reserve, path, *connections, identity, survey, garbage, erasing)


def _check_length(folder: Path) -> None:
    """Raises `StorageError` where SQLite would only say that it cannot open the file."""
    size = len(os.fsencode(os.path.realpath(folder / DATABASE_NAME)))
    if size > MAX_PATH_BYTES:
        told = f"the path of its database has {size} bytes; SQLite opens {MAX_PATH_BYTES} at most"
        raise StorageError(f"database folder {str(folder)!r} cannot be used: {told}")


def _no_folder(path: Path) -> StorageError:
    """What is said of what is in the place of a folder."""
    if path.is_symlink():
        return StorageError(f"{str(path)!r} is a link to {os.readlink(path)!r}, which is no folder")
    return StorageError(f"{str(path)!r} is a file; the database needs a folder")


def _make_folder(folder: Path) -> None:
    """Make a folder and what is missing above it; a power failure takes none of them away."""
    missing = [above for above in folder.parents if not above.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for made in (folder, *missing):  # also a folder that is there: who made it may not have come so far
        with suppress(PermissionError):  # what may not be read was not made here
            _sync_folder(made.parent)


def _sync_folder(folder: Path) -> None:
    """Make the names of what is new in a folder durable, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
