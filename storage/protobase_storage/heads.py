"""Where each collection's log ends, as the one writer knows it."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from . import catalogue
from .catalogue import Survey
from .commit import Commit, join
from .contract import check_sequence
from .rows import Entry, LogRow, log_row
from .sqlite_schema import translate

HEADS_KEPT = 10_000
"""Collections whose heads stay in memory between flushes; others are looked up when they are written to."""


@dataclass(slots=True)
class Head:
    """A collection's id, what it includes, its last position, and whether the catalogue has it yet."""

    id: int
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
        last: dict[tuple[str, str], int] = {}
        for commit in commits:
            key = (commit.collection, commit.origin)
            known = last.get(key)
            check_sequence(commit, self._stored_sequence(commit) if known is None else known)
            last[key] = commit.sequence

    def _stored_sequence(self, commit: Commit) -> int:
        return self.find(commit.collection).vector.get(commit.origin, 0)

    def plan(self, commits: Iterable[Commit]) -> list[LogRow]:
        """The rows of checked commits; the heads move on."""
        rows: list[LogRow] = []
        for commit in commits:
            head = self._heads[commit.collection]
            head.position += 1
            head.vector[commit.origin] = commit.sequence
            rows.append(log_row(head.id, head.position, commit))
        return rows

    def create_missing(self, names: Iterable[str]) -> None:
        """Enter the collections that are written to for the first time, in the caller's transaction."""
        for name in names:
            head = self._heads[name]
            if not head.stored:
                catalogue.put(self._connection, Entry(name, head.id, None))
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
            return Head(self._survey.next_id(), {}, 0, stored=False)
        query = "SELECT origin, max(sequence), max(position) FROM log WHERE collection = ? GROUP BY origin"
        try:
            ends = self._connection.execute(query, (entry.id,)).fetchall()
        except sqlite3.DatabaseError as error:
            raise translate(error, name) from error
        logged = {origin.decode(errors="replace"): sequence for origin, sequence, _ in ends}
        vector = join(logged, entry.snapshot.vector if entry.snapshot else {})
        return Head(entry.id, vector, max((position for *_, position in ends), default=0), stored=True)

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
