"""Expressions are data, built by Python's operators, within limits."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from protobase_live.errors import LimitExceeded, ValidationError
from protobase_live.model import values
from protobase_live.query.ast.expressions import (
    ARITY,
    MAX_EXPRESSION_DEPTH,
    MAX_NODES,
    Call,
    Expr,
    F,
    Field,
    Param,
    Value,
    bind,
    both,
    condition,
    conjuncts,
    expr,
    fields_of,
    nodes,
    param,
    parse_path,
    walk,
)
from protobase_live.query.ast.substitution import replace_parts
from protobase_live.query.language.canonical import expr_form

BUILT: list[tuple[Any, Any]] = [
    (F.a == 1, ["==", ["field", "a"], 1]),
    (F.a != None, ["!=", ["field", "a"], None]),  # noqa: E711
    (1 < F.a, [">", ["field", "a"], 1]),  # noqa: SIM300
    (F.a >= F.b, [">=", ["field", "a"], ["field", "b"]]),
    (F.a.b["c d"].e, ["field", "a", "b", "c d", "e"]),
    (F["a.b"], ["field", "a.b"]),
    (F._key, ["field", "_key"]),
    (1 + F.a * 2, ["+", 1, ["*", ["field", "a"], 2]]),
    ("x" + F.a, ["+", "x", ["field", "a"]]),
    (1 - F.a, ["-", 1, ["field", "a"]]),
    (F.a / 2 % 3, ["%", ["/", ["field", "a"], 2], 3]),
    (5 / F.a, ["/", 5, ["field", "a"]]),
    (5 % F.a, ["%", 5, ["field", "a"]]),
    (2 * -F.a, ["*", 2, ["neg", ["field", "a"]]]),
    (F.a & F.b & F.c, ["and", ["field", "a"], ["field", "b"], ["field", "c"]]),
    (F.a | (F.b | F.c), ["or", ["field", "a"], ["field", "b"], ["field", "c"]]),
    (True & F.a, ["and", True, ["field", "a"]]),
    (False | ~F.a, ["or", False, ["not", ["field", "a"]]]),
    (F.a.between(1, 2), ["and", [">=", ["field", "a"], 1], ["<=", ["field", "a"], 2]]),
    (F.a.is_none(), ["==", ["field", "a"], None]),
    (F.a.in_((1, 2)), ["in", ["field", "a"], ["value", [1, 2]]]),
    (F.a.in_(n for n in [1]), ["in", ["field", "a"], ["value", [1]]]),
    (F.a.in_(F.b), ["in", ["field", "a"], ["field", "b"]]),
    (F.a.in_(param("p")), ["in", ["field", "a"], ["param", "p"]]),
    (F.a.contains("x"), ["contains", ["field", "a"], "x"]),
    (F.a.starts_with(param("p")), ["starts_with", ["field", "a"], ["param", "p"]]),
    (F.a.like("x%"), ["like", ["field", "a"], "x%"]),
    (F.a == {"x"}, ["==", ["field", "a"], ["value", {"x"}]]),
    (F.a == {"x": 1}, ["==", ["field", "a"], ["value", {"x": 1}]]),
    (F.a.between(param("low"), F.high), both(F.a >= param("low"), F.a <= F.high)),
]


@pytest.mark.parametrize(("built", "form"), BUILT, ids=lambda it: str(it)[:40])
def test_what_is_built(built: Expr, form: Any) -> None:
    assert expr_form(built) == (expr_form(form) if isinstance(form, Expr) else form)


def refuse_and() -> Any:
    return (F.a == 1) and (F.b == 2)


MISTAKES: list[tuple[Callable[[], Any], str]] = [
    (refuse_and, r"\(a == 1\) has no truth of its own: use & | ~"),
    (lambda: not F.a, "has no truth"),
    (lambda: 1 < F.a < 3, "between"),
    (lambda: "x" in F.tags, r"write tags.contains\(item\)"),
    (lambda: F.a & 1, "put each comparison in parentheses"),
    (lambda: F.a == 1 & F.b, "put each comparison in parentheses"),
    (lambda: F.a.in_("abc"), r"in_ is given 'abc' \(str\); expected a list"),
    (lambda: F.a.in_({"x": 1}), "expected a list"),
    (lambda: F.a.in_(5), "expected a list"),
    (lambda: F.a == object(), "a constant of a query is <object"),
    (lambda: F.a == float("nan"), "nan"),
    (lambda: F.a == {("x",): 1}, "a key is a str"),
    (lambda: F.a == {frozenset({1})}, "a constant of a query"),
    (lambda: F[""], "non-empty str"),
    (lambda: F[0], "non-empty str"),
    (lambda: F["\ud800"], "surrogate"),
    (lambda: param(""), "non-empty str"),
    (lambda: parse_path("a..b"), "names no field"),
    (lambda: condition("a"), "is no condition"),
    (lambda: Call("=", (F.a, F.b)), "there is no operator '='; did you mean '>='"),
    (lambda: Call("==", (F.a,)), "== takes 2 operands, not 1"),
    (lambda: Call("and", ()), "and takes one or more operands, not 0"),
    (lambda: Call("in", (F.a, Value("abc"))), "in looks through a list"),
]


@pytest.mark.parametrize(("mistake", "message"), MISTAKES)
def test_mistakes_are_told(mistake: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        mistake()


def test_limits_hold_when_an_expression_is_made() -> None:
    deep: Expr = F.a
    for _ in range(MAX_EXPRESSION_DEPTH):
        deep = -deep
    with pytest.raises(LimitExceeded, match="inside each other"):
        _ = -deep
    wide = Call("or", tuple(F.a for _ in range(MAX_NODES - 1)))
    assert nodes(wide) == MAX_NODES
    with pytest.raises(LimitExceeded, match=str(MAX_NODES)):
        _ = wide | F.a
    shared: Expr = F.a
    for _ in range(12):
        shared = shared + shared
    with pytest.raises(LimitExceeded, match=str(MAX_NODES)):
        _ = shared + shared
    with pytest.raises(LimitExceeded, match="path"):
        Field(("a",) * (values.MAX_DEPTH + 1))
    with pytest.raises(ValidationError, match="larger than"):
        F.a.in_(["x" * 1000] * 2000)


def test_constants_take_their_final_form() -> None:
    found = expr((1, [2]))
    assert isinstance(found, Value)
    assert found.value == [1, [2]]
    assert type(found.value) is list


def test_a_condition_may_be_a_constant() -> None:
    for given in (True, Value(True)):
        found = condition(given)
        assert isinstance(found, Value)
        assert found.value is True


def test_parts() -> None:
    root = (F.a == 1) & (F.b.c.in_([1]) | (F.a > param("p")))
    assert len(list(walk(root))) == nodes(root) - 1 == 11  # and the item of the list
    assert [each.field_path for each in fields_of(root)].count(("a",)) == 2
    assert len(conjuncts(root)) == 2
    assert len(conjuncts(F.a)) == 1


def test_bind() -> None:
    assert expr_form(bind(F.a.in_(param("p")), {"p": (1, 2)})) == ["in", ["field", "a"], ["value", [1, 2]]]
    with pytest.raises(ValidationError, match="its parameter 'p'"):
        bind(F.a == param("p"), {"q": 1})
    with pytest.raises(ValidationError, match="in looks through a list, not 'abc'"):
        bind(F.a.in_(param("p")), {"p": "abc"})
    with pytest.raises(ValidationError, match="a constant of a query"):
        bind(F.a == param("p"), {"p": object()})


def test_replace_parts() -> None:
    replaced = replace_parts(F.u.name + F.other, {("u",): F.user, ("u", "name"): F.title})
    assert str(replaced) == "(title + other)"
    assert str(replace_parts(F.u.x.y, {("u",): F.user})) == "user.x.y"
    with pytest.raises(ValidationError, match=r"u.x asks for a field of \(a \+ 1\), which is computed"):
        replace_parts(F.u.x, {("u",): F.a + 1})


def test_text() -> None:
    assert str(~(F.a.b == "x") & (-F.c < param("p"))) == "(not (a.b == 'x') and (-c < :p))"
    assert len(str(Value("x" * 10_000))) == 60


def test_operators_have_an_arity() -> None:
    for op, arity in ARITY.items():
        right = Value([1]) if op == "in" else F.b
        assert Call(op, (F.a, right)[: arity or 2]).op == op


def test_expressions_are_copied_and_pickled() -> None:
    for each in (F.a.b, param("p"), F.a + 1 > 2):
        assert expr_form(copy.deepcopy(each)) == expr_form(each)
        assert expr_form(pickle.loads(pickle.dumps(each))) == expr_form(each)
    assert isinstance(param("p"), Param)
