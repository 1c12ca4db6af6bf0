"""A database is written anew, without what was deleted from it: free pages, and gaps in others."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path

from .errors import StorageFull
from .reserve import Reserve
from .sqlite_schema import begun, free_bytes

COPY_NAME = "protobase.cp"
"""No longer than the database's: SQLite opens no longer path (`MAX_PATH_BYTES`)."""

OVERHEAD_PART = 32
"""What rows take in pages, and pages in the write-ahead log, is more by less than this part of it."""

NO_OTHER_PLACE = (
    "beside the database is no room for a copy of what is left, and none could be made in SQLite's folder "
    "for temporary files: SQLITE_TMPDIR, TMPDIR, /var/tmp, /usr/tmp or /tmp"
)


class Rewriting:
    """All rows and nothing else are copied, and the copy goes back through the write-ahead log in one
    transaction.

    The copy is made beside the database, or, while that has room for the log alone, where SQLite has its
    temporary files: that may be another disk, which is full, or read-only, as where all but the data is.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, reserve: Reserve) -> None:
        """``path`` is the database's."""
        self._connection = connection
        self._path = path.with_name(COPY_NAME)
        self._reserve = reserve

    def require_room(self, new: int, old: int) -> None:
        """Raise StorageFull unless there is room to store ``new`` bytes of rows, to delete at least ``old``,
        and to write anew what is left. The reserve is lent for that, and can be taken back in the end: the
        file grows by no more than what is free beside it. Raises OSError.
        """
        unused = free_bytes(self._connection)
        growth = max(new - unused, 0)
        left = self._used() - old + new
        needed, room = _in_pages(growth + left), self._reserve.room()
        if room < needed:
            raise _no_room(f"it takes {needed} bytes for a while, and {room} are free")
        longer, spare = new - old - unused, self._reserve.spare()
        if longer > spare:
            told = f"the database becomes longer by {longer} bytes, and {spare} are free beside"
            raise _no_room(f"{told} what is kept for a full disk")
        if room < (twice := needed + _in_pages(left)) and not self._has_place_elsewhere(left, twice):
            raise _no_room(f"it takes {twice} bytes for a while, and {room} are free; {NO_OTHER_PLACE}")

    def run(self, on_copied: Callable[[], None]) -> None:
        """Do it; ``on_copied`` is called between its halves.

        The reserve is to be lent. Raises StorageFull, with nothing done, if it would take all the room that
        there is; `sqlite3.Error`, OSError.
        """
        left = _in_pages(self._used())
        free = self._reserve.free()
        if free < left:
            raise StorageFull(f"to write it anew takes {left} bytes for a while, and {free} are free")
        if free < 2 * left:
            with begun(NO_OTHER_PLACE):
                self._connection.execute("VACUUM")
            return
        with self._copied():
            on_copied()
            with closing(sqlite3.connect(self._path)) as copy:
                copy.backup(self._connection, progress=_be_alone)

    def _has_place_elsewhere(self, left: int, twice: int) -> bool:
        """Whether SQLite can have its copy of ``left`` bytes where its temporary files are: where that is
        the database's disk, there has to be room for the copy and for all else."""
        for folder in _temporary_folders():
            if os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK):
                disk = os.statvfs(folder)
                here = os.stat(folder).st_dev == os.stat(self._path.parent).st_dev
                return disk.f_bavail * disk.f_frsize >= (twice if here else left)
        return False

    def _used(self) -> int:
        """Bytes of pages that something is in."""
        count: int = self._connection.execute("PRAGMA page_count").fetchone()[0]
        size: int = self._connection.execute("PRAGMA page_size").fetchone()[0]
        return count * size - free_bytes(self._connection)

    @contextmanager
    def _copied(self) -> Generator[None]:
        """Make the copy beside the database, and remove it in the end."""
        try:
            os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            self._connection.execute("VACUUM INTO ?", (str(self._path),))
            yield
        finally:
            self.clear()

    def clear(self) -> None:
        """Remove a copy that a process has left, which ended meanwhile. Raises OSError."""
        self._path.unlink(missing_ok=True)


def _temporary_folders() -> list[str]:
    """In the order in which SQLite takes the first that it can write to."""
    set_by_name = [folder for name in ("SQLITE_TMPDIR", "TMPDIR") if (folder := os.environ.get(name))]
    return [*set_by_name, "/var/tmp", "/usr/tmp", "/tmp", "."]


def _no_room(why: str) -> StorageFull:
    return StorageFull(f"no room for erasing: {why}; nothing was done")


def _in_pages(size: int) -> int:
    return size + size // OVERHEAD_PART


def _be_alone(status: int, remaining: int, total: int) -> None:
    """Without this, Python would try for ever while somebody else writes."""
    if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        raise sqlite3.OperationalError("database is locked")
