"""One process at a time holds a database folder."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from weakref import WeakSet

from .errors import StorageLocked

LOCK_NAME = "protobase.lock"


class FolderLock:
    """An advisory lock the kernel drops when its holder ends, however it ends.

    The file stays behind: removing it would let two openers lock two different files of one name.
    """

    def __init__(self, folder: Path) -> None:
        """Raises `StorageLocked` when somebody else holds `folder`, `OSError` when it cannot be written.

        On a full disk it is held all the same, and does not say by whom.
        """
        self._file = open(folder / LOCK_NAME, "ab+", buffering=0)  # noqa: SIM115 - held until release
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.seek(0)
            holder = (self._file.read(20) or b"").decode(errors="replace").strip() or "unknown"
            self._file.close()
            who = "this process" if holder == str(os.getpid()) else f"process {holder}"
            raise StorageLocked(f"database folder {str(folder)!r} is held by {who}") from None
        try:
            self._file.truncate(0)
            self._file.write(f"{os.getpid()}\n".encode())
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                self._file.close()
                raise
        _held.add(self)

    def release(self) -> None:
        """Let the next one in, also while a child that was forked meanwhile has a copy of the file open."""
        if not self._file.closed:
            fcntl.flock(self._file, fcntl.LOCK_UN)
            self._file.close()

    def forget(self) -> None:
        """Close the file and leave the lock to the process that took it."""
        self._file.close()


_held: WeakSet[FolderLock] = WeakSet()


def _forget_all() -> None:
    """A forked child has the files of its parent open: the lock would last as long as the child."""
    for lock in _held:
        lock.forget()


os.register_at_fork(after_in_child=_forget_all)
