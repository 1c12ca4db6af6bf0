"""Keeps the first of equal rows."""

from __future__ import annotations

from collections.abc import Iterator

from protobase_live.model.values import same
from protobase_live.query.ast.ordering import SortKey, sort_key
from protobase_live.query.engine.operator import (
    Changes,
    Delta,
    Identity,
    Item,
    Operator,
    Rank,
    Row,
    net,
    place,
)
from protobase_live.query.engine.operators.batches import batched
from protobase_live.query.engine.operators.sorted_set import SortedSet

Place = tuple[Rank, Identity]


class Unique(Operator):
    """Of the items with equal rows the first; its identity is the row's sort key, its rank stays."""

    name = "unique"

    def __init__(self, input: Operator) -> None:
        self.inputs = (input,)
        self._found: dict[SortKey, _Equal] = {}
        """By their sort key, equal rows."""

    def fetch(self) -> Iterator[list[Item]]:
        first: dict[SortKey, Item] = {}
        for batch in self.inputs[0].fetch():
            for item in batch:
                known = first.setdefault(sort_key(item[2]), item)
                if known is not item and place(item) < place(known):
                    first[sort_key(item[2])] = item
            yield []
        yield from batched((key, rank, row) for key, (_, rank, row) in first.items())

    def push(self, changes: Changes) -> Delta:
        delta = self.inputs[0].push(changes)
        olds = [(sort_key(old[2]), old) for old, _ in delta if old is not None]
        news = [(sort_key(new[2]), new) for _, new in delta if new is not None]
        touched = {key for key, _ in (*olds, *news)}
        before = self._items(touched)
        for key, old in olds:
            self._remove(key, old)
        for key, new in news:
            self._add(key, new)
        return net(before, self._items(touched))

    def _items(self, keys: set[SortKey]) -> dict[Identity, Item]:
        """What is shown of those rows."""
        found = ((key, self._found[key]) for key in keys if key in self._found)
        return {key: (key, equal.places[0][0], equal.first()) for key, equal in found}

    def _add(self, key: SortKey, item: Item) -> None:
        known = self._found.get(key)
        if known is None:
            known = self._found[key] = _Equal(item[2])
        known.add(item)

    def _remove(self, key: SortKey, item: Item) -> None:
        known = self._found[key]
        known.remove(item)
        if not known.places:
            del self._found[key]


class _Equal:
    """Rows that are equal to each other, and where they stand."""

    __slots__ = ("_others", "_row", "places")

    def __init__(self, row: Row) -> None:
        self.places: SortedSet[Place] = SortedSet()
        self._row = row
        self._others: dict[Place, Row] | None = None
        """By their place, those that are not alike `_row`; None as long as there was none."""

    def add(self, item: Item) -> None:
        self.places.add(place(item))
        if not same(item[2], self._row):
            self._others = {} if self._others is None else self._others
            self._others[place(item)] = item[2]

    def remove(self, item: Item) -> None:
        self.places.remove(place(item))
        if self._others is not None:
            self._others.pop(place(item), None)

    def first(self) -> Row:
        return self._row if self._others is None else self._others.get(self.places[0], self._row)
