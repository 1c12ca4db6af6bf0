"""Keeps a stretch of the rows: what `limit` and `offset` say."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from sortedcontainers import SortedList

from protobase_live.query.ast.tree import Slice
from protobase_live.query.engine.operator import (
    BATCH_ROWS,
    Changes,
    Delta,
    Identity,
    Item,
    Operator,
    Rank,
    in_batches,
    net,
    place,
)
from protobase_live.query.engine.operators.sorting import Sorting

MAX_KEPT_ROWS = 10_000
"""Longest start of the order that `fetch` picks out of unsorted rows; beyond it sorts them all."""


class Window(Operator):
    """The items from the offset on, as many as the limit says."""

    name = "window"

    def __init__(self, input: Operator, step: Slice) -> None:
        self.inputs = (input,)
        self.step = step
        self._start = step.offset
        self._end = sys.maxsize if step.limit is None else step.offset + step.limit
        self._places: SortedList[tuple[Rank, Identity]] = SortedList()
        self._items: dict[Identity, Item] = {}

    @property
    def sorted(self) -> bool:
        return True

    @property
    def detail(self) -> str:
        limit = "" if self.step.limit is None else f"limit {self.step.limit}"
        return f"{limit} offset {self.step.offset}".strip() if self.step.offset else limit

    def fetch(self) -> Iterator[list[Item]]:
        if self._start == self._end:
            return
        passed = 0
        for batch in self._in_order():
            yield batch[max(self._start - passed, 0) : self._end - passed]
            passed += len(batch)
            if passed >= self._end:
                return

    def _in_order(self) -> Iterator[list[Item]]:
        if self.inputs[0].sorted or self._end > MAX_KEPT_ROWS:
            return Sorting(self.inputs[0]).fetch()
        return _first(self._end, self.inputs[0].fetch())

    def push(self, changes: Changes) -> Delta:
        delta = self.inputs[0].push(changes)
        if self._start == self._end:
            return []
        if self._visible() <= len(delta):
            return self._replace(delta)
        return self._shift(delta)

    def _visible(self) -> int:
        """How many rows are in the window."""
        return max(min(self._end, len(self._places)) - self._start, 0)

    def _replace(self, delta: Delta) -> Delta:
        """The effect of a delta that is larger than the window."""
        before = self._window()
        for old, _ in delta:
            if old is not None:
                self._places.remove(place(old))
                del self._items[old[0]]
        self._items.update((new[0], new) for _, new in delta if new is not None)
        self._places.update(place(new) for _, new in delta if new is not None)
        return net(before, self._window())

    def _window(self) -> dict[Identity, Item]:
        """The rows in the window."""
        end = min(self._end, len(self._places))
        found = self._places.islice(self._start, end) if self._start < end else ()
        return {identity: self._items[identity] for _, identity in found}

    def _shift(self, delta: Delta) -> Delta:
        """The effect of a delta that is smaller than the window: what it moves over the edges."""
        effect = _Effect()
        for old, _ in delta:  # first, so that no two items are ever in one place
            if old is not None:
                self._remove(old, effect)
        for _, new in delta:
            if new is not None:
                self._insert(new, effect)
        return net(effect.before, effect.after)

    def _remove(self, item: Item, effect: _Effect) -> None:
        index = self._places.index(place(item))
        if index < self._end:
            effect.hide(self._at(max(index, self._start)))
            effect.show(self._at(self._end))
        del self._places[index]
        del self._items[item[0]]

    def _insert(self, item: Item, effect: _Effect) -> None:
        found = place(item)
        self._items[item[0]] = item
        self._places.add(found)
        index = self._places.bisect_left(found)
        if index < self._end:
            effect.show(self._at(max(index, self._start)))
            effect.hide(self._at(self._end))

    def _at(self, index: int) -> Item | None:
        return self._items[self._places[index][1]] if index < len(self._places) else None


class _Effect:
    """What a few removals and insertions, one after the other, did to the window."""

    __slots__ = ("after", "before")

    def __init__(self) -> None:
        self.before: dict[Identity, Item] = {}
        self.after: dict[Identity, Item] = {}

    def hide(self, item: Item | None) -> None:
        """``item`` left the window; it was in it from the beginning, or `show` was told of it."""
        if item is not None and self.after.pop(item[0], None) is None:
            self.before[item[0]] = item

    def show(self, item: Item | None) -> None:
        """``item`` came into the window."""
        if item is not None:
            self.after[item[0]] = item


def _first(count: int, batches: Iterator[list[Item]]) -> Iterator[list[Item]]:
    """The first ``count`` items in order, of which never many more are held."""
    kept: list[Item] = []
    bound: Rank | None = None
    for batch in batches:
        kept += batch if bound is None else [item for item in batch if item[1] <= bound]
        if len(kept) >= 2 * count + BATCH_ROWS:
            kept = _least(kept, count)
            bound = kept[-1][1]
        yield []
    yield from in_batches(_least(kept, count))


def _least(items: list[Item], count: int) -> list[Item]:
    return sorted(items, key=place)[:count]
