"""Leaves fields out of rows."""

from __future__ import annotations

from collections.abc import Iterable

from protobase_live.query.ast.expressions import Value
from protobase_live.query.ast.tree import Only
from protobase_live.query.engine.effort import guarding
from protobase_live.query.engine.mask import mask
from protobase_live.query.engine.operator import Item, Operator
from protobase_live.query.engine.operators.stateless import Stateless


class Masking(Stateless):
    """The items with those of their fields that ``step`` keeps."""

    name = "only"

    def __init__(self, input: Operator, step: Only) -> None:
        super().__init__(input)
        self.step = step
        self._mask = mask(step)
        self._masked = guarding(self._of_all) if step.guards else self._of_all

    @property
    def detail(self) -> str:
        return "; ".join(map(_said, self.step.parts))

    def _through(self, items: Iterable[Item]) -> list[Item]:
        return self._masked(items)

    def _of_all(self, items: Iterable[Item]) -> list[Item]:
        mask = self._mask
        return [(identity, rank, mask(row)) for identity, rank, row in items]


def _said(part: tuple[object, frozenset[str] | None]) -> str:
    condition, fields = part
    named = "all" if fields is None else ", ".join(sorted(fields))
    return named if isinstance(condition, Value) else f"{named} where {condition}"
