"""Filter, Projection, Ordering and Unnesting."""

from __future__ import annotations

from hypothesis import given

from protobase_live.query.ast.expressions import F
from protobase_live.query.ast.ordering import descending, sort_key
from protobase_live.query.ast.tree import OrderBy, Select, Unnest
from protobase_live.query.engine.operator import items_of
from protobase_live.query.engine.operators.filter import Filter
from protobase_live.query.engine.operators.ordering import Ordering
from protobase_live.query.engine.operators.projection import Projection
from protobase_live.query.engine.operators.sorting import Sorting
from protobase_live.query.engine.operators.unnesting import Unnesting
from tests.support.operator_trees import Records, Tables, Turn, Watch, fetch, histories, run


def test_filter_takes_a_row_that_comes_to_fit_as_new_and_one_that_fits_no_more_as_gone() -> None:
    watch = Watch(lambda t: Filter(Records(t), F.a == 1))
    assert watch.push({"one": {"k": {"a": 2}}}) == []
    ((before, after),) = watch.push({"one": {"k": {"a": 1}}})
    assert (before, after) == (None, ("k", (), {"a": 1, "_key": "k"}))
    assert watch.push({"one": {"k": {"a": 2}}}) == [(after, None)]


@given(history=histories)
def test_filter_keeps_the_rows_that_fit(history: list[Turn]) -> None:
    def expected(tables: Tables) -> list[dict[str, object]]:
        return [row for row in fetch(Records(tables)) if row.get("a") == "x"]

    run(lambda t: Filter(Records(t), F.a == "x"), history, expected)


def test_projection_makes_new_rows_and_says_nothing_of_what_it_leaves_out() -> None:
    watch = Watch(lambda t: Projection(Records(t), Select((("k", F._key), ("deep", F.a.b)))))
    watch.push({"one": {"x": {"a": {"b": 1}}, "y": {}}})
    assert watch.rows() == [{"k": "x", "deep": 1}, {"k": "y", "deep": None}]
    assert watch.push({"one": {"x": {"a": {"b": 1}, "other": 2}}}) == []


def test_projection_tells_true_from_one() -> None:
    watch = Watch(lambda t: Projection(Records(t), Select((("a", F.a),))))
    watch.push({"one": {"x": {"a": 1}}})
    assert len(watch.push({"one": {"x": {"a": True}}})) == 1
    assert watch.rows()[0]["a"] is True


def test_ordering_ranks_by_its_terms_and_keeps_what_it_was_given_as_it_came() -> None:
    tables: Tables = {"one": {"x": {"a": 1, "b": "s"}}}
    tree = Ordering(Records(tables), OrderBy(((F.a, False), (F.b, True))))
    ((identity, rank, row),) = items_of(tree.fetch())
    assert (identity, rank) == ("x", (sort_key(1), descending(sort_key("s"))))
    assert row == {"a": 1, "b": "s", "_key": "x"}
    assert not tree.sorted


def test_none_comes_first_or_when_descending_last() -> None:
    tables: Tables = {"one": {"x": {"a": 1}, "y": {}, "z": {"a": 0}}}
    for down, keys in ((False, "yzx"), (True, "xzy")):
        rows = fetch(Ordering(Records(tables), OrderBy(((F.a, down),))))
        assert "".join(row["_key"] for row in rows) == keys


def test_unnesting_gives_a_row_for_each_element_of_a_list_or_set_and_none_for_anything_else() -> None:
    tables: Tables = {
        "one": {"l": {"t": ["b", "a"]}, "s": {"t": {"b", "a"}}, "x": {"t": "ab"}, "y": {}, "z": {"t": []}}
    }
    rows = fetch(Unnesting(Records(tables), Unnest(F.t, "tag")))
    assert [(row["_key"], row["tag"]) for row in rows] == [("l", "b"), ("l", "a"), ("s", "a"), ("s", "b")]
    assert rows[0]["t"] == ["b", "a"]


def test_unnesting_says_only_which_elements_changed() -> None:
    watch = Watch(lambda t: Unnesting(Records(t), Unnest(F.t, "t")))
    watch.push({"one": {"l": {"t": ["a", "b", "c"]}}})
    assert len(watch.push({"one": {"l": {"t": ["a", "x", "c", "d"]}}})) == 2


def test_unnesting_turns_from_a_list_to_a_set() -> None:
    watch = Watch(lambda t: Unnesting(Records(t), Unnest(F.t, "t")))
    watch.push({"one": {"l": {"t": [2, 1]}}})
    watch.push({"one": {"l": {"t": {2, 1}}}})
    assert [row["t"] for row in watch.rows()] == [1, 2]
    watch.check()


def test_unnesting_keeps_the_order_of_its_input() -> None:
    tables: Tables = {"one": {"x": {"a": 2, "t": [1, 0]}, "y": {"a": 1, "t": {"v", "u"}}}}
    tree = Unnesting(Sorting(Ordering(Records(tables), OrderBy(((F.a, False),)))), Unnest(F.t, "t"))
    assert tree.sorted
    assert [row["t"] for _, _, row in items_of(tree.fetch())] == ["u", "v", 1, 0]
