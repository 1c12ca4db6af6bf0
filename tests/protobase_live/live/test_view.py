"""A view folds what a subscriber missed, and finds the place of a cursor only if it is certain of it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from protobase_live.errors import LimitExceeded, Unavailable
from protobase_live.live.holding import Holding
from protobase_live.live.limits import ViewLimits
from protobase_live.live.view import View
from protobase_live.live.view_cursor import Step, encode_cursor
from protobase_live.query.ast.aggregates import collect
from protobase_live.query.engine.operators.grouping import Grouping
from protobase_live.query.engine.plan import plan_push
from protobase_live.query.language.query import Query
from tests.support.live_rows import applied

BOTH = Query("a").select("n").union(Query("b").select("n"), all=True)


class Watched:
    """A view of two collections, and the vectors of what they have shown."""

    def __init__(self, query: Query = BOTH, *, retained: int = 10, max_rows: int = 100) -> None:
        self.vectors: dict[str, dict[str, int]] = {"a": {"x": 1}, "b": {"x": 1}}
        self.view = View(
            query,
            plan_push(query),
            lambda: dict(self.vectors),
            retained=retained,
            holding=Holding(ViewLimits(view_rows=max_rows)),
        )
        self.view.open()

    def show(self, collection: str, key: str, before: Any, after: Any) -> None:
        vector = self.vectors[collection]
        self.vectors[collection] = {**vector, "x": vector["x"] + 1}
        step = Step(vector, self.vectors[collection])
        change = (key, *(None if n is None else {"n": n, "_key": key} for n in (before, after)))
        self.view.show({collection: [change]}, {collection: step})

    def cursor(self, **sequences: int) -> str:
        return encode_cursor(self.view.query.canonical, {name: {"x": n} for name, n in sequences.items()})

    def rows(self) -> list[int]:
        return [row["n"] for row in applied([], self.view.since(None))]


def test_what_was_missed_is_folded_by_row() -> None:
    watched = Watched()
    watched.show("a", "k", None, 1)
    rows, seen = applied([], watched.view.since(None)), watched.view.end
    watched.show("a", "k", 1, 2)
    watched.show("b", "k", None, 5)
    watched.show("a", "k", 2, 3)
    watched.show("b", "gone", None, 6)
    watched.show("b", "gone", 6, None)
    diff = watched.view.since(seen)
    assert [(change.kind, change.row) for change in diff.changes] == [
        ("update", {"n": 3}),
        ("insert", {"n": 5}),
    ]
    assert applied(rows, diff) == [{"n": 3}, {"n": 5}]
    assert diff is watched.view.since(seen)  # for whoever else is there
    assert watched.view.since(watched.view.end).changes == ()


def test_a_cursor_leads_to_its_place() -> None:
    watched = Watched()
    assert watched.view.position(watched.cursor(a=1, b=1)) == 0
    watched.show("a", "k", None, 1)
    watched.show("b", "k", None, 2)
    watched.show("a", "k", 1, 3)
    places = [(1, 1, 0), (2, 1, 1), (2, 2, 2), (3, 2, 3)]
    for a, b, position in places:
        assert watched.view.position(watched.cursor(a=a, b=b)) == position


@pytest.mark.parametrize(
    "seen",
    [
        {"a": 1, "b": 2},  # of b what came later here than what it lacks of a
        {"a": 3, "b": 1},
        {"a": 4, "b": 2},  # what was not shown here
        {"a": 0, "b": 1},  # before the view was
        {"a": 3},
    ],
)
def test_a_cursor_that_has_no_place(seen: dict[str, int]) -> None:
    watched = Watched()
    watched.show("a", "k", None, 1)
    watched.show("b", "k", None, 2)
    watched.show("a", "k", 1, 3)
    assert watched.view.position(watched.cursor(**seen)) is None


@pytest.mark.parametrize(
    ("seen", "position"),
    [
        ({"x": 1}, 0),
        ({"x": 1, "y": 1}, 1),
        ({"x": 1, "y": 1, "z": 2}, 2),
        ({"x": 1, "z": 2}, None),
        ({"x": 1, "z": 1}, None),
        ({"x": 1, "y": 1, "z": 1}, None),
    ],
)
def test_of_what_several_nodes_brought_a_cursor_has_all_or_nothing(
    seen: dict[str, int], position: int | None
) -> None:
    """Another node may have shown it in another order, or commit by commit what came here as one."""
    watched, vectors = Watched(), [{"x": 1}, {"x": 1, "y": 1}, {"x": 1, "y": 1, "z": 2}]
    for n, (before, after) in enumerate(pairwise(vectors)):
        watched.vectors["a"] = after
        watched.view.show({"a": [(str(n), None, {"n": n, "_key": str(n)})]}, {"a": Step(before, after)})
    cursor = encode_cursor(BOTH.canonical, {"a": seen, "b": {"x": 1}})
    assert watched.view.position(cursor) == position


def test_the_past_is_bounded() -> None:
    watched = Watched(retained=2)
    for n in range(5):
        watched.show("a", f"k{n}", None, n)
    assert watched.view.position(watched.cursor(a=3, b=1)) is None
    assert watched.view.position(watched.cursor(a=4, b=1)) == 3
    assert watched.view.since(2).reset
    assert not watched.view.since(3).reset


def test_what_does_not_concern_the_rows_moves_the_cursor_only() -> None:
    watched = Watched(BOTH.limit(1))
    watched.show("a", "k", None, 1)
    watched.show("b", "k", None, 2)
    assert watched.view.end == 1
    assert watched.view.position(watched.view.since(None).cursor) == 1
    assert watched.rows() == [1]


def test_what_changes_while_it_is_filled_is_taken_in_at_the_end() -> None:
    query = Query("a").order_by("n")
    view = View(query, plan_push(query), lambda: {"a": {"x": 1}}, retained=9, holding=Holding(ViewLimits()))
    old, new = {"n": 1, "_key": "k"}, {"n": 9, "_key": "k"}
    view.show({"a": [("k", old, {"n": 5, "_key": "k"})]}, {"a": Step({}, {"x": 1})})
    view.show({"a": [("k", {"n": 5, "_key": "k"}, new), ("l", None, old)]}, {"a": Step({}, {"x": 1})})
    view.show({"a": [("l", old, None)]}, {"a": Step({}, {"x": 1})})
    view.fill({"a": [("k", None, old)]})
    view.open()
    assert applied([], view.since(None)) == [new]


def test_too_many_rows_and_a_failure_that_is_kept() -> None:
    watched = Watched(max_rows=1)
    watched.show("a", "k", None, 1)
    with pytest.raises(LimitExceeded, match="view_rows"):
        watched.show("b", "k", None, 1)
    first = Unavailable("first")
    watched.view.fail(first)
    watched.view.fail(Unavailable("second"))
    assert watched.view.failure is first


def test_a_group_is_shown_once_however_many_records_fill_it(monkeypatch: pytest.MonkeyPatch) -> None:
    query, made = Query("a").group_by("g", all=collect("n")), list[Any]()
    make = Grouping._item
    monkeypatch.setattr(Grouping, "_item", lambda self, group: made.append(group) or make(self, group))
    view = View(query, plan_push(query), lambda: {"a": {"x": 1}}, retained=9, holding=Holding(ViewLimits()))
    for n in range(1_000):
        view.fill({"a": [(f"k{n:03}", None, {"g": n % 2, "n": n, "_key": f"k{n:03}"})]})
    view.open()
    assert [len(row["all"]) for row in applied([], view.since(None))] == [500, 500]
    assert len(made) == 2
    view.show({"a": [("l", None, {"g": 1, "n": 0, "_key": "l"})]}, {"a": {"x": 1}})
    assert len(made) == 3
