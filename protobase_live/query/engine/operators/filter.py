"""Keeps the rows of which a condition is true."""

from __future__ import annotations

from collections.abc import Iterable

from protobase_live.query.ast.expressions import Expr
from protobase_live.query.engine.code import compile_condition
from protobase_live.query.engine.operator import Item, Operator
from protobase_live.query.engine.operators.stateless import Stateless


class Filter(Stateless):
    """The items of which ``condition`` is true, as they are."""

    name = "filter"

    def __init__(self, input: Operator, condition: Expr) -> None:
        super().__init__(input)
        self.condition = condition
        self._holds = compile_condition(condition)

    @property
    def detail(self) -> str:
        return str(self.condition)

    def _through(self, items: Iterable[Item]) -> list[Item]:
        holds = self._holds
        return [item for item in items if holds(item[2])]
