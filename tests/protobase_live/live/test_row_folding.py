"""Folded changes, applied one after the other, give the rows that there are, and touch no others."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from protobase_live.live import row_folding
from protobase_live.live.row_folding import folded
from protobase_live.query.result.diff import Diff, RowChange
from tests.support.live_rows import applied

small = st.lists(st.integers(0, 11), max_size=12, unique=True)


def scratch(seen: list[int], now: list[int], touched: set[int]) -> tuple[RowChange, ...]:
    """The changes, found by looking through the list at each."""
    changes: list[RowChange] = []
    for at in range(len(seen) - 1, -1, -1):
        if seen[at] not in now:
            changes.append(RowChange("delete", at, seen[at]))
    working = [handle for handle in seen if handle in now]
    known = set(working)
    for index, handle in enumerate(now):
        if handle in known and handle not in touched:
            continue
        previous = working.index(handle) if handle in known else None
        if previous is not None:
            del working[previous]
        at = working.index(now[index - 1]) + 1 if index else 0
        working.insert(at, handle)
        if previous is None:
            changes.append(RowChange("insert", at, handle))
        elif previous == at:
            changes.append(RowChange("update", at, handle))
        else:
            changes.append(RowChange("move", at, handle, previous))
    assert working == now
    return tuple(changes)


@given(small, small, st.sets(st.integers(0, 11)))
def test_as_found_from_scratch(seen: list[int], now: list[int], touched: set[int]) -> None:
    kept = [handle for handle in seen if handle in now and handle not in touched]
    places = iter(kept)
    now = [handle if handle not in kept else next(places) for handle in now]
    changes = folded(seen, seen, now, now, touched)
    assert changes == scratch(seen, now, touched)
    assert applied(seen, Diff(changes, False, "")) == now


class Counting(row_folding.SortedList):  # type: ignore[misc]
    """Counts what is asked of it."""

    asked = 0

    def bisect_left(self, value: Any) -> int:
        Counting.asked += 1
        return super().bisect_left(value)


def test_it_asks_twice_for_each_row(monkeypatch) -> None:
    monkeypatch.setattr(row_folding, "SortedList", Counting)
    seen: Sequence[int] = range(5_000)
    now = list(seen)
    Random(1).shuffle(now)
    changes = folded(seen, seen, now, now, seen)
    assert len(changes) == 5_000
    assert Counting.asked == 10_000
