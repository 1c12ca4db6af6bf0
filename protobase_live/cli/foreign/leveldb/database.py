"""What the files of a LevelDB folder come to: keys and their newest values, in order."""

from __future__ import annotations

import fcntl
import struct
from bisect import bisect_left
from collections.abc import Iterator
from heapq import merge
from pathlib import Path

from protobase_live.cli.foreign.leveldb.damage import Damaged, Note, fail
from protobase_live.cli.foreign.leveldb.log import records
from protobase_live.cli.foreign.leveldb.manifest import Manifest
from protobase_live.cli.foreign.leveldb.numbers import prefixed
from protobase_live.cli.foreign.leveldb.table import Entry, Table
from protobase_live.errors import StorageFailed

BATCH = struct.Struct("<QI")
"""Number of the first write, and how many there are."""


class LevelDb:
    """A folder that no other process has open. What its log holds, usually at most 4 MB, is in memory."""

    def __init__(self, folder: Path) -> None:
        """Raises StorageFailed if it is no LevelDB, if it is open elsewhere, and if it cannot be read."""
        self.damage: list[str] = []
        """What of its log cannot be read: whose it was is not known."""
        try:
            _check_free(folder)
            manifest = Manifest(folder)
            self._rows = manifest.levels()
            self._recent = self._written(folder, manifest.oldest_log)
        except Damaged as damage:
            raise StorageFailed(str(damage)) from damage
        except OSError as error:
            raise StorageFailed(f"cannot read {str(folder)!r} as a LevelDB: {error}") from error

    def scan(self, start: bytes, stop: bytes, note: Note = fail) -> Iterator[tuple[bytes, bytes]]:
        """The keys from ``start`` to before ``stop`` with their values, in order.

        Raises Damaged for what cannot be read, unless ``note`` takes it: then it is passed over.
        """
        at = bisect_left(self._recent, (start,))
        recent = (self._recent[place] for place in range(at, len(self._recent)))
        before: bytes | None = None
        for entry in merge(recent, *(_chain(row, start, note) for row in self._rows)):
            if entry.key >= stop:
                return
            if entry.key != before and entry.value is not None:
                yield entry.key, entry.value
            before = entry.key

    def _written(self, folder: Path, oldest: int) -> list[Entry]:
        """What the logs hold, sorted."""
        entries = list[Entry]()
        logs = sorted((int(path.stem), path) for path in folder.glob("*.log") if path.stem.isdigit())
        for path in (path for number, path in logs if number >= oldest):
            for offset, batch in records(path, lambda damage: self.damage.append(str(damage))):
                try:
                    entries += _writes(batch)
                except (ValueError, IndexError, struct.error) as error:
                    self.damage.append(str(Damaged(path, offset, f"this record cannot be read: {error}")))
        return sorted(entries, key=lambda entry: entry[:2])


def _chain(row: list[Table], start: bytes, note: Note) -> Iterator[Entry]:
    """The entries of tables that come one behind the other; each is opened when it is reached."""
    for table in row:
        if table.last >= start:
            yield from table.entries(start, note)


def _writes(batch: bytes) -> list[Entry]:
    """What one write did."""
    first, count = BATCH.unpack_from(batch)
    at, entries = BATCH.size, list[Entry]()
    while at < len(batch):
        kind, value = batch[at], None
        key, at = prefixed(batch, at + 1)
        if kind:
            value, at = prefixed(batch, at)
        entries.append(Entry(key, -(first + len(entries)), value))
    if len(entries) != count:
        raise ValueError(f"{count} writes are announced, {len(entries)} are there")
    return entries


def _check_free(folder: Path) -> None:
    """Raise StorageFailed if another process has the folder open: it would move files meanwhile."""
    if not (folder / "CURRENT").is_file():
        raise StorageFailed(f"there is no LevelDB in {str(folder)!r}: it has no file CURRENT")
    lock = folder / "LOCK"
    if not lock.exists():
        return
    with lock.open("rb") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StorageFailed(f"{str(folder)!r} is open in another program: stop that first") from error
