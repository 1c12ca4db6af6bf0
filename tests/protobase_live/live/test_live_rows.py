"""Differences applied one after the other give the rows, folded or not, whenever the reader looks."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sortedcontainers import SortedList

from protobase_live.live.live_rows import LiveRows
from protobase_live.query.engine.operator import Item, place
from protobase_live.query.result.diff import Diff, RowChange, inserts, positioned
from tests.support.live_rows import applied

changes = st.dictionaries(
    st.integers(0, 7), st.none() | st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=6
)
steps = st.lists(st.tuples(changes, st.booleans(), st.integers(0, 9)), max_size=8)


class Result:
    """A result in the order of places, which tells its deltas as positions."""

    def __init__(self) -> None:
        self.items: dict[int, Item] = {}
        self.places: Any = SortedList()

    @property
    def rows(self) -> list[Any]:
        return [self.items[identity][2] for _, identity in self.places]

    def change(self, wanted: dict[int, tuple[int, int] | None]) -> tuple[RowChange, ...]:
        delta = []
        for key, new in wanted.items():
            before = self.items.get(key)
            after = None if new is None else (key, (new[0],), {"key": key, "n": new[1]})
            if before != after:
                delta.append((before, after))
        for before, after in delta:
            if before is not None:
                self.places.remove(place(before))
                del self.items[before[0]]
            if after is not None:
                self.places.add(place(after))
                self.items[after[0]] = after
        return positioned(self.places, delta)


@given(steps)
def test_a_reader_that_looks_now_and_then_ends_with_the_same_rows(steps: Any) -> None:
    result, live = Result(), LiveRows(lambda row: row)
    server: list[Any] = []
    reader: list[Any] = []
    for number, (wanted, looks, chance) in enumerate(steps):
        told = Diff(result.change(wanted), False, str(number))
        server = applied(server, told)
        assert server == result.rows
        live.hear(Diff(inserts(result.rows), True, str(number)) if chance == 0 else told)
        assert live.rows == result.rows
        assert live.cursor == str(number)
        if looks and live.pending:
            reader = applied(reader, live.take())
            assert reader == result.rows
            assert not live.pending
    if live.pending:
        reader = applied(reader, live.take())
    assert reader == result.rows


def test_what_nobody_read_is_folded() -> None:
    live = LiveRows(lambda row: row, ["a"])
    for n in range(5):
        live.hear(Diff((RowChange("update", 0, n),), False, str(n)))
    assert live.take() == Diff((RowChange("update", 0, 4),), False, "4")


def test_what_came_and_went_unseen_is_not_told() -> None:
    live = LiveRows(lambda row: row, ["a", "b"])
    live.hear(Diff((RowChange("insert", 1, "x"),), False, "1"))
    live.hear(Diff((RowChange("delete", 1),), False, "2"))
    assert live.take() == Diff((), False, "2")


def test_a_deleted_row_is_told_as_it_was() -> None:
    live = LiveRows(str.upper, ["A"])
    live.hear(Diff((RowChange("insert", 1, "b"), RowChange("delete", 0)), False, "1"))
    assert live.take().changes == (RowChange("insert", 1, "B"), RowChange("delete", 0, "A"))


def test_a_reset_swallows_what_came_before_and_takes_in_what_follows() -> None:
    live = LiveRows(lambda row: row, ["a"])
    live.hear(Diff((RowChange("delete", 0),), False, "1"))
    live.hear(Diff(inserts(["b"]), True, "2"))
    live.hear(Diff((RowChange("insert", 1, "c"),), False, "3"))
    assert live.take() == Diff(inserts(["b", "c"]), True, "3")


def test_hearing_one_difference_copies_no_rows() -> None:
    live = LiveRows(lambda row: row, range(1_000))
    for n in range(3):
        live.hear(Diff((RowChange("update", 500, n), RowChange("move", 0, "x", 900)), False, str(n)))
        assert not live._seen
        assert not live._seen_rows
        live.forget()
