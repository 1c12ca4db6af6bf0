"""Gives the items their ranks; nothing is sorted here."""

from __future__ import annotations

from collections.abc import Iterable

from protobase_live.query.ast.expressions import Call
from protobase_live.query.ast.tree import OrderBy
from protobase_live.query.engine.code import compile_rank
from protobase_live.query.engine.operator import Item, Operator
from protobase_live.query.engine.operators.stateless import Stateless


class Ordering(Stateless):
    """The items with the rank that the terms of ``step`` give them."""

    name = "ordering"

    def __init__(self, input: Operator, step: OrderBy) -> None:
        super().__init__(input)
        self.step = step
        self._rank = compile_rank(step.terms)

    @property
    def sorted(self) -> bool:
        return False

    @property
    def makes_values(self) -> bool:
        return any(isinstance(expr, Call) for expr, _ in self.step.terms)

    @property
    def detail(self) -> str:
        return ", ".join(f"{expr} descending" if down else str(expr) for expr, down in self.step.terms)

    def _through(self, items: Iterable[Item]) -> list[Item]:
        rank = self._rank
        return [(identity, rank(row), row) for identity, _, row in items]
