"""A table: the records of one collection as queries see them, with its indexes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from protobase_live.errors import LimitExceeded, ValidationError
from protobase_live.model.names import KEY_FIELD
from protobase_live.query.engine.index import Index, Paths, named
from protobase_live.query.engine.key_index import KEY_PATHS, KeyIndex
from protobase_live.query.engine.operator import RecordChange, Row

MAX_INDEXES = 64
"""Most indexes of one collection."""


Record = tuple[str, Row | None]
"""A record's key and its fields, without the key; None for absent."""


class Table:
    """The rows of a collection by key, and what is kept in order about them.

    A row is a record's fields and its key as ``_key``. It is never changed, only replaced, so that everybody
    who reads it can keep it.
    """

    def __init__(self, name: str, records: Mapping[str, Row] | None = None) -> None:
        """``records`` are the fields of records by key."""
        self.name = name
        self.rows: dict[str, Row] = {key: _row(key, fields) for key, fields in (records or {}).items()}
        self.by_key = KeyIndex(self.rows)
        self.indexes: dict[Paths, Index] = {}
        self.usable: tuple[Index, ...] = ()
        """The indexes that are ready. Another tuple whenever there are others, so that plans can tell."""

    def changes(self, records: Iterable[Record]) -> list[RecordChange]:
        """What it would change to take over records as a commit left them."""
        rows = self.rows
        return [
            (key, rows.get(key), None if fields is None else _row(key, fields)) for key, fields in records
        ]

    def apply(self, records: Iterable[Record]) -> list[RecordChange]:
        """Take over records as a commit left them; what that changed."""
        changes = self.changes(records)
        self.take(changes)
        return changes

    def take(self, changes: Iterable[RecordChange]) -> None:
        """Take over changes; each says what there was before."""
        rows, indexes = self.rows, self.indexes.values()
        for key, before, after in changes:
            for index in indexes:
                index.change(key, before, after)
            if after is not None:
                rows[key] = after
                if before is None:
                    self.by_key.add(key)
            elif before is not None:
                del rows[key]
                self.by_key.discard(key)

    def index(self, paths: Paths) -> Index | KeyIndex:
        """The index on ``paths``, which is declared or that of keys."""
        return self.by_key if paths == KEY_PATHS else self.indexes[paths]

    def declare(self, paths: Paths) -> Index:
        """The index on ``paths``: a new one, which `building` completes, unless there is one already.

        Raises ValidationError and LimitExceeded.
        """
        if paths in self.indexes:
            return self.indexes[paths]
        if len(self.indexes) >= MAX_INDEXES:
            raise LimitExceeded(f"collection {self.name!r} has {MAX_INDEXES} indexes; at most that many")
        index = self.indexes[paths] = Index(paths, self.rows)
        self._select_usable()
        return index

    def drop(self, paths: Paths) -> None:
        """Forget the index on ``paths``. Raises ValidationError when there is none."""
        if paths not in self.indexes:
            there = "; ".join(map(named, self.indexes)) or "none"
            raise ValidationError(f"collection {self.name!r} has no index on {named(paths)}; it has: {there}")
        del self.indexes[paths]
        self._select_usable()

    def building(self) -> Iterator[None]:
        """Build the indexes that are not ready, a step at a time; the table may change between steps."""
        while waiting := [index for index in self.indexes.values() if not index.ready]:
            yield from waiting[0].build(self.rows)
            self._select_usable()

    def _select_usable(self) -> None:
        self.usable = tuple(index for index in self.indexes.values() if index.ready)


def _row(key: str, fields: Row) -> Row:
    return {**fields, KEY_FIELD: key}
