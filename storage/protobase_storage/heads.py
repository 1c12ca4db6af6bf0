"""Where each collection's log ends, as the one writer knows it."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from . import catalogue
from .catalogue import Survey
from .commit import Commit, include, join, sequence_of
from .contract import check_sequences
from .errors import CollectionCorrupt
from .rows import Entry, LogRow, log_row
from .sqlite_schema import translate

HEADS_KEPT = 10_000
"""Collections whose heads stay in memory between flushes; others are looked up when they are written to."""

SEAL_EVERY = 64
"""Commits after which a collection's end is noted in its entry again; closing notes all of them."""


@dataclass(slots=True)
class Head:
    """A collection's entry, what it includes, its last position, and whether the catalogue has it yet."""

    entry: Entry
    vector: dict[str, int]
    position: int
    stored: bool


class Heads:
    """A cache over `collections` and `log`. What was planned and not committed must be forgotten."""

    def __init__(self, connection: sqlite3.Connection, survey: Survey) -> None:
        self._connection = connection
        self._survey = survey
        self._heads: OrderedDict[str, Head] = OrderedDict()

    def check(self, commits: Iterable[Commit]) -> None:
        """Raises `SequenceConflict` or `CollectionCorrupt` if `commits` cannot follow what is there."""
        check_sequences(commits, self._stored_sequence)

    def _stored_sequence(self, commit: Commit) -> int:
        return sequence_of(self.find(commit.collection).vector, commit.origin)

    def plan(self, commits: Iterable[Commit]) -> list[LogRow]:
        """The rows of checked commits; the heads move on."""
        rows: list[LogRow] = []
        for commit in commits:
            head = self._heads[commit.collection]
            head.position += 1
            include(head.vector, commit)
            rows.append(log_row(head.entry.id, head.position, commit))
        return rows

    def save(self, names: Iterable[str]) -> None:
        """Enter what is new, and ends that have moved on far, in the caller's transaction."""
        for name in names:
            head = self._heads[name]
            if not head.stored or head.position - head.entry.end >= SEAL_EVERY:
                self.put(head, replace(head.entry, end=head.position))

    def seal(self) -> None:
        """Enter all ends that have moved on, in the caller's transaction."""
        for head in self._heads.values():
            if head.position > head.entry.end:
                self.put(head, replace(head.entry, end=head.position))

    def put(self, head: Head, entry: Entry) -> None:
        """Write an entry, in the caller's transaction."""
        catalogue.put(self._connection, entry, new=not head.stored)
        head.entry = entry
        head.stored = True

    def find(self, name: str) -> Head:
        """The head of a collection, a new one if it does not exist. Raises `CollectionCorrupt`."""
        head = self._heads.get(name)
        if head is None:
            head = self._heads[name] = self._read(name)
        return head

    def _read(self, name: str) -> Head:
        entry = catalogue.find(self._connection, name, self._survey.damaged)
        if entry is None:
            return Head(Entry(name, self._survey.next_id(), 0, 0, None), {}, 0, stored=False)
        query = "SELECT origin, max(sequence), max(position) FROM log WHERE collection = ? GROUP BY origin"
        try:
            ends = self._connection.execute(query, (entry.id,)).fetchall()
            vector = dict(entry.snapshot.vector) if entry.snapshot else {}
            for origin, sequence, _ in ends:
                vector = join(vector, {origin.decode(): sequence})
            position = max([entry.floor, *(position for *_, position in ends)])
        except sqlite3.DatabaseError as error:
            raise translate(error, name) from error
        except (AttributeError, TypeError, UnicodeDecodeError):
            raise CollectionCorrupt(name, "a commit's origin or sequence is damaged") from None
        if position < entry.end:
            raise CollectionCorrupt(name, f"its log ends at position {position} instead of {entry.end}")
        return Head(entry, vector, position, stored=True)

    def forget(self, names: Iterable[str]) -> None:
        """Look these up again next time."""
        for name in names:
            self._heads.pop(name, None)

    def trim(self, used: Iterable[str]) -> None:
        """Keep the most recently used heads; call between transactions."""
        for name in used:
            if name in self._heads:
                self._heads.move_to_end(name)
        while len(self._heads) > HEADS_KEPT:
            self._heads.popitem(last=False)
