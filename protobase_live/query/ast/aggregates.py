"""Aggregates: what `Query.group_by` says of the rows of a group. None is skipped, as in SQL."""

from __future__ import annotations

from dataclasses import dataclass

from protobase_live.errors import ValidationError
from protobase_live.model.atoms import unknown
from protobase_live.query.ast.expressions import Expr, field_or_expr

AGGREGATES = ("count", "sum", "avg", "min", "max", "collect", "count_distinct")
"""The names of all aggregates."""


@dataclass(frozen=True, slots=True, eq=False)
class Aggregate:
    """One aggregate: its name, and the expression it is taken over (None: the rows themselves)."""

    name: str
    over: Expr | None

    def __post_init__(self) -> None:
        if self.name not in AGGREGATES:
            raise ValidationError(unknown("there is no aggregate", self.name, AGGREGATES))
        if self.over is None and self.name != "count":
            raise ValidationError(f"{self.name} needs a field or expression: {self.name}('priority')")

    def __str__(self) -> str:
        return f"{self.name}({'' if self.over is None else self.over})"


def count(over: str | Expr | None = None) -> Aggregate:
    """How many rows there are, or, of a field or expression, how many values that are not None."""
    return Aggregate("count", None if over is None else field_or_expr(over))


def sum(over: str | Expr) -> Aggregate:
    """The sum of the numbers, rounded once at the end; None without any. What is no number is skipped."""
    return Aggregate("sum", field_or_expr(over))


def avg(over: str | Expr) -> Aggregate:
    """The mean of the numbers, None without any. What is no number is skipped."""
    return Aggregate("avg", field_or_expr(over))


def min(over: str | Expr) -> Aggregate:
    """The first value in the order of values, None without any."""
    return Aggregate("min", field_or_expr(over))


def max(over: str | Expr) -> Aggregate:
    """The last value in the order of values, None without any."""
    return Aggregate("max", field_or_expr(over))


def collect(over: str | Expr) -> Aggregate:
    """A list of the values, in the order of the rows."""
    return Aggregate("collect", field_or_expr(over))


def count_distinct(over: str | Expr) -> Aggregate:
    """How many different values there are."""
    return Aggregate("count_distinct", field_or_expr(over))
