"""Conditions of which a part guards the rest: it is asked first, the rest only of what it lets through.

What the guard costs is counted apart from what the rest does, so that rows which it leaves out do not decide
whether the rest fails. One that costs nothing is made one with the rest, which is faster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from protobase_live.query.ast.expressions import COMPARISONS, Call, Expr, Value, both, walk
from protobase_live.query.ast.tree import Step, Where
from protobase_live.query.engine.code import compile_condition, compile_scan
from protobase_live.query.engine.effort import guarding
from protobase_live.query.engine.operator import Row

_JUNCTIONS = ("and", "or", "not")
_SIMPLE = frozenset({str, int, float})


@dataclass(frozen=True, slots=True)
class Guarded:
    """What is asked of records: ``guard``, then ``rest``; None asks nothing."""

    guard: Expr | None
    rest: Expr | None

    @property
    def whole(self) -> Expr | None:
        """The condition that both hold."""
        return together(each for each in (self.guard, self.rest) if each is not None)

    def test(self) -> Callable[[Row], bool] | None:
        """The function that says whether both hold of a row; None: of all."""
        if self.guard is None or _costs_nothing(self.guard):
            return _made(compile_condition, self.whole)
        guard, rest = guarding(compile_condition(self.guard)), _made(compile_condition, self.rest)
        return guard if rest is None else lambda row: guard(row) and rest(row)

    def scan(self) -> Callable[[Iterable[Row]], list[Row]] | None:
        """The function that picks the rows of which both hold; None: they all are."""
        if self.guard is None or _costs_nothing(self.guard):
            return _made(compile_scan, self.whole)
        guard, rest = guarding(compile_scan(self.guard)), _made(compile_scan, self.rest)
        return guard if rest is None else lambda rows: rest(guard(rows))


def split(steps: Sequence[Step]) -> tuple[Guarded, tuple[Step, ...]]:
    """What the steps ask of the records that they start from, and those after that."""
    wheres: list[Where] = []
    for step in steps:
        if not isinstance(step, Where):
            break
        wheres.append(step)
    guard = together(each.condition for each in wheres if each.guards)
    rest = together(each.condition for each in wheres if not each.guards)
    return Guarded(guard, rest), tuple(steps[len(wheres) :])


def together(conditions: Iterable[Expr]) -> Expr | None:
    """The condition that all of these hold; None where there are none."""
    found = tuple(conditions)
    return both(*found) if found else None


def _made(make: Callable[[Expr], Any], condition: Expr | None) -> Any:
    return None if condition is None else make(condition)


def _costs_nothing(condition: Expr) -> bool:
    """Whether it only compares with numbers and texts, which is not counted whatever the rows hold."""
    calls = [each for each in walk(condition) if isinstance(each, Call) and each.op not in _JUNCTIONS]
    return all(each.op in COMPARISONS and any(map(_is_simple, each.args)) for each in calls)


def _is_simple(part: Expr) -> bool:
    return isinstance(part, Value) and part.value.__class__ in _SIMPLE
