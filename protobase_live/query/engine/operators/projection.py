"""Makes a new row of each row."""

from __future__ import annotations

from collections.abc import Iterable

from protobase_live.query.ast.expressions import Call
from protobase_live.query.ast.tree import Select
from protobase_live.query.engine.code import compile_value
from protobase_live.query.engine.operator import Item, Operator, Row
from protobase_live.query.engine.operators.stateless import Stateless


class Projection(Stateless):
    """The items with the fields that ``step`` names instead of their own."""

    name = "projection"

    def __init__(self, input: Operator, step: Select) -> None:
        super().__init__(input)
        self.step = step
        self._fields = [(name, compile_value(expr)) for name, expr in step.fields]

    @property
    def makes_values(self) -> bool:
        return any(isinstance(expr, Call) for _, expr in self.step.fields)

    @property
    def detail(self) -> str:
        return ", ".join(f"{name}={expr}" for name, expr in self.step.fields)

    def _through(self, items: Iterable[Item]) -> list[Item]:
        return [(identity, rank, self._row(row)) for identity, rank, row in items]

    def _row(self, row: Row) -> Row:
        return {name: value(row) for name, value in self._fields}
