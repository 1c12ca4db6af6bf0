"""The smallest single splice that makes one sequence of another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import eq
from typing import Any, TypeVar

S = TypeVar("S", bound=Sequence[Any])


def splice(old: S, new: S, equal: Callable[[Any, Any], bool] = eq) -> tuple[int, int, S]:
    """Where to start, how many items of ``old`` to delete there and which of ``new`` to insert there."""
    shorter = min(len(old), len(new))
    start = _common(old, new, range(shorter), equal)
    stop = _common(old, new, range(-1, start - shorter - 1, -1), equal)
    return start, len(old) - stop - start, new[start : len(new) - stop]  # pyright: ignore[reportReturnType]


def _common(old: Sequence[Any], new: Sequence[Any], indexes: range, equal: Callable[[Any, Any], bool]) -> int:
    """How many of ``indexes`` have equal items, from the first on."""
    for count, index in enumerate(indexes):
        if not equal(old[index], new[index]):
            return count
    return len(indexes)
