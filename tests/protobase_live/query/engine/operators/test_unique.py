from __future__ import annotations

from typing import Any

from hypothesis import given

from protobase_live.query.ast.expressions import F
from protobase_live.query.ast.ordering import sort_key
from protobase_live.query.ast.tree import OrderBy, Select
from protobase_live.query.engine.operator import Operator, items_of
from protobase_live.query.engine.operators.ordering import Ordering
from protobase_live.query.engine.operators.projection import Projection
from protobase_live.query.engine.operators.unique import Unique
from tests.support.operator_trees import Records, Tables, Turn, Watch, equal_histories, fetch, histories, run


def tree(tables: Tables) -> Operator:
    ordered = Ordering(Records(tables), OrderBy(((F.n, False),)))
    return Unique(Projection(ordered, Select((("a", F.a),))))


@given(history=histories | equal_histories)
def test_equal_rows_stand_once_where_the_first_stands(history: list[Turn]) -> None:
    def expected(tables: Tables) -> list[dict[str, Any]]:
        first: dict[Any, tuple[Any, dict[str, Any]]] = {}
        for row in sorted(fetch(Records(tables)), key=lambda row: sort_key(row.get("n"))):
            shown = {"a": row.get("a")}
            first.setdefault(sort_key(shown), (sort_key(row.get("n")), shown))
        return [shown for _, (_, shown) in sorted(first.items(), key=lambda pair: (pair[1][0], pair[0]))]

    run(tree, history, expected)


def test_a_row_stays_as_long_as_one_is_left_and_moves_to_where_that_stands() -> None:
    watch = Watch(tree)
    watch.push({"one": {"x": {"a": 1, "n": 1}, "y": {"a": 1, "n": 3}, "z": {"a": 2, "n": 2}}})
    assert watch.rows() == [{"a": 1}, {"a": 2}]
    ((before, after),) = watch.push({"one": {"x": None}})
    assert before is not None
    assert after is not None
    assert (before[1], after[1]) == ((sort_key(1),), (sort_key(3),))
    assert watch.rows() == [{"a": 2}, {"a": 1}]
    assert watch.push({"one": {"x": {"a": 1, "n": 5}}}) == []


def test_of_equal_rows_that_are_not_alike_the_first_is_shown_as_they_come_and_go() -> None:
    watch = Watch(tree)
    for key, value in (("y", -0.0), ("z", 0), ("x", 0)):
        watch.push({"one": {key: {"a": value, "n": 1}}})
        watch.check()
    assert repr(watch.rows()) == "[{'a': 0}]"
    for key, shown in (("x", "[{'a': -0.0}]"), ("y", "[{'a': 0}]"), ("z", "[]")):
        watch.push({"one": {key: None}})
        watch.check()
        assert repr(watch.rows()) == shown


def test_true_is_not_one() -> None:
    tables: Tables = {"one": {"x": {"a": 1}, "y": {"a": True}, "z": {"a": 1.0}}}
    assert len(list(items_of(tree(tables).fetch()))) == 2
