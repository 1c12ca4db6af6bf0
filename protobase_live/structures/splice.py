"""The smallest single splice that makes one sequence of another.

A splice is where to start, how many items to delete there, and which to insert there.
"""

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


Splice = tuple[int, int, str]
"""A splice of a text."""


def splice_text(old: str, new: str) -> Splice:
    """`splice` of texts: it compares parts of them at once, for they may be very long. Positions count
    Unicode code points.
    """
    start = _equal_at_begin(old, new, min(len(old), len(new)))
    shorter = min(len(old), len(new)) - start
    stop = _equal_at_end(old, new, shorter)
    return start, len(old) - stop - start, new[start : len(new) - stop]


def splice_of(key: Any, before: Any, after: Any) -> Splice | None:
    """What an update did to a text; None for every other change. `key` is None where a structure is one
    value.
    """
    is_text = key is None and isinstance(before, str) and isinstance(after, str)
    return splice_text(before, after) if is_text else None


def _equal_at_begin(old: str, new: str, most: int) -> int:
    """How many characters are the same at the beginning, of `most` at most."""
    least = 0
    while least < most:
        middle = (least + most + 1) // 2
        if old[least:middle] == new[least:middle]:
            least = middle
        else:
            most = middle - 1
    return least


def _equal_at_end(old: str, new: str, most: int) -> int:
    """How many characters are the same at the end, of `most` at most."""
    least = 0
    while least < most:
        middle = (least + most + 1) // 2
        if old[len(old) - middle : len(old) - least] == new[len(new) - middle : len(new) - least]:
            least = middle
        else:
            most = middle - 1
    return least


def _common(old: Sequence[Any], new: Sequence[Any], indexes: range, equal: Callable[[Any, Any], bool]) -> int:
    """How many of ``indexes`` have equal items, from the first on."""
    for count, index in enumerate(indexes):
        if not equal(old[index], new[index]):
            return count
    return len(indexes)
