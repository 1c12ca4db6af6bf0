"""What matching patterns costs beyond looking at a row, so that no batch of rows takes for ever.

One text of 1 MiB and a pattern of 1,000 characters take a thousand million steps, and a batch has hundreds
of rows. Between two pauses (`begin_step`) only so many steps are made; a scan takes fewer rows at a time when
they cost much. There is one count for all queries: they make their steps one after the other.
"""

from __future__ import annotations

from protobase_live.errors import LimitExceeded

MAX_STEPS = 250_000_000
"""Most steps of matching between two pauses, some 0.3 s; then the query fails."""

EASY_STEPS = 10_000_000
"""Steps of matching in a batch of rows, some 12 ms, above which the next batch is a smaller one."""

_made = 0


def begin_step() -> None:
    """Others have run."""
    global _made
    _made = 0


def spend(steps: int) -> None:
    """So many steps are about to be made. Raises LimitExceeded."""
    global _made
    _made += steps
    if _made > MAX_STEPS:
        raise LimitExceeded(
            f"a pattern of like with _ takes more than {MAX_STEPS} steps (MAX_STEPS) on these texts: "
            "take fewer rows with where, or a shorter pattern"
        )


def spent() -> int:
    """How many steps were made since others have run."""
    return _made
