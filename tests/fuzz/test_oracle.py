"""The oracle that all queries are compared with, against answers worked out by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

import protobase_live.query.ast.aggregates as pb
from protobase_live.query.ast.expressions import Call, F, Value, param
from protobase_live.query.language.query import Query
from tests.support.query_oracle import answer, compare, evaluate, ordered

TASKS = Query("tasks")
DATA = {
    "tasks": {
        "1": {"owner": "ann", "n": 2, "tags": ["x", "y"]},
        "2": {"owner": "bob", "n": 1, "up": "1"},
        "3": {"owner": "ann", "n": 0.5, "up": "2", "tags": ["x"]},
        "4": {"owner": None, "n": True, "up": "3"},
    },
    "users": {"u": {"name": "ann"}, "v": {"name": "cid"}, "w": {"name": None}},
}


def keys(query, **params):
    return [row.get("_key") for row in answer(query, DATA, params)]


def test_values_have_one_order():
    expected = [
        *(None, False, True, -1, 0.5, 1, 2**53, "", "a", "\uffff", "\U0001f600", b"", b"a"),
        *(date(2025, 1, 1), datetime(2025, 1, 1), datetime(2024, 1, 1, tzinfo=UTC)),
        *([], [1], [1, 2], [2], {}, {"a": 1}, {"a": 1, "b": 0}, {"a": 2}, set(), {1}, {1, 2}),
    ]
    assert ordered(reversed(expected)) == expected
    assert compare(1, 1.0) == 0 != compare(1, True)


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (F.owner == "ann", True),
        (F.none == None, True),  # noqa: E711
        (F.n == True, False),  # noqa: E712
        (F.n < 3, True),
        (F.n < "3", False),
        (F.none < 3, False),
        (~(F.none < 3), True),
        (F.owner & True, False),
        (F.owner | True, True),
        (F.owner.x.y.is_none(), True),
        (F.d.x == 7, True),
        (F.n.between(2, 2), True),
        (F.n.in_([2.0]), True),
        (F.n.in_([True]), False),
        (Call("in", (Value("x"), F.tags)), True),
        (Call("in", (Value("x"), F.d)), False),
        (F.d.contains("x"), True),
        (F.owner.contains("nn"), True),
        (F.owner.contains(1), False),
        (F.owner.starts_with("an"), True),
        (F.owner.like("_n%"), True),
        (F.owner.like("A%"), False),
        (Value("a%").like("a\\%"), True),
        (Value("ab").like("a\\%"), False),
        (Value("a\\").like("a\\\\"), True),
        (Value("\n").like("_"), True),
        (F.n + 1, 3),
        (F.n + "a", None),
        (F.owner + "a", "anna"),
        (F.n / 4, 0.5),
        (F.n / 0, None),
        (F.n * 1.5, 3),
        (Value(-7) % 3, 2),
        (Value(1e300) * 1e300, None),
        (F.none + 1, None),
        (-F.n, -2),
        (-F.owner, None),
        (Value(True) + 1, None),
        (param("me") == F.owner, True),
    ],
    ids=str,
)
def test_expressions(expr, expected):
    found = evaluate(expr, {"owner": "ann", "n": 2, "tags": ["x"], "d": {"x": 7}}, {"me": "ann"})
    assert (found, type(found)) == (expected, type(expected))


def test_where_and_params():
    assert keys(TASKS.where(F.owner == param("me")), me="ann") == ["1", "3"]


def test_order_is_total_and_slices_follow_it():
    assert keys(TASKS.order_by("n")) == ["4", "3", "2", "1"]
    assert keys(TASKS.order_by("owner", "-n")) == ["4", "1", "3", "2"]
    assert keys(TASKS.order_by("-owner")) == ["2", "1", "3", "4"]
    assert keys(TASKS.order_by("-n").offset(1).limit(2)) == ["2", "3"]


def joined(how):
    rows = answer(TASKS.join("users", on={"owner": "name"}, as_="u", how=how), DATA)
    return [(row.get("_key"), row["u"] and row["u"]["_key"]) for row in rows]


def test_joins():
    assert joined("inner") == [("1", "u"), ("3", "u")]
    assert joined("left") == [("1", "u"), ("2", None), ("3", "u"), ("4", None)]
    assert joined("right") == [(None, "v"), (None, "w"), ("1", "u"), ("3", "u")]
    assert joined("full") == [
        *((None, "v"), (None, "w")),
        *(("1", "u"), ("2", None), ("3", "u"), ("4", None)),
    ]


def test_groups():
    query = TASKS.group_by("owner", n=pb.count(), total=pb.sum("n"), mean=pb.avg("n"), all=pb.collect("n"))
    assert answer(query, DATA) == [
        {"owner": None, "n": 1, "total": None, "mean": None, "all": [True]},
        {"owner": "ann", "n": 2, "total": 2.5, "mean": 1.25, "all": [2, 0.5]},
        {"owner": "bob", "n": 1, "total": 1, "mean": 1, "all": [1]},
    ]
    whole = TASKS.group_by(low=pb.min("n"), top=pb.max("owner"), owners=pb.count_distinct("owner"))
    assert answer(whole, DATA) == [{"low": True, "top": "bob", "owners": 2}]
    assert answer(whole, {}) == []


def test_sums_are_exact():
    data = {"tasks": {str(i): {"n": n} for i, n in enumerate([1e300, 0.5, -1e300, 0.25])}}
    assert answer(TASKS.group_by(s=pb.sum("n")), data) == [{"s": 0.75}]


def test_distinct_union_and_count():
    assert answer(TASKS.select("owner").distinct(), DATA) == [
        *({"owner": None}, {"owner": "ann"}, {"owner": "bob"}),
    ]
    names = TASKS.select(x=F.owner).union(Query("users").select(x=F.name))
    assert [row["x"] for row in answer(names, DATA)] == [None, "ann", "bob", "cid"]
    names = TASKS.select(x=F.owner).union(Query("users").select(x=F.name), all=True)
    assert [row["x"] for row in answer(names, DATA)] == ["ann", "bob", "ann", None, "ann", "cid", None]
    assert answer(Query("nothing").count(), DATA) == [{"count": 0}]


def test_unnest():
    rows = answer(TASKS.unnest("tags", "tag"), DATA)
    assert [(row["_key"], row["tag"]) for row in rows] == [("1", "x"), ("1", "y"), ("3", "x")]
    assert len(answer(Query("t").unnest("s"), {"t": {"a": {"s": {1, "x"}}}})) == 2


def test_traverse():
    def walked(query):
        return [(row["_key"], row["_depth"]) for row in answer(query, DATA)]

    assert walked(TASKS.where(F._key == "4").traverse("up", 2)) == [("2", 2), ("3", 1), ("4", 0)]
    assert walked(TASKS.where(F._key == "1").traverse("up", 9, reverse=True)) == [
        *(("1", 0), ("2", 1), ("3", 2), ("4", 3)),
    ]
