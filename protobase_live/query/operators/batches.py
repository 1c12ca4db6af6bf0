"""Batches of what is made lazily."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from protobase_live.query.operators.operator import BATCH_ROWS

T = TypeVar("T")


def batched(items: Iterable[T]) -> Iterator[list[T]]:
    """``items`` in batches of BATCH_ROWS, each made when it is asked for."""
    remaining = iter(items)
    while batch := list(islice(remaining, BATCH_ROWS)):
        yield batch
