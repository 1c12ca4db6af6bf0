"""Compiled expressions say what a plain interpreter says, and no query gets into their code."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.errors import LimitExceeded, ValidationError
from protobase_live.model import values
from protobase_live.query.ast.expressions import (
    ARITHMETIC,
    ARITY,
    COMPARISONS,
    MAX_EXPRESSION_DEPTH,
    MAX_NODES,
    Call,
    Expr,
    F,
    Field,
    Value,
    param,
)
from protobase_live.query.ast.ordering import descending, sort_key
from protobase_live.query.engine.code import (
    compile_condition,
    compile_keys,
    compile_rank,
    compile_scan,
    compile_value,
)
from protobase_live.query.engine.patterns import MAX_PATTERN_CHARS
from tests.support.query_data import POOLS
from tests.support.query_oracle import evaluate, holds

POOL = [value for name, pool in POOLS.items() for value in pool]
CONSTANTS = [value for value in POOL if not isinstance(value, set)] + [{"a"}, {0, "b"}]
PATHS = [("a",), ("b",), ("c",), ("c", "x"), ("c", "x", "x"), ("_key",), ("_key", "x"), ("missing",)]

constants = st.sampled_from(CONSTANTS).map(Value)
fields = st.sampled_from(PATHS).map(Field)
lists = st.lists(st.sampled_from(POOL), max_size=4).map(Value)
rows = st.fixed_dictionaries({}, optional=dict.fromkeys("abc", st.sampled_from([None, *POOL])))


def larger(parts: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    """Calls of all operators."""
    unary = st.builds(lambda op, one: Call(op, (one,)), st.sampled_from(["not", "neg"]), parts)
    binary = st.builds(
        lambda op, one, other: Call(op, (one, other)),
        st.sampled_from([*COMPARISONS, *ARITHMETIC, "contains", "starts_with", "like"]),
        parts,
        parts,
    )
    within = st.builds(lambda one, other: Call("in", (one, other)), parts, lists | fields)
    junction = st.builds(
        lambda op, args: Call(op, tuple(args)),
        st.sampled_from(["and", "or"]),
        st.lists(parts, min_size=1, max_size=3),
    )
    return unary | binary | within | junction


expressions = st.recursive(fields | constants, larger, max_leaves=8)


@given(expressions, rows)
def test_compiled_is_interpreted(expr: Expr, row: dict[str, Any]) -> None:
    whole = {**row, "_key": "k"}
    found = compile_value(expr)(whole)
    expected = evaluate(expr, whole, {})
    assert values.same(found, expected), (str(expr), found, expected)
    true = holds(expr, whole, {})
    assert compile_condition(expr)(whole) is true
    assert compile_scan(expr)([row]) == ([row] if true else [])


@given(st.lists(st.tuples(expressions, st.booleans()), max_size=3), rows)
def test_keys_and_ranks(terms: list[tuple[Expr, bool]], row: dict[str, Any]) -> None:
    keys = [sort_key(evaluate(each, row, {})) for each, _ in terms]
    assert compile_keys([each for each, _ in terms])(row) == tuple(keys)
    downs = [down for _, down in terms]
    rank = tuple(descending(key) if down else key for key, down in zip(keys, downs, strict=True))
    assert compile_rank(terms)(row) == rank


def test_a_scan_picks_records_in_their_order() -> None:
    rows = [{"n": n, "_key": str(n)} for n in range(10)]
    found = compile_scan((F.n >= 3) & (F.n < 7) & (F._key != "5"))(iter(rows))
    assert [row["_key"] for row in found] == ["3", "4", "6"]
    assert found[0] is rows[3]


def test_true_is_not_one() -> None:
    for constant, value in [(1, True), (0, False), (True, 1), (False, 0), (1.0, True)]:
        assert not compile_condition(F.a == constant)({"a": value})
        assert compile_condition(F.a != constant)({"a": value})
        assert not compile_condition(F.a.in_([constant]))({"a": value})
    assert compile_condition(F.a == 1)({"a": 1.0})


def test_zones() -> None:
    naive, aware = datetime(2025, 1, 1), datetime(2025, 1, 1, tzinfo=UTC)
    for one, other in ((naive, aware), (aware, naive)):  # Python raises for these: neither comes first
        for condition in (F.a < one, F.a <= one, F.a > one, F.a >= one, F.a.between(one, one)):
            assert not compile_condition(condition)({"a": other})
    assert compile_condition(F.a < naive)({"a": datetime(2024, 1, 1)})
    assert compile_condition(F.a < aware)({"a": datetime(2024, 1, 1, tzinfo=UTC)})
    assert not compile_condition(F.a == aware)({"a": naive})
    assert not compile_condition(F.a < date(2026, 1, 1))({"a": naive})


HOSTILE = ['"', "'", "\\", "\n", "{x}", "__import__('os')", "c0", "row", "]]", "\x00", "t := 1"]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_query_brings_along_is_data(text: str) -> None:
    row = {text: text, "x": {text: {text: [text]}}}
    condition = (F[text] == text) & (F.x[text][text].contains(text)) & F[text].in_([text])
    assert compile_condition(condition & F[text].starts_with(text) & (F[text] + text != text))(row)
    assert compile_value(Value(text))(row) == text


def deep(op: str) -> Expr:
    """The deepest expression of one operator."""
    found: Expr = F.a.b.c
    for level in range(MAX_EXPRESSION_DEPTH):
        arity = 2 if ARITY[op] is None else ARITY[op]
        args = (found,) if arity == 1 else (found, F.b.c) if level % 2 else (F.b.c, found)
        found = Call(op, args)
    return found


@pytest.mark.parametrize("op", ARITY)
def test_the_deepest_expression_compiles(op: str) -> None:
    row = {"a": {"b": {"c": True}}, "b": {"c": 1}}
    assert compile_condition(deep(op))(row) is holds(deep(op), row, {})
    assert compile_scan(deep(op))([row]) in ([], [row])


@pytest.mark.parametrize("op", ["not", "==", "<", "in", "like", "starts_with"])
def test_the_deepest_expression_with_constants_compiles(op: str) -> None:
    found: Expr = F.a
    constant = {"in": ["a"], "<": 3}.get(op, "a")
    for _ in range(MAX_EXPRESSION_DEPTH // 2):
        found = Call(op, (found,) if op == "not" else (found, Value(constant))) & (F.b == 1)
    assert not compile_condition(found)({})


def test_the_largest_expression_compiles() -> None:
    found = Call("or", tuple(F.a == n for n in range((MAX_NODES - 1) // 3)))
    assert compile_condition(found)({"a": 2_000})
    assert not compile_condition(found)({"a": -1})


def test_parameters_need_values() -> None:
    with pytest.raises(ValidationError, match="needs a value for its parameter 'me'"):
        compile_condition(F.a == param("me"))


def test_results_that_are_no_values() -> None:
    large = 2**values.MAX_INT_BITS - 1
    for expr in [F.a * 2, F.a + 1, F.a / 1, F.a + 0.5, F.a % 0, -F.t, F.t + 1, F.x * 10]:
        assert compile_value(expr)({"a": large, "t": True, "x": 1e308}) is None, expr
    half = "x" * (values.MAX_VALUE_BYTES // 2)
    assert len(compile_value(F.s + F.s)({"s": half})) == values.MAX_VALUE_BYTES
    assert compile_value(F.s + F.s)({"s": half + "x"}) is None


def test_patterns_have_a_longest() -> None:
    longest = "%" * MAX_PATTERN_CHARS
    assert compile_condition(F.a.like(longest))({"a": "x"})
    with pytest.raises(LimitExceeded, match="1000"):
        compile_condition(F.a.like(longest + "%"))
    assert not compile_condition(F.a.like(F.b))({"a": "x", "b": longest + "%"})
