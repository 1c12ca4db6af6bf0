"""The canonical form: it says all there is, and one thing in one way."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from protobase_live.errors import LimitExceeded, ValidationError
from protobase_live.model import values
from protobase_live.query.ast.aggregates import avg, count
from protobase_live.query.ast.expressions import MAX_EXPRESSION_DEPTH, MAX_NODES, Expr, F, Value, param
from protobase_live.query.ast.tree import Where
from protobase_live.query.language.canonical import canonical_query
from protobase_live.query.language.form import MAX_FORM_DEPTH, from_form, to_form
from protobase_live.query.language.query import Query
from tests.support.query_cases import Case, whole_cases
from tests.support.query_oracle import answer

TASKS = Query("tasks")


@settings(max_examples=300)
@given(whole_cases(changes=0))
def test_round_trip(case: Case) -> None:
    query = case.query
    text = json.dumps(query.to_json())
    again = Query.from_json(json.loads(text))
    assert again == query
    assert again.canonical == query.canonical
    native = Query.of(from_form(values.unpack(values.pack(to_form(query)))))
    assert native.canonical == query.canonical


@settings(max_examples=300)
@given(whole_cases(changes=0))
def test_the_canonical_query_means_the_same(case: Case) -> None:
    found = canonical_query(case.query)
    assert values.same(answer(found, case.data, case.params), answer(case.query, case.data, case.params))
    assert canonical_query(found).canonical == found.canonical


A, B, C = F.a == 1, F.b == "x", F.c > 3

ALIKE: list[tuple[Any, Any]] = [
    (A & B & C, C & (B & A)),
    (A | B, B | A | B | A),
    (A & (B | C), (C | B) & A & A),
    (~(A & A), ~A),
    ((1 == F.a) & ("x" == F.b), A & B),  # noqa: SIM300
    (Value(3) < F.c, C),
    (Value(3) >= F.c, F.c <= 3),
    (Value("x") != F.b, F.b != "x"),
    (param("p") < F.a, F.a > param("p")),
    (Value(3) < param("p"), param("p") > 3),
    (F.a.in_(["b", "a", "b", 1, 1.0]), F.a.in_([1, "a", "b"])),
    (F.a.in_({1, 2}), F.a.in_([2, 1])),
    (F.a.between(1, 2), (F.a <= 2) & (F.a >= 1)),
    (F.a.is_none(), F.a == Value(None)),
    (F.a & F.a, F.a),
    (F.a == {"x": 1, "y": 2}, F.a == {"y": 2, "x": 1}),
    (F.a == 1.0, F.a == 1),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_what_says_the_same_has_one_form(one: Expr, other: Expr) -> None:
    assert TASKS.where(one).canonical == TASKS.where(other).canonical


DIFFERENT: list[tuple[Any, Any]] = [
    (F.a == 1, F.a == True),  # noqa: E712
    (F.a == "1", F.a == 1),
    (F.a.b == 1, F["a.b"] == 1),
    (F.a < 1, F.a > 1),
    (F.a - 1 > F.b, 1 - F.a > F.b),
    (F.a == ["x"], F.a == {"x"}),
    (F.a == date(2025, 1, 1), F.a == datetime(2025, 1, 1)),
    (F.a == b"x", F.a == "x"),
    (F.a.in_([1]), F.a == 1),
    (F.a == param("p"), F.a == F.p),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_says_another_thing_has_another_form(one: Expr, other: Expr) -> None:
    assert TASKS.where(one).canonical != TASKS.where(other).canonical


def test_as_a_value_a_junction_stays_one() -> None:
    query = TASKS.select(x=F.a & F.a, y=(F.a == 1) & (F.a == 1))
    assert query.to_json()["steps"] == [
        {"select": [["x", ["and", ["field", "a"]]], ["y", ["==", ["field", "a"], 1]]]}
    ]


def test_wheres_that_follow_each_other_are_one() -> None:
    form = {"from": "tasks", "steps": [{"where": ["==", 1, ["field", "a"]]}, {"where": True}]}
    assert Query.from_json(form).to_json()["steps"] == [{"where": ["and", ["==", ["field", "a"], 1], True]}]


def test_a_condition_that_guards_stays_apart() -> None:
    query = TASKS.with_steps([Where(Value(1) == F.a, guards=True), Where(F.b)])
    assert query.to_json()["steps"] == [{"guard": ["==", ["field", "a"], 1]}, {"where": ["field", "b"]}]
    assert query.bind({}) == query != TASKS.where(F.a == 1, F.b)
    assert TASKS.with_steps(query.steps[:1]).filtered(F.b) == query


@pytest.mark.parametrize("step", [{"guard": ["field", "a"]}, {"mask": [[True, ["a"]]]}])
def test_no_query_is_made_of_what_stands_for_rules(step) -> None:
    with pytest.raises(ValidationError, match="steps"):
        Query.from_json({"from": "tasks", "steps": [step]})


def test_every_step() -> None:
    query = (
        TASKS.where(F.at >= datetime(2025, 1, 1, tzinfo=UTC))
        .join(Query("users").limit(3), on={"owner": "name"}, as_="user", how="left")
        .unnest("tags", "tag")
        .group_by("owner", n=count(), mean=avg(F.x + 1))
        .select("owner", raw=b"x", many=Value([1, {"@": 2}]))
        .distinct()
        .order_by("-owner", F.raw)
        .offset(1)
        .union(TASKS.traverse("parent", 3, reverse=True), all=True)
        .count()
    )
    assert to_form(query) == {
        "from": "tasks",
        "steps": [
            {"where": [">=", ["field", "at"], datetime(2025, 1, 1, tzinfo=UTC)]},
            {
                "join": {
                    "query": {"from": "users", "steps": [{"slice": {"offset": 0, "limit": 3}}]},
                    "on": [[["field", "owner"], ["field", "name"]]],
                    "as": "user",
                    "how": "left",
                }
            },
            {"unnest": {"field": ["field", "tags"], "as": "tag"}},
            {
                "group_by": {
                    "keys": [["owner", ["field", "owner"]]],
                    "aggregates": [["n", "count", None], ["mean", "avg", ["+", ["field", "x"], 1]]],
                }
            },
            {
                "select": [
                    ["owner", ["field", "owner"]],
                    ["raw", b"x"],
                    ["many", ["value", [1, {"@": 2}]]],
                ]
            },
            {"distinct": True},
            {"order_by": [[["field", "owner"], "desc"], [["field", "raw"], "asc"]]},
            {"slice": {"offset": 1, "limit": None}},
            {
                "union": {
                    "queries": [
                        {
                            "from": "tasks",
                            "steps": [
                                {"traverse": {"field": ["field", "parent"], "depth": 3, "reverse": True}}
                            ],
                        }
                    ],
                    "all": True,
                }
            },
            {"count": True},
        ],
    }
    assert Query.from_json(json.loads(json.dumps(query.to_json()))) == query


def step(form: Any) -> Any:
    return {"from": "tasks", "steps": [form]}


JOIN = {"query": {"from": "users", "steps": []}, "on": [[["field", "a"], 1]], "as": "u", "how": "left"}

WRONG: list[tuple[Any, str]] = [
    (5, r"query is 5 \(int\); expected a dict of from, steps"),
    ({"from": "tasks"}, "query: 'steps' is missing"),
    ({"from": "tasks", "steps": [], "form": 1}, "query: there is no 'form'; did you mean 'from'"),
    ({"from": "", "steps": []}, "query: a collection name is a non-empty str"),
    ({"from": 5, "steps": []}, "query: a collection name is a str"),
    ({"from": "tasks", "steps": {}}, r"query.steps is \{\} \(dict\); expected a list"),
    (step([]), r"query.steps\[0\] is \[\]"),
    (step({"where": True, "count": True}), "a dict of one step"),
    (step({"were": True}), r"query.steps\[0\]: there is no step 'were'; did you mean 'where'"),
    (step({5: True}), "there is no step '5'"),
    (step({"where": ["=", 1, 2]}), r"query.steps\[0\].where: there is no operator '='; did you mean"),
    (step({"where": ["==", 1]}), "== takes 2 operands, not 1"),
    (step({"where": ["and"]}), "and takes one or more operands"),
    (step({"where": []}), "a list that begins with an operator"),
    (step({"where": [["field", "a"]]}), "a list that begins with an operator"),
    (step({"where": 5}), r"steps\[0\].where: 5 \(int\) is no condition"),
    (step({"where": ["value", [1]]}), "is no condition"),
    (step({"where": ["==", ["field"], 1]}), r"where\[1\]: a field has a name"),
    (step({"where": ["==", ["field", ""], 1]}), r"where\[1\]\[1\] is '' \(str\); expected a name"),
    (step({"where": ["==", ["param"], 1]}), r"where\[1\] is \['param'\]"),
    (step({"where": ["==", {"a": 1}, 1]}), r"where\[1\] is .* expected an expression; .*\['value', it\]"),
    (step({"where": ["==", float("nan"), 1]}), "nan"),
    (step({"where": ["==", object(), 1]}), r"where\[1\]: a constant of a query is <object"),
    (step({"where": ["in", ["field", "a"], "abc"]}), "in looks through a list"),
    (step({"where": ["==", ["value", {1: 2}], 1]}), "a key is a str"),
    (step({"order_by": []}), "at least one term"),
    (step({"order_by": [[["field", "a"], "up"]]}), r"order_by\[0\]\[1\] is 'up' \(str\); expected 'asc' or"),
    (step({"order_by": [["field", "a", "asc"]]}), r"order_by\[0\] is .* expected a list of 2"),
    (step({"order_by": [[["field", "a"], []]]}), "expected 'asc' or 'desc'"),
    (step({"slice": {"offset": -1, "limit": None}}), "slice: offset is -1"),
    (step({"slice": {"offset": None, "limit": 1}}), "slice: offset is None"),
    (step({"slice": {"offset": 0}}), "slice: 'limit' is missing"),
    (step({"select": []}), "select needs at least one field"),
    (step({"select": [["a", 1], ["a", 2]]}), "select has two fields 'a'"),
    (step({"select": [["_key", 1]]}), "reserved"),
    (step({"select": [[5, 1]]}), r"select\[0\]\[0\] is 5 \(int\); expected a name"),
    (step({"group_by": {"keys": [], "aggregates": []}}), "group_by needs"),
    (step({"group_by": {"keys": [], "aggregates": [["n", "cuont", None]]}}), "did you mean 'count'"),
    (step({"group_by": {"keys": [], "aggregates": [["n", "sum", None]]}}), r"aggregates\[0\]: sum needs"),
    (step({"distinct": False}), r"distinct is False \(bool\); expected True"),
    (step({"count": 1}), "count is 1"),
    (step({"union": {"queries": [], "all": False}}), "union needs another query"),
    (step({"union": {"queries": [5], "all": False}}), r"union.queries\[0\] is 5"),
    (step({"union": {"queries": [], "all": 0}}), r"union.all is 0 \(int\); expected True or False"),
    (step({"join": JOIN | {"how": "outer"}}), "how is 'outer'"),
    (step({"join": JOIN | {"how": []}}), "how is"),
    (step({"join": JOIN | {"as": 5}}), "field name"),
    (step({"join": JOIN | {"on": []}}), "at least one equality"),
    (step({"join": JOIN | {"on": [["a"]]}}), r"join.on\[0\] is \['a'\]"),
    (step({"join": JOIN | {"query": step({"x": 1})}}), r"join.query.steps\[0\]: there is no step 'x'"),
    (step({"unnest": {"field": ["field", "a"], "as": ""}}), "unnest: a field name"),
    (step({"traverse": {"field": 1, "depth": 1000, "reverse": False}}), "traverse: depth is 1000"),
    (
        {"from": "a", "steps": [{"count": True}, {"traverse": {"field": 1, "depth": 1, "reverse": False}}]},
        "query: traverse starts from records",
    ),
]


@pytest.mark.parametrize(("form", "message"), WRONG)
def test_what_is_wrong_is_told_with_its_place(form: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        from_form(form)


def nested(levels: int, op: str = "not") -> Any:
    form: Any = ["field", "a"]
    for _ in range(levels):
        form = [op, form]
    return form


def test_limits() -> None:
    assert Query.from_json(step({"where": nested(MAX_EXPRESSION_DEPTH)})).steps
    with pytest.raises(LimitExceeded, match=r"query.steps\[0\].where: at most 64 expressions"):
        from_form(step({"where": nested(MAX_EXPRESSION_DEPTH + 1)}))
    with pytest.raises(LimitExceeded, match=f"more than|at most {MAX_NODES}"):
        from_form(step({"where": ["or", *[True] * MAX_NODES]}))
    for levels in (MAX_FORM_DEPTH, 200_000):
        for read in (from_form, Query.from_json):
            with pytest.raises(LimitExceeded, match="deeper than"):
                read(step({"where": nested(levels)}))
            with pytest.raises(LimitExceeded, match="deeper than"):
                read(step({"where": ["==", 1, ["value", nested(levels)]]}))
    with pytest.raises(LimitExceeded, match="parts"):
        from_form(step({"where": ["or", *[True] * 1_000_000]}))


def test_a_deep_query_is_refused() -> None:
    form: Any = {"from": "a", "steps": []}
    for _ in range(30):
        form = {"from": "a", "steps": [{"union": {"queries": [form], "all": True}}]}
    with pytest.raises(LimitExceeded, match="queries stand inside each other"):
        from_form(form)
