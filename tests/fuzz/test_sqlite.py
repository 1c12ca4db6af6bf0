"""For what SQL can say, SQLite gives the same rows in the same order."""

from __future__ import annotations

from typing import Any

from hypothesis import given

import protobase_live.query.ast.aggregates as aggregates
from protobase_live.query.ast.aggregates import Aggregate
from protobase_live.query.ast.expressions import Call, Expr, Field
from protobase_live.query.ast.tree import Join
from protobase_live.query.engine.plan import plan_fetch
from protobase_live.query.engine.table import Table
from tests.support import query_cases as steps
from tests.support.query_cases import (
    Case,
    Dice,
    Draft,
    Expressions,
    Language,
    Names,
    cases,
    whole_cases,
)
from tests.support.query_oracle import equal
from tests.support.query_sql import JOIN_HOWS, sql_answer, without_none

KINDS = ("whole", "ref", "text", "half")
"""Kinds of fields that SQL has. Halves are floats whose sums are exact in any order."""


class SqlExpressions(Expressions):
    """Draws expressions that SQL has. What is calculated is of the kind ``made``, which no more is calculated
    with, so that it stays small.
    """

    def __init__(self, dice: Dice, names: Names) -> None:
        super().__init__(dice, {path: kind for path, kind in names.items() if kind != "dict"})

    def value(self) -> Expr:
        return self.calculation() if self.dice.chance(4) else Field(self.path())

    def calculation(self, depth: int = 1) -> Expr:
        op = self.dice.pick(["+", "-", "*", "/", "%", "neg", "text"])
        if op == "text":
            return Call("+", (Field(self.path("text", "ref")), self.constant("text")))
        if op == "neg":
            return Call("neg", (self.operand(0),))
        return Call(op, (self.operand(0), self.operand(0)))

    def operand(self, depth: int) -> Expr:
        number = self.number()
        return self.constant("half") if number is None or self.dice.chance(3) else number

    def number(self) -> Field | None:
        """A stored number, if there is one."""
        found = [path for path, kind in self.names.items() if kind in ("whole", "half")]
        return Field(self.dice.pick(found)) if found else None

    def test(self) -> Expr:
        one = Field(self.path("text", "ref"))
        op = self.dice.pick(["like", "starts_with", "contains"])
        pattern = self.pattern("text")
        return Call("starts_with" if op == "like" and isinstance(pattern, Field) else op, (one, pattern))

    def aggregate(self) -> Aggregate:
        number = self.number()
        if number is not None and self.dice.chance(2):
            return self.dice.pick([aggregates.sum, aggregates.avg])(number)
        make = self.dice.pick([aggregates.count, aggregates.min, aggregates.max, aggregates.count_distinct])
        return make(self.value())

    def kind_of(self, found: Any) -> str:
        return self.names[found.field_path] if isinstance(found, Field) else "made"


def join(dice: Dice, draft: Draft) -> Draft:
    """A join that this SQLite has."""
    found = steps.join(dice, draft)
    last = found.query.steps[-1]
    assert isinstance(last, Join)
    return found if last.how in JOIN_HOWS else steps.where(dice, draft)


def select_distinct(dice: Dice, draft: Draft) -> Draft:
    """Different rows; all have the same fields."""
    return steps.distinct(dice, steps.select(dice, draft))


def union(dice: Dice, draft: Draft) -> Draft:
    """A union of rows that have the same fields."""
    found = steps.union(dice, draft)
    if list(found.names) != [("x",)]:
        return steps.where(dice, draft)
    return found.then(found.query, {("x",): "made"})


SQL = Language(
    [
        *(steps.where, steps.order_by, join, steps.group_by, steps.slice_, steps.select, select_distinct),
        *(union, steps.traverse, join, steps.group_by, steps.order_by),
    ],
    SqlExpressions,
)


@cases(150)
@given(whole_cases(KINDS, 0, SQL))
def test_sqlite_gives_the_same_rows(case: Case) -> None:
    query = case.query.bind(case.params)
    tables = {name: Table(name, dict(rows)) for name, rows in case.data.items()}
    found = [without_none(row) for batch in plan_fetch(query, tables).steps() for row in batch]
    assert equal(found, sql_answer(case.query, case.data, case.params))
