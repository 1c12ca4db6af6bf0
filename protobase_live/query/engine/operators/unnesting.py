"""Makes a row of each element of a list or set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

from protobase_live.query.ast.ordering import sort_key
from protobase_live.query.ast.tree import Unnest
from protobase_live.query.engine.code import compile_value
from protobase_live.query.engine.operator import Changes, Delta, Identity, Item, Operator
from protobase_live.query.engine.operators.batches import batched, bounded, held_after
from protobase_live.query.engine.operators.stateless import Stateless


class Unnesting(Stateless):
    """For each element of the field's list or set, the item with the element in its place.

    The identity is (identity, (index,)) for a list and (identity, sort key of the element) for a set: the two
    can be compared, because a field may hold a list now and a set next.
    """

    name = "unnesting"

    def __init__(self, input: Operator, step: Unnest) -> None:
        super().__init__(input)
        self.step = step
        self._value = compile_value(step.field)
        self._held = 0

    @property
    def detail(self) -> str:
        return f"{self.step.field} as {self.step.name}"

    def fetch(self) -> Iterator[list[Item]]:
        for batch in self.inputs[0].fetch():
            yield from batched(self._elements(batch))
            yield []

    def push(self, changes: Changes) -> Delta:
        delta = super().push(changes)
        self._held = held_after(self._held, delta)
        return delta

    def _through(self, items: Iterable[Item]) -> list[Item]:
        return bounded(self._elements(items))

    def _elements(self, items: Iterable[Item]) -> Iterator[Item]:
        name, value = self.step.name, self._value
        for identity, rank, row in items:
            for part, element in _elements(value(row)):
                yield (identity, part), rank, {**row, name: element}


def _elements(found: Any) -> Iterator[tuple[Identity, Any]]:
    """The elements in the order of rows, each with what tells it from the others."""
    if isinstance(found, (list, tuple)):
        for index, element in enumerate(cast("Iterable[Any]", found)):
            yield (index,), element
    elif isinstance(found, (set, frozenset)):
        keyed = {sort_key(element): element for element in cast("Iterable[Any]", found)}
        for key in sorted(keyed):
            yield key, keyed[key]
