"""Work that goes in steps: a generator that pauses where others may run, and answers at its end."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")


def at_once(steps: Generator[None, None, T]) -> T:
    """Run steps to their end without a pause."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
