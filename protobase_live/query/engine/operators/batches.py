"""Batches of what is made lazily, and bounds for what is made at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from protobase_live.errors import LimitExceeded
from protobase_live.query.engine.effort import multiply
from protobase_live.query.engine.operator import BATCH_ROWS, Delta

MAX_PUSHED_ROWS = 200_000
"""Most rows that one push makes where rows are multiplied; above it the live query fails."""

MAX_HELD_ROWS = 2_000_000
"""Most rows that a live query holds where rows are multiplied; above it it fails."""

T = TypeVar("T")


def batched(items: Iterable[T]) -> Iterator[list[T]]:
    """``items`` in batches of BATCH_ROWS, each made when it is asked for."""
    remaining = iter(items)
    while batch := list(islice(remaining, BATCH_ROWS)):
        yield batch


def bounded(items: Iterable[T]) -> list[T]:
    """``items``, made at once. Raises LimitExceeded for more than MAX_PUSHED_ROWS."""
    found = list(islice(items, MAX_PUSHED_ROWS + 1))
    if len(found) > MAX_PUSHED_ROWS:
        raise LimitExceeded(
            f"one change makes more than {MAX_PUSHED_ROWS} rows of this live query (MAX_PUSHED_ROWS): "
            "join on more, or take fewer rows with where"
        )
    multiply(len(found))
    return found


def held_after(held: int, delta: Delta) -> int:
    """How many rows are held with a delta, of ``held`` before. Raises LimitExceeded above MAX_HELD_ROWS."""
    held += sum((new is not None) - (old is not None) for old, new in delta)
    if held > MAX_HELD_ROWS:
        raise LimitExceeded(
            f"a join or unnest of a live query makes more than {MAX_HELD_ROWS} rows (MAX_HELD_ROWS): "
            "take fewer with where"
        )
    return held
