"""Keeps the first of equal rows."""

from __future__ import annotations

from collections.abc import Iterator

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


class Unique(Operator):
    """Of the items with equal rows the first; its identity is the row's sort key, its rank stays."""

    name = "unique"

    def __init__(self, input: Operator) -> None:
        self.inputs = (input,)
        self._found: dict[SortKey, tuple[Row, SortedSet[tuple[Rank, Identity]]]] = {}
        """By its sort key, each row and where it stands."""

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
        return {key: (key, places[0][0], row) for key, (row, places) in found}

    def _add(self, key: SortKey, item: Item) -> None:
        known = self._found.get(key)
        if known is None:
            self._found[key] = item[2], SortedSet((place(item),))
        else:
            known[1].add(place(item))

    def _remove(self, key: SortKey, item: Item) -> None:
        places = self._found[key][1]
        places.remove(place(item))
        if not places:
            del self._found[key]
