"""What is durable, read on a connection of its own while the writer writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from . import catalogue
from .catalogue import COLUMNS, Survey
from .commit import NOTHING, Commit, Loaded, Snapshot, Vector, includes, is_elsewhere, join
from .contract import CollectionInfo, Standing, check_name
from .errors import CollectionCorrupt, StorageError
from .places import Place, Places
from .rows import Entry, SnapshotHead, read_chunk, read_commit, read_entry, readable
from .sqlite_schema import is_corruption, translate

_LOG = (
    "SELECT collection, position, origin, sequence, head, body, checksum FROM log "
    "WHERE collection = ? AND position > ? ORDER BY position"
)
_ENDS = "SELECT origin, max(sequence) FROM log WHERE collection = ? GROUP BY origin"
_CHUNKS = "SELECT snapshot, ordinal, body, checksum FROM chunks WHERE snapshot = ? ORDER BY ordinal"
_SIZES = "SELECT count(*), coalesce(sum(length(body)), 0) FROM log WHERE collection = ?"


class Reader:
    """Reads of one connection, each in one read transaction: it sees one moment."""

    def __init__(self, connection: sqlite3.Connection, path: Path, survey: Survey) -> None:
        self._connection = connection
        self._path = path
        self._survey = survey
        self._places = Places()

    def load(self, collection: str) -> Loaded:
        """See `Storage.load`."""
        with self._moment(collection):
            entry = self._find(collection)
            if entry is None:
                return Loaded(None, ())
            snapshot = self._snapshot(collection, entry.snapshot) if entry.snapshot else None
            return Loaded(snapshot, tuple(self._commits(entry)), entry.remains)

    def commits_after(self, collection: str, vector: Vector, limit: int) -> tuple[Commit, ...] | None:
        """See `Storage.commits_after`."""
        with self._moment(collection):
            entry = self._find(collection)
            if entry is None:
                return ()
            if entry.snapshot and not includes(vector, entry.snapshot.vector):
                return None
            place = self._places.of(entry.id, vector)
            if self._forks(entry, vector, place.compared):
                return None
            found, read, asked = list[Commit](), place.read, place.read
            for position, commit in self._placed_commits(entry, vector, behind=read):
                if len(found) == limit:
                    break
                read = position
                if commit is not None:
                    found.append(commit)
                elif not found:
                    asked = position
            reached, end = Loaded(Snapshot("", b"", vector, 0), tuple(found)).vector, self._end(entry)
            self._places.keep(entry.id, vector, Place(asked, end))  # for who has a little more
            self._places.keep(entry.id, reached, Place(read, end))
            return tuple(found)

    def standing(self, collection: str) -> Standing:
        """See `Storage.standing`."""
        with self._moment(collection):
            return self._standing_of(collection)

    def standings_of(self, collections: Iterable[str]) -> list[Standing]:
        """See `Storage.standings_of`."""
        found: list[Standing] = []
        with self._moment(None):
            for collection in collections:
                with suppress(CollectionCorrupt):
                    found.append(self._standing_of(collection))
        return found

    def standings(self, after: str, limit: int) -> list[Standing]:
        """See `Storage.standings`."""
        found: list[Standing] = []
        with self._moment(None):
            query = f"SELECT {COLUMNS} FROM collections WHERE name > ? ORDER BY name"
            for row in self._connection.execute(query, (after.encode(errors="replace"),)):
                with suppress(CollectionCorrupt):
                    found.append(self._standing(read_entry(row)))
                if len(found) == limit:
                    break
        return found

    def _standing_of(self, collection: str) -> Standing:
        entry = self._find(collection)
        return Standing(collection, {}) if entry is None else self._standing(entry)

    def _standing(self, entry: Entry) -> Standing:
        """Reads no updates, and no checksums: of a long log that would take as long as loading it."""
        vector: Vector = entry.snapshot.vector if entry.snapshot else {}
        try:
            for origin, sequence in self._connection.execute(_ENDS, (entry.id,)):
                vector = join(vector, {origin.decode(): sequence})
        except (AttributeError, TypeError, UnicodeDecodeError):
            raise CollectionCorrupt(entry.name, "a commit's origin or sequence is damaged") from None
        return Standing(entry.name, vector, entry.remains)

    def list(self, prefix: str) -> list[CollectionInfo]:
        """See `Storage.list`."""
        with self._moment(None):
            start = prefix.encode(errors="replace")
            query = f"SELECT {COLUMNS} FROM collections WHERE name >= ? ORDER BY name"
            infos: list[CollectionInfo] = []
            for row in self._connection.execute(query, (start,)):
                if isinstance(row[0], bytes) and not row[0].startswith(start):
                    break
                if info := self._info(row):
                    infos.append(info)
            return infos

    def sizes(self) -> tuple[int, int]:
        """Number of collections, and bytes of the database with its write-ahead log."""
        with self._moment(None):
            count = catalogue.count(self._connection)
        size = 0
        for file in (self._path, Path(f"{self._path}-wal")):
            with suppress(OSError):  # it is not there, or cannot be looked at
                size += file.stat().st_size
        return count, size

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @contextmanager
    def _moment(self, collection: str | None) -> Generator[None]:
        try:
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise translate(error, collection) from error

    def _find(self, collection: str) -> Entry | None:
        check_name(collection)
        return catalogue.find(self._connection, collection, self._survey.damaged)

    def _snapshot(self, name: str, head: SnapshotHead) -> Snapshot:
        rows = self._connection.execute(_CHUNKS, (head.id,))
        update = b"".join([read_chunk(name, ordinal, row) for ordinal, row in enumerate(rows)])
        if len(update) != head.size:
            raise CollectionCorrupt(name, f"its snapshot has {len(update)} of {head.size} bytes")
        return Snapshot(name, update, head.vector, head.time)

    def _commits(self, entry: Entry) -> Iterator[Commit]:
        """Those that the snapshot does not cover."""
        covered = entry.snapshot.vector if entry.snapshot else NOTHING
        placed = self._placed_commits(entry, covered, behind=0)
        return (commit for _, commit in placed if commit is not None)

    def _placed_commits(
        self, entry: Entry, covered: Vector, behind: int
    ) -> Iterator[tuple[int, Commit | None]]:
        """The commits behind a position, each with its own; None in place of what is covered."""
        expected = max(entry.floor, behind) + 1  # the position, where nothing was dropped
        for row in self._connection.execute(_LOG, (entry.id, behind)):
            commit = read_commit(entry.name, row, covered)
            position = row[1]
            if position > entry.floor:
                if position != expected:
                    raise CollectionCorrupt(entry.name, f"the commit at position {expected} is missing")
                expected += 1
            yield position, commit
        if expected <= entry.end:
            raise CollectionCorrupt(
                entry.name, f"its log ends at position {expected - 1} instead of {entry.end}"
            )

    def _forks(self, entry: Entry, vector: Vector, behind: int) -> bool:
        """Whether a commit of the log behind a position has another one in its place in `vector`."""
        query = "SELECT origin FROM log WHERE collection = ? AND position > ? AND sequence = ?"
        return any(
            is_elsewhere(vector, found.decode(errors="replace"), sequence)
            for sequence in {*vector.values()}
            for (found,) in self._connection.execute(query, (entry.id, behind, sequence))
        )

    def _end(self, entry: Entry) -> int:
        query = "SELECT coalesce(max(position), 0) FROM log WHERE collection = ?"
        return self._connection.execute(query, (entry.id,)).fetchone()[0]

    def _info(self, row: tuple[Any, ...]) -> CollectionInfo | None:
        """None for what is deleted."""
        name = readable(row[0])
        try:
            entry = read_entry(row)
            commits, size = self._log_sizes(entry)
        except StorageError as error:
            return CollectionInfo(name, 0, 0, 0, str(error))
        except sqlite3.DatabaseError as error:
            if not is_corruption(error):
                raise
            return CollectionInfo(name, 0, 0, 0, str(translate(error, name)))
        if entry.remains and not commits and entry.snapshot is None:
            return None
        return CollectionInfo(name, entry.snapshot.size if entry.snapshot else 0, commits, size)

    def _log_sizes(self, entry: Entry) -> tuple[int, int]:
        query = "SELECT 1 FROM garbage WHERE kind = 'covered' AND id = ?"
        if self._connection.execute(query, (entry.id,)).fetchone() is None:
            return self._connection.execute(_SIZES, (entry.id,)).fetchone()
        live = [len(commit.update) for commit in self._commits(entry)]
        return len(live), sum(live)
