"""The store of Hocuspocus' SQLite extension: one row a document."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from protobase_live.cli.foreign.sqlite_store import SqliteStore


class HocuspocusStore(SqliteStore):
    """A file of `@hocuspocus/extension-sqlite`."""

    def __init__(self, path: Path) -> None:
        """Raises StorageFailed and ValidationError as SqliteStore does."""
        super().__init__(path, "Hocuspocus' SQLite extension", {"documents": ("name", "data")})

    def rooms(self) -> Iterator[str]:
        """See ForeignStore."""
        return self.names('SELECT name FROM "documents" ORDER BY name')

    def updates(self, room: str) -> Iterator[tuple[str, bytes]]:
        """See ForeignStore."""
        for row, data in self.rows('SELECT rowid, data FROM "documents" WHERE name = ?', room):
            record = f"row {row} of table 'documents'"
            yield record, self.bytes_of(record, data)
