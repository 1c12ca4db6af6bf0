"""The files of an open database: SQLite goes on in one that was removed, and all that it writes is lost."""

from __future__ import annotations

import os
from collections.abc import Iterable

from .errors import StorageError

UNKNOWN = (-1, -1)
"""The identity of a file that cannot be looked at."""


class OwnFiles:
    """Which files these were when it was opened."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._identities = {path: _identity(path) for path in paths}

    def require(self) -> None:
        """Raise StorageError if one of them is another one by now, or gone."""
        for path, identity in self._identities.items():
            if _identity(path) not in (identity, UNKNOWN):
                what = "put it back, or start again with what is there"
                raise StorageError(f"{path!r} was removed or replaced; {what}")


def _identity(path: str) -> tuple[int, int] | None:
    """What says whether a file is the same; None if there is none."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return UNKNOWN
    return found.st_dev, found.st_ino
