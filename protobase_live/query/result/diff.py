"""Differences between the rows that a live query had and those that it has.

Changes are applied one after the other; each position is of the list as it is then::

    insert   rows.insert(position, row)
    update   rows[position] = row
    delete   del rows[position]
    move     del rows[previous]; rows.insert(position, row)
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from protobase_live.query.engine.operator import Delta, Identity, Rank, place

RowChangeKind = Literal["insert", "update", "delete", "move"]
Place = tuple[Rank, Identity]

INSERT_SLICE = 2_000
"""How many rows of a snapshot are told without a pause."""


@dataclass(frozen=True, slots=True)
class RowChange:
    """One change of a live query's rows: ``row`` as it is from now on, or, for a delete, as it was.

    ``previous`` is where a move took the row from.
    """

    kind: RowChangeKind
    position: int
    row: Any = None
    previous: int | None = None


@dataclass(frozen=True, slots=True)
class Diff:
    """What happened to a live query's rows, to be applied as a whole.

    ``reset`` marks a snapshot: what was known is to be forgotten, and all rows are inserted. ``cursor`` says
    how far the rows have seen the collections.
    """

    changes: tuple[RowChange, ...]
    reset: bool
    cursor: str


class Places(Protocol):
    """The places of all rows, in order (``sortedcontainers.SortedList``)."""

    def bisect_left(self, value: Any) -> int:
        """How many places come before ``value``."""
        ...


def positioned(places: Places, delta: Delta) -> tuple[RowChange, ...]:
    """The changes that a delta is, given the places of the rows after it.

    The list as it is between two changes is ``places`` without what is still to come and with what is still
    to go, so a position is counted there and corrected by those few.
    """
    going = sorted(place(old) for old, _ in delta if old is not None)
    coming = sorted(place(new) for _, new in delta if new is not None)

    def position(at: Place) -> int:
        return places.bisect_left(at) - bisect_left(coming, at) + bisect_left(going, at)

    def leave(at: Place) -> int:
        found = position(at)
        del going[bisect_left(going, at)]
        return found

    def enter(at: Place) -> int:
        found = position(at)
        del coming[bisect_left(coming, at)]
        return found

    changes: list[RowChange] = []
    for old, new in sorted(delta, key=_order):
        previous = leave(place(old)) if old is not None else None
        if new is None:
            assert old is not None
            assert previous is not None
            changes.append(RowChange("delete", previous, old[2]))
            continue
        now = enter(place(new))
        if previous is None:
            changes.append(RowChange("insert", now, new[2]))
        elif previous == now:
            changes.append(RowChange("update", now, new[2]))
        else:
            changes.append(RowChange("move", now, new[2], previous))
    return tuple(changes)


def _order(pair: Any) -> tuple[bool, Place]:
    """What goes comes first, then what comes or changes, each in the order of places."""
    old, new = pair
    return (new is not None, place(old if new is None else new))


def inserts(rows: Iterable[Any]) -> tuple[RowChange, ...]:
    """The changes that make ``rows`` of nothing."""
    return tuple(RowChange("insert", position, row) for position, row in enumerate(rows))


def inserts_in_steps(rows: Sequence[Any]) -> Generator[None, None, tuple[RowChange, ...]]:
    """`inserts`, with pauses."""
    changes: list[RowChange] = []
    for start in range(0, len(rows), INSERT_SLICE):
        changes += [
            RowChange("insert", position, row)
            for position, row in enumerate(rows[start : start + INSERT_SLICE], start)
        ]
        yield
    return tuple(changes)
