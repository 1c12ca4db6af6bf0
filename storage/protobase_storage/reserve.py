"""Room that is kept on the disk, so that a full one can still be cleaned up.

What was written stands twice until SQLite's write-ahead log has moved into the database, and to delete
something is to write, too: without a reserve, a disk that is full to the last byte would stay so.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

RESERVE_NAME = "protobase.reserve"

RESERVE_BYTES = 8 * 1024 * 1024
"""Twice what the write-ahead log has when it is moved into the database: it grows on while that fails."""

SMALL_DISK_PART = 8
"""Of a small file system the reserve takes this part at most."""


class Reserve:
    """A file that is nothing but room, beside the database. It is lent to what needs it, and taken back."""

    def __init__(self, folder: Path, most: int) -> None:
        """``most`` is in bytes; 0 keeps nothing. Nothing is kept before `take`."""
        self._path = folder / RESERVE_NAME
        self._folder = folder
        self._own = os.stat(folder)
        disk = os.statvfs(folder)
        self.size = min(most, disk.f_blocks * disk.f_frsize // SMALL_DISK_PART)
        """Bytes that are kept, if there are so many."""

    @property
    def is_touched(self) -> bool:
        """Whether no more is free than what is kept: whoever makes room had better be lent that."""
        return self.free() < self.size

    def take(self) -> None:
        """Keep as much as there is. A file system that knows no such thing keeps nothing."""
        if not self.size or self._is_elsewhere():
            return
        with suppress(OSError):
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                kept = os.fstat(file).st_size
                if lacking := max(min(self.size - kept, self.free()), 0):
                    os.posix_fallocate(file, kept, lacking)
            finally:
                os.close(file)

    def room(self) -> int:
        """Bytes that are free once it is lent. Raises OSError."""
        return self.free() + (self._path.stat().st_size if self._path.exists() else 0)

    def spare(self) -> int:
        """Bytes that are free beyond what is to be kept, be that lent now or not. Raises OSError."""
        return max(self.room() - self.size, 0)

    def lend(self) -> None:
        """Give up what is kept; what another folder keeps, which is in the place of this one, is not."""
        if self._is_elsewhere():
            return
        with suppress(OSError):
            os.truncate(self._path, 0)

    @contextmanager
    def lent(self) -> Generator[None]:
        """Give it up for a while."""
        self.lend()
        try:
            yield
        finally:
            self.take()

    def _is_elsewhere(self) -> bool:
        """Whether the folder is another one by now, or cannot be looked at."""
        try:
            return not os.path.samestat(self._own, os.stat(self._folder))
        except OSError:
            return True

    def free(self) -> int:
        """Bytes that are free beside it: none where that cannot be found out."""
        try:
            disk = os.statvfs(self._folder)
        except OSError:
            return 0
        return disk.f_bavail * disk.f_frsize
