from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.model.values import MAX_INT_BITS, pack
from protobase_live.model.values.checking import is_safe_int
from protobase_live.query.ast.aggregates import Aggregate, collect, count, count_distinct, max, min, sum
from protobase_live.query.ast.expressions import F
from protobase_live.query.ast.ordering import sort_key
from protobase_live.query.ast.tree import GroupBy, OrderBy
from protobase_live.query.engine.operator import Operator
from protobase_live.query.engine.operators.accumulators import ACCUMULATORS
from protobase_live.query.engine.operators.grouping import SHOW_ROWS, Grouping
from protobase_live.query.engine.operators.ordering import Ordering
from tests.support.operator_trees import (
    NOON,
    NOON_ELSEWHERE,
    Records,
    Tables,
    Turn,
    Watch,
    equal_histories,
    fetch,
    histories,
    item,
    run,
)

ITEM = item("k", {})


def test_groups_go_by_equal_values_and_none_is_one() -> None:
    values = {"b": 1, "c": 1.0, "d": True, "e": None}
    tables: Tables = {"one": {"a": {}, **{key: {"a": value} for key, value in values.items()}}}
    rows = fetch(Grouping(Records(tables), GroupBy((("a", F.a),), (("n", count()),))))
    assert [(repr(row["a"]), row["n"]) for row in rows] == [("None", 2), ("True", 1), ("1", 2)]


def test_an_empty_group_is_no_row_with_keys_or_without() -> None:
    for keys in ((), (("a", F.a),)):
        watch = Watch(lambda t, keys=keys: Grouping(Records(t), GroupBy(keys, (("n", count()),))))
        assert watch.push({}) == []
        assert len(watch.push({"one": {"x": {"a": 1}}})) == 1
        ((before, after),) = watch.push({"one": {"x": None}})
        assert before is not None
        assert after is None


def test_a_row_that_changes_groups_changes_both() -> None:
    watch = Watch(lambda t: Grouping(Records(t), GroupBy((("a", F.a),), (("n", count()),))))
    watch.push({"one": {"x": {"a": 1}, "y": {"a": 1}, "z": {"a": 2}}})
    assert len(watch.push({"one": {"x": {"a": 2}}})) == 2
    assert watch.rows() == [{"a": 1, "n": 1}, {"a": 2, "n": 2}]


def test_what_changes_nothing_of_a_group_is_not_told() -> None:
    watch = Watch(lambda t: Grouping(Records(t), GroupBy((("a", F.a),), (("most", max("n")),))))
    watch.push({"one": {"x": {"a": 1, "n": 5}, "y": {"a": 1, "n": 3}}})
    assert watch.push({"one": {"y": {"a": 1, "n": 4}}}) == []


def test_collect_goes_by_the_order_of_the_rows() -> None:
    watch = Watch(
        lambda t: Grouping(
            Ordering(Records(t), OrderBy(((F.n, True),))), GroupBy((), (("all", collect("a")),))
        )
    )
    watch.push({"one": {"x": {"a": "first", "n": 2}, "y": {"a": "second", "n": 1}, "z": {"n": 3}}})
    assert watch.rows() == [{"all": ["first", "second"]}]
    watch.push({"one": {"y": {"a": "second", "n": 7}}})
    assert watch.rows() == [{"all": ["second", "first"]}]


def result(name: str, values: list[Any], gone: list[Any] = []) -> Any:  # noqa: B006
    accumulator = ACCUMULATORS[name]()
    for value in (*gone, *values):
        accumulator.add(value, ITEM)
    for value in gone:
        accumulator.remove(value, ITEM)
    return accumulator.result()


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("sum", [], None),
        ("sum", ["x", True, b""], None),
        ("sum", [1, True, "x", 2], 3),
        ("sum", [0.1] * 10, 1),
        ("sum", [0.5, 0.25], 0.75),
        ("sum", [1e308, 1e308, -1e308], 1e308),
        ("sum", [1e308, 1e308], None),
        ("sum", [2**60 + 1, 2.0], 2**60 + 3),
        ("sum", [1 << MAX_INT_BITS - 1] * 2, None),
        ("sum", [5e-324, 1e300, -1e300], 5e-324),
        ("avg", [], None),
        ("avg", ["x"], None),
        ("avg", [1, 2, "x"], 1.5),
        ("avg", [2, 4], 3),
        ("avg", [1 << 2_000], None),
        ("avg", [1e308, 1e308], 1e308),
        ("min", [], None),
        ("min", ["a", 3, False], False),
        ("max", ["a", 3, False], "a"),
        ("max", [1, 2, 2], 2),
        ("count", ["a", 3, 3], 3),
        ("count_distinct", [1, 1.0, True, "1", [1], [1.0]], 4),
    ],
)
def test_aggregates(name: str, values: list[Any], expected: Any) -> None:
    found = result(name, values)
    assert (found, type(found)) == (expected, type(expected))


numbers = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))


@given(values=st.lists(numbers), gone=st.lists(numbers))
@pytest.mark.parametrize("name", ["sum", "avg"])
def test_sums_are_exact_whatever_came_and_went(name: str, values: list[Any], gone: list[Any]) -> None:
    exact = sum_of(values)
    found = result(name, values, gone)
    if not values:
        assert found is None
        return
    if name == "sum" and all(isinstance(value, int) or is_safe_int(value) or value == 0 for value in values):
        assert found == exact
        return
    try:
        expected = float(exact / (len(values) if name == "avg" else 1))
    except OverflowError:
        assert found is None
    else:
        assert found == expected


def sum_of(values: list[Any]) -> Fraction:
    total = Fraction(0)
    for value in values:
        total += Fraction(value)
    return total


AGGREGATES: tuple[tuple[str, Aggregate], ...] = (
    ("n", count()),
    ("some", count("n")),
    ("first", min("n")),
    ("last", max("n")),
    ("all", collect("n")),
    ("kinds", count_distinct("n")),
)


def naive(tables: Tables) -> list[dict[str, Any]]:
    groups: dict[Any, list[dict[str, Any]]] = {}
    for row in fetch(Records(tables)):
        groups.setdefault(sort_key(row.get("a")), []).append(row)
    return [group_row(groups[key]) for key in sorted(groups)]


def group_row(rows: list[dict[str, Any]]) -> dict[str, Any]:
    values = [row["n"] for row in rows if row.get("n") is not None]
    in_order = sorted(values, key=lambda value: (sort_key(value), pack(value)))
    greatest = [value for value in in_order if sort_key(value) == sort_key(in_order[-1])]
    return {
        "a": sorted((row.get("a") for row in rows), key=pack)[0],
        "n": len(rows),
        "some": len(values),
        "first": in_order[0] if values else None,
        "last": greatest[0] if values else None,
        "all": values,
        "kinds": len(set(map(sort_key, values))),
    }


@given(history=histories | equal_histories)
def test_is_what_looking_at_each_group_says(history: list[Turn]) -> None:
    def tree(tables: Tables) -> Operator:
        return Grouping(Records(tables), GroupBy((("a", F.a),), AGGREGATES))

    run(tree, history, naive)


@pytest.mark.parametrize("pair", [(0, -0.0), (2**60, float(2**60)), (NOON, NOON_ELSEWHERE), ([0], [-0.0])])
def test_a_value_that_no_row_has_any_more_is_not_shown(pair: tuple[Any, Any]) -> None:
    step = GroupBy((("a", F.a),), (("first", min("a")), ("last", max("a"))))
    for first, second in (pair, pair[::-1]):
        watch = Watch(lambda tables: Grouping(Records(tables), step))
        shown: list[str] = []
        for row in ({"y": {"a": first}}, {"x": {"a": second}, "z": {"a": first}}, {"y": None, "z": None}):
            watch.push({"one": row})
            watch.check()
            shown.append(repr(watch.rows()))
        assert shown[0] == repr([{"a": first, "first": first, "last": first}])
        assert shown[2] == repr([{"a": second, "first": second, "last": second}])
        assert shown[1] in (shown[0], shown[2])


def test_details_say_what_is_done() -> None:
    tree = Grouping(Records({}), GroupBy((("a", F.a),), (("total", sum("n")),)))
    assert tree.detail == "by a=a: total=sum(n)"


def test_what_is_held_back_is_shown_once_and_in_portions() -> None:
    by_n = GroupBy((("n", F.n),), (("all", collect("a")), ("a", min("a"))))
    by_a = GroupBy((("a", F.a),), (("sizes", count()),))
    rows = {str(n): {"a": n % 3, "n": n % SHOW_ROWS} for n in range(2 * SHOW_ROWS)}
    plain = Watch(lambda t: Grouping(Grouping(Records(t), by_n), by_a))
    plain.push({"one": rows})
    watch = Watch(lambda t: Grouping(Grouping(Records(t), by_n), by_a))
    watch._tree.hold_back()
    for start in range(0, len(rows), 500):
        assert watch.push({"one": dict(list(rows.items())[start : start + 500])}) == []
    pushes = 0
    while watch._tree.let_go():
        watch.push({})
        pushes += 1
    assert pushes == 3 + 1  # groups of two rows each, and a few of them all
    assert watch.rows() == plain.rows()
    watch.check()
    assert watch.push({"one": {"0": None}}) != []
