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

LAST_ID = 2**63 - 1
"""Ids are SQLite integers."""

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
    entries = 0
    try:
        for row in connection.execute(f"SELECT {COLUMNS} FROM collections"):
            _survey_row(found, row)
            entries += 1
        found.damaged |= count(connection) != entries
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
        highest: object = connection.execute(f"SELECT max({column}) FROM {table}").fetchone()[0]
    except sqlite3.DatabaseError as error:
        if not is_corruption(error):
            raise
        highest = b"unreadable"
    return max(known, _plausible(highest, known))


def _plausible(highest: object, known: int) -> int:
    if highest is None:
        return 0
    return highest if isinstance(highest, int) and highest < LAST_ID - ID_GAP else known + ID_GAP


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


def put(connection: sqlite3.Connection, entry: Entry, *, new: bool) -> None:
    """Write an entry, in the caller's transaction."""
    connection.execute("INSERT OR REPLACE INTO collections VALUES (?, ?, ?, ?)", entry_row(entry))
    if new:
        _change_count(connection, 1)


def remove(connection: sqlite3.Connection, name: bytes) -> None:
    """Drop an entry, if there is one, in the caller's transaction."""
    removed = connection.execute("DELETE FROM collections WHERE name = ?", (name,)).rowcount
    if removed:
        _change_count(connection, -removed)


def count(connection: sqlite3.Connection) -> int:
    """How many entries there must be; -1 if that is not known any more."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'collections'").fetchone()
    return int(row[0]) if row and str(row[0]).isdecimal() else -1


def _change_count(connection: sqlite3.Connection, by: int) -> None:
    connection.execute("UPDATE meta SET value = value + ? WHERE key = 'collections'", (by,))
