"""What a query costs beyond looking at rows, so that no batch of rows takes for ever or makes too much.

One text of 1 MiB and a pattern of 1,000 characters take a thousand million steps, as hundreds of conditions
on a list of 1 MiB do, and a batch has hundreds of rows. Between two pauses (`begin_step`) only so many steps
are made; a scan takes fewer rows at a time when they cost much. There is one count for all queries: they make
their steps one after the other. What guards rows has a count of its own, as large: what it costs of rows that
nobody is shown must not decide whether the rest fails.

Texts that a query joins and values that it collects may be many times larger than what it reads. They are
counted in bytes for each query, see `Budget`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from protobase_live.errors import LimitExceeded

T = TypeVar("T")
R = TypeVar("R")

MAX_STEPS = 250_000_000
"""Most steps of matching and comparing between two pauses, some 0.3 s; then the query fails."""

EASY_STEPS = 10_000_000
"""Such steps in a batch of rows, some 12 ms, above which the next batch is a smaller one."""

CHARS_A_STEP = 4
"""Characters that are searched for another text in the time of a step."""


class Budget:
    """How many bytes of values one query may make."""

    def __init__(self, most: int, limit: str) -> None:
        """``limit`` is the name of the limit whose value is ``most``."""
        self.used = 0
        """Bytes that were made since a change began, or the query."""
        self.held = 0
        """Bytes of what groups of a live query remember."""
        self._most = most
        self._limit = limit

    def spend(self, size: int) -> None:
        """So many bytes are about to be made. Raises LimitExceeded."""
        self.used += size
        self._check(self.used)

    def hold(self, size: int) -> None:
        """So many bytes more are remembered, fewer if it is negative. Raises LimitExceeded."""
        self.held += size
        self._check(self.held)

    def _check(self, size: int) -> None:
        if size > self._most:
            raise LimitExceeded(
                f"a query joins texts and collects values of at most {self._most} bytes ({self._limit}): "
                "take fewer rows with where or limit, or select less of each"
            )


_made = 0
_guarded = 0
_rows = 0
_budget: Budget | None = None


def begin_step(budget: Budget | None = None) -> None:
    """Others have run; what is made from now on is taken from ``budget``, None: is not counted."""
    global _made, _guarded, _rows, _budget
    _made, _guarded, _rows, _budget = 0, 0, 0, budget


def spend(steps: int) -> None:
    """So many steps are about to be made. Raises LimitExceeded."""
    global _made
    _made += steps
    if _made > MAX_STEPS:
        raise LimitExceeded(
            f"conditions take more than {MAX_STEPS} steps (MAX_STEPS) on texts and lists as long as these: "
            "look at fewer of them with an index, or take a shorter pattern of like or fewer conditions"
        )


def apart(function: Callable[[T], R]) -> Callable[[T], R]:
    """``function`` of one row, for those who are no query: what it costs is counted from its call on.

    There are no pauses in which the count would begin anew.
    """

    def counted(row: T) -> R:
        global _made, _guarded
        before, _made, _guarded = (_made, _guarded), 0, 0
        try:
            return function(row)
        finally:
            _made, _guarded = before

    return counted


def guarding(function: Callable[[T], R]) -> Callable[[T], R]:
    """``function``, which says what may be seen; its steps are counted among those of its like."""

    def counted(given: T) -> R:
        global _made, _guarded
        _made, _guarded = _guarded, _made
        try:
            return function(given)
        finally:
            _made, _guarded = _guarded, _made

    return counted


def seek(text: str) -> None:
    """A text is about to be searched for another one. Raises LimitExceeded."""
    spend(len(text) // CHARS_A_STEP)


def spent() -> int:
    """How many steps were made, or were to be made, since others have run."""
    return _made + _guarded


def is_too_much() -> bool:
    """Whether that was more than may be: then the same can be tried after a pause, with fewer rows."""
    return max(_made, _guarded) > MAX_STEPS


def multiply(rows: int) -> None:
    """So many rows were made of fewer ones."""
    global _rows
    _rows += rows


def multiplied() -> int:
    """How many rows were made of fewer ones since others have run."""
    return _rows


def make(size: int) -> None:
    """A value of so many bytes is about to be made and kept. Raises LimitExceeded."""
    if _budget is not None:
        _budget.spend(size)


def hold(size: int) -> None:
    """Values of so many bytes more are remembered between changes, fewer if it is negative."""
    if _budget is not None:
        _budget.hold(size)
