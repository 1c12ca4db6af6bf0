"""A table: the records of one collection as queries see them, with its indexes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from protobase_live.errors import LimitExceeded, ValidationError
from protobase_live.query.index import Index, Paths, named
from protobase_live.query.operators.operator import RecordChange, Row

MAX_INDEXES = 64
"""Most indexes of one collection."""


class Table:
    """The rows of a collection by key, without ``_key``, and what is kept in order about them.

    ``rows`` belongs to the table from now on. A row is never changed, only replaced.
    """

    def __init__(self, name: str, rows: dict[str, Row] | None = None) -> None:
        self.name = name
        self.rows: dict[str, Row] = {} if rows is None else rows
        self.indexes: dict[Paths, Index] = {}
        self.usable: tuple[Index, ...] = ()
        """The indexes that are ready. Another tuple whenever there are others, so that plans can tell."""

    def apply(self, changes: Iterable[RecordChange]) -> None:
        """Take over what a commit changed; of each change only the key and what is there after it counts."""
        rows, indexes = self.rows, self.indexes.values()
        for key, _, after in changes:
            before = rows.get(key)
            for index in indexes:
                index.change(key, before, after)
            if after is None:
                rows.pop(key, None)
            else:
                rows[key] = after

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
