from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.query.ast.expressions import F
from protobase_live.query.ast.tree import OrderBy, Slice
from protobase_live.query.engine.operator import Operator, items_of
from protobase_live.query.engine.operators import window
from protobase_live.query.engine.operators.ordering import Ordering
from protobase_live.query.engine.operators.window import Window
from tests.support.operator_trees import Records, Tables, Turn, Watch, fetch, histories, run


def by_a(tables: Tables) -> Operator:
    return Ordering(Records(tables), OrderBy(((F.a, False),)))


@given(history=histories, offset=st.integers(0, 4), limit=st.none() | st.integers(0, 4))
def test_is_a_slice_of_the_rows_in_order(history: list[Turn], offset: int, limit: int | None) -> None:
    def expected(tables: Tables) -> list[dict[str, Any]]:
        return fetch(by_a(tables))[offset : None if limit is None else offset + limit]

    run(lambda t: Window(by_a(t), Slice(offset, limit)), history, expected)


@pytest.mark.parametrize("step", [Slice(0, 50), Slice(30, 40), Slice(60, None), Slice(0, 1)])
def test_many_rows_come_and_go_in_steps_of_any_size(step: Slice) -> None:
    draw = random.Random(7)
    watch = Watch(lambda t: Window(by_a(t), step))
    for _ in range(60):
        keys = [f"k{draw.randrange(150):03}" for _ in range(draw.choice((1, 3, 10, 100)))]
        watch.push({"one": {key: draw.choice((None, {"a": draw.randrange(40)})) for key in keys}})
        watch.check()


def test_one_delta_says_what_came_in_and_what_fell_out() -> None:
    watch = Watch(lambda t: Window(by_a(t), Slice(0, 2)))
    watch.push({"one": {key: {"a": n} for n, key in enumerate("bcd", 1)}})
    delta = watch.push({"one": {"a": {"a": 0}, "d": {"a": 9}}})
    assert sorted(((old or [0])[0], (new or [0])[0]) for old, new in delta if old) == [("c", 0)]
    assert [row["_key"] for row in watch.rows()] == ["a", "b"]


def test_what_happens_outside_is_not_told() -> None:
    watch = Watch(lambda t: Window(by_a(t), Slice(0, 2)))
    watch.push({"one": {key: {"a": n} for n, key in enumerate("abcd")}})
    assert watch.push({"one": {"d": {"a": 7}, "e": {"a": 8}}}) == []


def test_fetch_stops_as_soon_as_it_has_enough() -> None:
    source = Records({"one": {f"{n:03}": {} for n in range(100)}})
    tree = Window(source, Slice(2, 3))
    assert [item[0] for item in items_of(tree.fetch())] == ["002", "003", "004"]
    assert source.fetched == 5


def test_fetch_of_an_empty_window_asks_for_nothing() -> None:
    source = Records({"one": {"a": {}}})
    assert list(items_of(Window(source, Slice(3, 0)).fetch())) == []
    assert source.fetched == 0


@pytest.mark.parametrize("most", [0, 10_000])
def test_fetch_picks_the_first_of_many_unsorted(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(window, "MAX_KEPT_ROWS", most)
    monkeypatch.setattr(window, "BATCH_ROWS", 5)
    draw = random.Random(3)
    tables: Tables = {"one": {f"{n:04}": {"a": draw.randrange(5)} for n in range(500)}}
    expected = fetch(by_a(tables))
    backwards = Ordering(Records(tables, in_order=False), OrderBy(((F.a, False),)))
    found = [row for _, _, row in items_of(Window(backwards, Slice(4, 9)).fetch())]
    assert found == expected[4:13]
