"""The store of pycrdt-store, which was a part of ypy-websocket and pycrdt-websocket: one row an update."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from protobase_live.cli.foreign.sqlite_store import SqliteStore


class PycrdtStore(SqliteStore):
    """A file of `SQLiteYStore`, usually called `ystore.db`."""

    def __init__(self, path: Path) -> None:
        """Raises StorageFailed and ValidationError as SqliteStore does."""
        super().__init__(path, "pycrdt-store", {"yupdates": ("path", "yupdate")})
        self._tables = [("yupdates", "yupdate")]
        if self.has_table("ycheckpoints"):  # what it squashes may be left there alone
            self._tables.insert(0, ("ycheckpoints", "checkpoint"))

    def rooms(self) -> Iterator[str]:
        """See ForeignStore."""
        return self.names(" UNION ".join(f"SELECT path FROM {table}" for table, _ in self._tables))

    def updates(self, room: str) -> Iterator[tuple[str, bytes]]:
        """See ForeignStore."""
        for table, column in self._tables:
            query = f"SELECT rowid, {column} FROM {table} WHERE path = ? ORDER BY rowid"
            for row, update in self.rows(query, room):
                record = f"row {row} of table {table!r}"
                yield record, self.bytes_of(record, update)
