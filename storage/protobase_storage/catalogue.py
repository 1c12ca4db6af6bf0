"""Which collections exist: the `collections` table."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from .contract import check_name
from .errors import CollectionCorrupt
from .rows import Entry, entry_row, read_entry
from .sqlite_schema import is_corruption, translate

ID_GAP = 2**32
"""Where a damaged page may hide ids, new ones start this far above the highest that can be read."""

COLUMNS = "name, id, head, checksum"


@dataclass(slots=True)
class Survey:
    """What one pass over the catalogue found: is an entry damaged, and the highest id in use."""

    damaged: bool
    last_id: int

    def next_id(self) -> int:
        """An id that nothing in the file has."""
        self.last_id += 1
        return self.last_id


def survey(connection: sqlite3.Connection) -> Survey:
    """Read the catalogue once, as every opening does."""
    found = Survey(damaged=False, last_id=0)
    try:
        for row in connection.execute(f"SELECT {COLUMNS} FROM collections"):
            _survey_row(found, row)
    except sqlite3.DatabaseError as error:
        if not is_corruption(error):
            raise
        found.damaged = True
    for column, table in (("collection", "log"), ("snapshot", "chunks"), ("id", "garbage")):
        found.last_id = _highest_id(connection, column, table, found.last_id)
    return found


def _survey_row(found: Survey, row: tuple[object, ...]) -> None:
    try:
        entry = read_entry(row)
    except CollectionCorrupt:
        found.damaged = True
    else:
        found.last_id = max(found.last_id, entry.id, entry.snapshot.id if entry.snapshot else 0)


def _highest_id(connection: sqlite3.Connection, column: str, table: str, known: int) -> int:
    try:
        highest: int | None = connection.execute(f"SELECT max({column}) FROM {table}").fetchone()[0]
    except sqlite3.DatabaseError as error:
        if not is_corruption(error):
            raise
        highest = known + ID_GAP
    return max(known, highest or 0)


def find(connection: sqlite3.Connection, name: str, damaged: bool) -> Entry | None:
    """The entry of a collection, or None when there is no such collection.

    A damaged entry may have lost its name and not be found where it belongs. While there is one (`damaged`),
    nobody can say that an unknown collection does not exist: `CollectionCorrupt`.
    """
    try:
        query = f"SELECT {COLUMNS} FROM collections WHERE name = ?"
        row = connection.execute(query, (check_name(name),)).fetchone()
    except sqlite3.DatabaseError as error:
        raise translate(error, name) from error
    if row is None and damaged:
        raise CollectionCorrupt(
            name, "it is not found, and the catalogue has damaged entries it may be among"
        )
    return None if row is None else read_entry(row)


def put(connection: sqlite3.Connection, entry: Entry) -> None:
    """Write an entry, in the caller's transaction."""
    row = entry_row(check_name(entry.name), entry.id, entry.snapshot)
    connection.execute("INSERT OR REPLACE INTO collections VALUES (?, ?, ?, ?)", row)
