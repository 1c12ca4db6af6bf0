"""What a condition says of single fields: which values, or which range of values, it allows them.

Only conjuncts that compare a field with a constant say something; the others are left to be tested.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import cast

from protobase_live.query.ast.expressions import MIRRORED, Call, Expr, Field, Value, conjuncts
from protobase_live.query.ast.ordering import AWARE, BOOL, TEXT, SortKey, sort_key
from protobase_live.query.engine.index import Path, after

_LAST_CHAR = chr(0x10FFFF)


@dataclass(frozen=True, slots=True)
class Points:
    """The only values that are allowed, in order, and the conjunct that says so."""

    keys: tuple[SortKey, ...]
    conjunct: int


@dataclass(frozen=True, slots=True)
class Span:
    """Values from ``low`` up to, not including, ``high``; the conjuncts that say just that."""

    low: SortKey
    high: SortKey
    conjuncts: frozenset[int]

    def within(self, other: Span) -> Span:
        """What both allow."""
        return Span(max(self.low, other.low), min(self.high, other.high), self.conjuncts | other.conjuncts)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the conjuncts of a condition say of fields, by path."""

    points: dict[Path, Points] = field(default_factory=dict[Path, Points])
    spans: dict[Path, Span] = field(default_factory=dict[Path, Span])


def bounds_of(terms: Iterable[Expr]) -> Bounds:
    """What these conjuncts say."""
    bounds = Bounds()
    for number, term in enumerate(terms):
        if (found := _field_and_constant(term)) is None:
            continue
        path, op, value = found
        if (keys := _points(op, value)) is not None:
            known = bounds.points.get(path)
            if known is None or len(keys) < len(known.keys):
                bounds.points[path] = Points(keys, number)
        elif (span := _span(op, value, number)) is not None:
            known_span = bounds.spans.get(path)
            bounds.spans[path] = span.within(known_span) if known_span else span
    return bounds


def equalities(condition: Expr | None) -> dict[Path, SortKey]:
    """The sort keys of the constants that fields have to equal, wherever the condition holds."""
    points = bounds_of(() if condition is None else conjuncts(condition)).points
    return {path: found.keys[0] for path, found in points.items() if len(found.keys) == 1}


def _field_and_constant(term: Expr) -> tuple[Path, str, object] | None:
    if not isinstance(term, Call) or len(term.args) != 2:
        return None
    left, right = term.args
    if isinstance(left, Field) and isinstance(right, Value):
        return left.field_path, term.op, right.value
    if isinstance(left, Value) and isinstance(right, Field) and term.op in ("==", *MIRRORED):
        return right.field_path, MIRRORED.get(term.op, term.op), left.value
    return None


def _points(op: str, value: object) -> tuple[SortKey, ...] | None:
    if op == "==":
        return (sort_key(value),)
    if op == "in" and isinstance(value, list):
        return tuple(sorted(set(map(sort_key, cast("list[object]", value)))))
    return None


def _span(op: str, value: object, number: int) -> Span | None:
    if op == "starts_with":
        return _prefix_span(value, number) if isinstance(value, str) else None
    if op not in MIRRORED or value is None:
        return None
    key = sort_key(value)
    kind: int = key[0]
    first, last = (kind,), (kind + 1,)  # only values of one type compare
    low, high = {
        "<": (first, key),
        "<=": (first, after(key)),
        ">": (after(key), last),
        ">=": (key, last),
    }[op]
    # Which of the composite values compare is for the conjunct to say: it is tested as well.
    return Span(low, high, frozenset({number} if BOOL <= kind <= AWARE else ()))


def _prefix_span(prefix: str, number: int) -> Span:
    begin = prefix.rstrip(_LAST_CHAR)
    high = (TEXT, begin[:-1] + chr(ord(begin[-1]) + 1)) if begin else (TEXT + 1,)
    return Span((TEXT, prefix), high, frozenset({number}))
