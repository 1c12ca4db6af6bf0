"""The changes from the rows that a reader has seen to those that there are.

Positions are of the list as it is when a change is applied; looking for them there would take as long as the
list for each. Rows that were not touched keep their order, so every place is between two of them, and how
many touched rows still stand before it is counted in a sorted list.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence
from typing import Any

from sortedcontainers import SortedList

from protobase_live.query.result.diff import RowChange

Handles = Sequence[int]
"""What names each row, whatever becomes of it."""


def folded(
    seen: Handles, seen_rows: Sequence[Any], now: Handles, rows: Sequence[Any], touched: Collection[int]
) -> tuple[RowChange, ...]:
    """``seen`` and ``now`` name the rows before and after; ``touched`` were updated or moved in between."""
    stay = set(now)
    gone = [at for at, handle in enumerate(seen) if handle not in stay]
    changes = [RowChange("delete", at, seen_rows[at]) for at in reversed(gone)]
    places = _Places([handle for handle in seen if handle in stay], now, touched)
    for index, handle in enumerate(now):
        if places.keeps(handle):
            continue
        previous = places.take(handle, index)
        at = places.give(index)
        if previous is None:
            changes.append(RowChange("insert", at, rows[index]))
        elif previous == at:
            changes.append(RowChange("update", at, rows[index]))
        else:
            changes.append(RowChange("move", at, rows[index], previous))
    return tuple(changes)


class _Places:
    """Where rows stand while the touched ones are brought to their places, from the first to the last.

    A row that was brought stands right behind the one before it; those that still wait stand behind these,
    before the next row that keeps its place. A gap is how many rows that keep it stand before something.
    """

    def __init__(self, seen: Handles, now: Handles, touched: Collection[int]) -> None:
        self._kept = set(seen).difference(touched)
        self._anchors = [index for index, handle in enumerate(now) if handle in self._kept]
        self._passed = 0
        """How many rows that keep their place were passed."""
        self._gaps: list[int] = []
        self._numbers: dict[int, int] = {}
        gap = 0
        for handle in seen:
            if handle in self._kept:
                gap += 1
            else:
                self._numbers[handle] = len(self._gaps)
                self._gaps.append(gap)
        self._waiting: SortedList[int] = SortedList(range(len(self._gaps)))

    def keeps(self, handle: int) -> bool:
        """Pass the next row; whether it keeps its place, and there is nothing to say of it."""
        keeps = handle in self._kept
        self._passed += keeps
        return keeps

    def take(self, handle: int, index: int) -> int | None:
        """Take a row that waits for the place ``index`` away; where it stood, None for a new one."""
        number = self._numbers.get(handle)
        if number is None:
            return None
        gap, before = self._gaps[number], self._waiting.bisect_left(number)
        self._waiting.remove(number)
        if gap >= self._passed:
            return index + gap - self._passed + before
        return self._anchors[gap] + before

    def give(self, index: int) -> int:
        """Where a row is put that comes to the place ``index``."""
        return index + self._waiting.bisect_left(bisect_left(self._gaps, self._passed))
