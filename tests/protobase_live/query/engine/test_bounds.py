"""What conditions say of single fields."""

from __future__ import annotations

from typing import Any

import pytest

from protobase_live.query.ast.expressions import Expr, F, Value, conjuncts
from protobase_live.query.ast.ordering import NUMBER, TEXT, sort_key
from protobase_live.query.engine.bounds import Points, Span, bounds_of, equalities
from protobase_live.query.engine.index import after


def points(condition: Expr) -> dict[Any, Points]:
    return bounds_of(conjuncts(condition)).points


def spans(condition: Expr) -> dict[Any, Span]:
    return bounds_of(conjuncts(condition)).spans


def test_equality_and_membership_name_points() -> None:
    assert points(F.a == 1) == {("a",): Points((sort_key(1),), 0)}
    assert points(Value(1) == F.a) == {("a",): Points((sort_key(1),), 0)}
    assert points(F.a.is_none()) == {("a",): Points((sort_key(None),), 0)}
    assert points(F.a.b.in_(["y", "x", "y"])) == {("a", "b"): Points((sort_key("x"), sort_key("y")), 0)}


def test_the_fewest_points_count() -> None:
    assert points(F.a.in_([1, 2]) & (F.a == 1)) == {("a",): Points((sort_key(1),), 1)}


def test_a_comparison_spans_values_of_one_type() -> None:
    assert spans(F.a < 5) == {("a",): Span((NUMBER,), sort_key(5), frozenset({0}))}
    assert spans(F.a >= 5) == {("a",): Span(sort_key(5), (NUMBER + 1,), frozenset({0}))}
    assert spans(Value(5) <= F.a) == spans(F.a >= 5)


def test_spans_of_one_field_are_intersected() -> None:
    found = spans((F.a > 1) & (F.b == 3) & (F.a <= 5))[("a",)]
    assert found == Span(after(sort_key(1)), after(sort_key(5)), frozenset({0, 2}))


def test_a_prefix_is_a_span() -> None:
    assert spans(F.a.starts_with("ab")) == {("a",): Span((TEXT, "ab"), (TEXT, "ac"), frozenset({0}))}
    last = chr(0x10FFFF)
    assert spans(F.a.starts_with(f"a{last}"))[("a",)].high == (TEXT, "b")
    assert spans(F.a.starts_with(last))[("a",)].high == (TEXT + 1,)
    assert spans(F.a.starts_with(""))[("a",)].high == (TEXT + 1,)


def test_what_composite_values_compare_with_is_tested_as_well() -> None:
    assert spans(F.a < [1])[("a",)].conjuncts == frozenset()


@pytest.mark.parametrize(
    "condition",
    [
        F.a != 1,
        F.a == F.b,
        (F.a == 1) | (F.b == 2),
        ~(F.a == 1),
        F.a + 1 == 2,
        F.a < None,
        F.a.in_(F.b),
        F.a.starts_with(3),
        F.a.contains("x"),
    ],
)
def test_other_conditions_say_nothing(condition: Expr) -> None:
    found = bounds_of(conjuncts(condition))
    assert (found.points, found.spans) == ({}, {})


def test_equalities_are_those_with_one_constant() -> None:
    assert equalities(None) == {}
    condition = (F.a == 1) & F.b.in_(["x"]) & F.c.in_([1, 2]) & (F.d > 1)
    assert equalities(condition) == {("a",): sort_key(1), ("b",): sort_key("x")}
