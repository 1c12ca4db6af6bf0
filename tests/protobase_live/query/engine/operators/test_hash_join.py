from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as options

from protobase_live.errors import LimitExceeded
from protobase_live.query.ast.expressions import F
from protobase_live.query.ast.ordering import sort_key
from protobase_live.query.ast.tree import JOIN_HOWS, Join, JoinHow, OrderBy
from protobase_live.query.engine.operator import Operator, items_of
from protobase_live.query.engine.operators import batches
from protobase_live.query.engine.operators.hash_join import HashJoin
from protobase_live.query.engine.operators.ordering import Ordering
from protobase_live.query.engine.operators.sorting import Sorting
from protobase_live.query.engine.plan import plan_push
from protobase_live.query.language.query import Query
from tests.support.operator_trees import Records, Tables, Turn, Watch, fetch, histories, run


def tree(tables: Tables, how: JoinHow, right: str = "two") -> Operator:
    step = Join(None, ((F.a, F.b),), "other", how)  # type: ignore[arg-type]
    return HashJoin(Records(tables), Records(tables, right), step)


def nested_loops(tables: Tables, how: JoinHow, right: str) -> list[dict[str, Any]]:
    lefts, rights = fetch(Records(tables)), fetch(Records(tables, right))
    pairs = [
        (one, other)
        for one in lefts
        for other in rights
        if one.get("a") is not None and sort_key(one["a"]) == sort_key(other.get("b"))
    ]
    rows = [{**one, "other": other} for one, other in pairs]
    if how in ("left", "full"):
        rows += [{**one, "other": None} for one in lefts if all(one is not left for left, _ in pairs)]
    rows.sort(key=lambda row: (row["_key"], (row["other"] or {}).get("_key", "")))
    if how in ("right", "full"):
        rows[:0] = [{"other": each} for each in rights if all(each is not other for _, other in pairs)]
    return rows


@pytest.mark.parametrize("right", ["one", "two"])
@pytest.mark.parametrize("how", JOIN_HOWS)
@options(max_examples=40)
@given(history=histories)
def test_is_what_nested_loops_say(how: JoinHow, right: str, history: list[Turn]) -> None:
    run(lambda t: tree(t, how, right), history, lambda t: nested_loops(t, how, right))


def test_none_joins_with_nothing() -> None:
    tables: Tables = {"one": {"x": {"a": None}, "y": {}}, "two": {"u": {"b": None}}}
    assert fetch(tree(tables, "inner")) == []
    assert len(fetch(tree(tables, "full"))) == 3


def test_a_change_of_both_sides_is_one_delta() -> None:
    watch = Watch(lambda t: tree(t, "left"))
    watch.push({"one": {"x": {"a": 1}}, "two": {"u": {"b": 1}}})
    delta = watch.push({"one": {"x": {"a": 2}}, "two": {"u": {"b": 2}}})
    assert len(delta) == 1
    assert watch.rows() == [{"a": 2, "_key": "x", "other": {"b": 2, "_key": "u"}}]


def test_a_partner_that_is_replaced_leaves_nobody_alone_between() -> None:
    watch = Watch(lambda t: tree(t, "left"))
    watch.push({"one": {"x": {"a": 1}}, "two": {"u": {"b": 1}}})
    delta = watch.push({"two": {"u": None, "v": {"b": 1}}})
    assert {item[0] for pair in delta for item in pair if item} == {(("x",), ("u",)), (("x",), ("v",))}


def test_the_first_and_the_last_partner_concern_those_who_are_alone() -> None:
    watch = Watch(lambda t: tree(t, "left"))
    watch.push({"one": {key: {"a": 1} for key in "xyz"}})
    assert len(watch.push({"two": {"u": {"b": 1}}})) == 6
    assert len(watch.push({"two": {"v": {"b": 1}}})) == 3
    assert len(watch.push({"two": {"v": None}})) == 3
    assert len(watch.push({"two": {"u": {"b": 2}}})) == 6


def test_one_item_of_a_large_group_costs_what_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    joined = HashJoin._joined

    def counted(self: HashJoin, left: Any, right: Any) -> Any:
        made.append(None)
        return joined(self, left, right)

    monkeypatch.setattr(HashJoin, "_joined", counted)
    for how in JOIN_HOWS:
        watch = Watch(lambda t, how=how: tree(t, how))
        watch.push({"one": {f"{n}": {"a": 1} for n in range(500)}, "two": {"u": {"b": 1}}})
        made.clear()
        assert len(watch.push({"one": {"7": {"a": 1, "n": 1}}})) == 1
        assert len(watch.push({"one": {"8": None}})) == 1
        assert len(watch.push({"one": {"new": {"a": 1}}})) == 1
        assert len(made) <= 6


def test_keeps_the_order_of_the_left_input() -> None:
    tables: Tables = {
        "one": {"x": {"a": 1, "n": 2}, "y": {"a": 1, "n": 1}},
        "two": {key: {"b": 1} for key in "vu"},
    }
    left = Sorting(Ordering(Records(tables), OrderBy(((F.n, False),))))
    step = Join(None, ((F.a, F.b),), "other", "left")  # type: ignore[arg-type]
    found = HashJoin(left, Records(tables, "two", in_order=False), step)
    assert found.sorted
    assert [(row["_key"], row["other"]["_key"]) for _, _, row in items_of(found.fetch())] == [
        ("y", "u"),
        ("y", "v"),
        ("x", "u"),
        ("x", "v"),
    ]


def test_a_row_with_very_many_partners_comes_in_batches() -> None:
    tables: Tables = {"one": {"x": {"a": 1}}, "two": {f"{n}": {"b": 1} for n in range(2_000)}}
    assert max(map(len, tree(tables, "inner").fetch())) < 1_000


def test_what_one_change_makes_is_bounded() -> None:
    records = [("t", {"n": n, "_key": f"k{n:04}"}) for n in range(500)]
    changes = [(row["_key"], None, row) for _, row in records]
    tree = plan_push(Query("t").join("t", on=[(F.n * 0, F.n * 0)], as_="same").count())
    with pytest.raises(LimitExceeded, match="MAX_PUSHED_ROWS"):
        tree.push({"t": changes})


def test_what_a_join_holds_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "MAX_HELD_ROWS", 10)
    tree = plan_push(Query("t").join("t", on="n", as_="same").count())
    for n in range(10):
        tree.push({"t": [(f"k{n}", None, {"n": n, "_key": f"k{n}"})]})
    with pytest.raises(LimitExceeded, match="MAX_HELD_ROWS"):
        tree.push({"t": [("k10", None, {"n": 10, "_key": "k10"})]})
