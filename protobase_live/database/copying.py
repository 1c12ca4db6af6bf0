"""Answers as the caller's own: what a collection and a table hold must not be changed by who asked."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, cast

from protobase_live.model import values

COPIED_ROWS = 500
"""Rows of an answer that are copied without a pause: some milliseconds."""


def copied_in_steps(answer: Any) -> Generator[None, None, Any]:
    """A copy, made with pauses where the answer is a long list."""
    if not isinstance(answer, list):
        return values.copy(answer)
    rows, found = cast("list[Any]", answer), list[Any]()
    for start in range(0, len(rows), COPIED_ROWS):
        found += map(values.copy, rows[start : start + COPIED_ROWS])
        yield
    return found
