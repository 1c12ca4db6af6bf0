"""The file format: tables, format version, how a connection is set up, what SQLite's errors mean here."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .errors import CollectionCorrupt, StorageError, StorageFormatError, StorageFull

FORMAT = 1
"""Format version written to new files, and the only one that is opened."""

CHECKPOINT_PAGES = 1000
"""Pages in the write-ahead log after which a flush moves them into the database: 4 MiB, some milliseconds."""

PAGE_BYTES = 4096
"""Of new files; what a page has when nothing else is said."""

MAX_PATH_BYTES = 504
"""Of the path of a file, links followed: SQLite opens none beyond it (512 with what a journal is called)."""

WAL_LIMIT = 64 * 1024 * 1024
"""Bytes of write-ahead log beyond which the writer waits for readers and starts the log afresh."""

READER_WAIT_SECONDS = 5.0
"""How long that wait may last; the log then grows on until the next attempt."""

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE collections (
    name BLOB PRIMARY KEY, id INTEGER NOT NULL, head BLOB NOT NULL, checksum INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE log (
    collection INTEGER, position INTEGER, origin BLOB NOT NULL, sequence INTEGER NOT NULL,
    head BLOB NOT NULL, body BLOB NOT NULL, checksum INTEGER NOT NULL, PRIMARY KEY (collection, position)
) WITHOUT ROWID;
CREATE TABLE chunks (
    snapshot INTEGER, ordinal INTEGER, body BLOB NOT NULL, checksum INTEGER NOT NULL,
    PRIMARY KEY (snapshot, ordinal)
) WITHOUT ROWID;
CREATE TABLE garbage (kind TEXT, id INTEGER, vector BLOB, PRIMARY KEY (kind, id)) WITHOUT ROWID;
"""


class _Connection(sqlite3.Connection):
    """One whose every failure is an `sqlite3.Error`: SQLite quotes a damaged schema, which may be no text."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        try:
            return super().execute(sql, parameters)
        except UnicodeDecodeError as error:
            raise _corrupt(error) from error

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        try:
            return super().executemany(sql, parameters)
        except UnicodeDecodeError as error:
            raise _corrupt(error) from error


def _corrupt(quoted: UnicodeDecodeError) -> sqlite3.DatabaseError:
    """What SQLite said, with what it quoted as far as that is text."""
    error = sqlite3.DatabaseError(quoted.object.decode(errors="replace"))
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def connect(path: Path, checkpoint_pages: int = CHECKPOINT_PAGES) -> sqlite3.Connection:
    """A connection in WAL mode, fully synchronised, transactions by hand, for one thread at a time."""
    connection = sqlite3.connect(
        path,
        timeout=READER_WAIT_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        factory=_Connection,
    )
    connection.text_factory = _readable  # damaged text is found by checksums, not by the driver
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {checkpoint_pages}")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT}")
        connection.execute("PRAGMA secure_delete = FAST")  # ON would rewrite every page a compaction frees
    except BaseException:
        connection.close()
        raise
    return connection


def checkpoint_pages(reserve: int) -> int:
    """The same of a disk so small that only ``reserve`` bytes are kept free on it: half of that."""
    return min(CHECKPOINT_PAGES, reserve // 2 // PAGE_BYTES) or CHECKPOINT_PAGES


def _readable(text: bytes) -> str:
    return text.decode(errors="replace")


def prepare(connection: sqlite3.Connection, path: Path, make_identity: Callable[[], str]) -> str:
    """Create the tables in an empty file, check the format of any other; returns the database's identity.

    Raises `StorageFormatError`.
    """
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        _create(connection, make_identity())
    elif "meta" not in tables:
        raise StorageFormatError(f"{str(path)!r} is an SQLite database, but not one of ProtoBase")
    meta: dict[str, str] = dict(connection.execute("SELECT key, value FROM meta"))
    if meta.get("format") != str(FORMAT):
        raise StorageFormatError(
            f"{str(path)!r} has format {meta.get('format')}; this release knows {FORMAT}"
        )
    if "identity" not in meta:
        raise StorageFormatError(f"{str(path)!r} has lost its identity: its table `meta` is damaged")
    return meta["identity"]


def _create(connection: sqlite3.Connection, identity: str) -> None:
    with transaction(connection):
        for statement in _TABLES.split(";"):
            connection.execute(statement)
        rows = [("format", str(FORMAT)), ("identity", identity), ("collections", "0")]
        connection.executemany("INSERT INTO meta VALUES (?, ?)", rows)


def limit_size(connection: sqlite3.Connection, max_bytes: int) -> None:
    """Make writes of this connection fail with `StorageFull` where the file would outgrow `max_bytes`."""
    page: int = connection.execute("PRAGMA page_size").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {max(1, max_bytes // page)}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Generator[None]:
    """A write transaction: durable when the block ends, undone when it raises."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite has rolled back by itself after some errors
            connection.execute("ROLLBACK")
        raise


def empty_wal(connection: sqlite3.Connection) -> bool:
    """Move the write-ahead log into the database and empty it, unless a reader or the medium forbids."""
    try:
        busy: int = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.Error:
        return False
    return not busy


def overwrite_failed(connection: sqlite3.Connection) -> None:
    """Put a transaction that changes nothing where a failed one stands in the write-ahead log.

    SQLite writes all of a transaction, its commit mark last, and only then flushes. If that fails, it is
    rolled back in memory and stands in the log whole: who recovers it finds a commit. The next transaction
    begins in the same place, and each frame's checksum goes on from the one before, so nothing counts that
    is behind the first frame of another one (https://www.sqlite.org/fileformat2.html#wal_file_format). This
    one writes the first page as it is. That its own flush fails matters only where the power fails, too.
    """
    with suppress(sqlite3.Error), transaction(connection):
        _write_as_it_is(connection)


def free_bytes(connection: sqlite3.Connection) -> int:
    """Bytes of pages that nothing is in, since something was deleted."""
    count: int = connection.execute("PRAGMA freelist_count").fetchone()[0]
    size: int = connection.execute("PRAGMA page_size").fetchone()[0]
    return count * size


def require_writable(connection: sqlite3.Connection) -> None:
    """Raises `sqlite3.Error` where nothing can be: SQLite opens a file that it may only read, and begins a
    transaction there."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        _write_as_it_is(connection)
    finally:
        if connection.in_transaction:  # SQLite has rolled back by itself after some errors
            connection.execute("ROLLBACK")


def _write_as_it_is(connection: sqlite3.Connection) -> None:
    """Write the first page, and change nothing."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.execute(f"PRAGMA user_version = {version}")


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code, 0 for an error of Python's."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def is_full(error: sqlite3.Error) -> bool:
    """Whether there was no room."""
    return _code(error) == sqlite3.SQLITE_FULL


def is_read_only(error: sqlite3.Error) -> bool:
    """Whether the file may not be written."""
    return _code(error) == sqlite3.SQLITE_READONLY


def is_unopened(error: sqlite3.Error) -> bool:
    """Whether the file could not be opened."""
    return _code(error) == sqlite3.SQLITE_CANTOPEN


def is_corruption(error: sqlite3.Error) -> bool:
    """Whether SQLite found a page it cannot make sense of."""
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class Unfinished(sqlite3.Error):
    """A step failed behind one that is durable: it is not so that nothing was done."""


@contextmanager
def begun(what_is_so: str) -> Generator[None]:
    """What fails inside is `Unfinished`, and says what is so by then."""
    try:
        yield
    except (sqlite3.Error, StorageFull, OSError) as error:
        unfinished = Unfinished(f"{what_is_so} ({error})")
        unfinished.sqlite_errorcode = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        raise unfinished from error


def translate(error: sqlite3.Error, collection: str | None = None) -> StorageError:
    """The storage error that says what an SQLite error means to the caller."""
    if is_corruption(error) and collection is not None:
        return CollectionCorrupt(collection, f"a page of the file is damaged ({error})")
    if isinstance(error, Unfinished):
        return StorageError(str(error))
    if is_full(error):
        return StorageFull(f"no room for the write ({error}); nothing of it was stored")
    return StorageError(f"database file: {error}")
