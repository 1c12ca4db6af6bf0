"""What failed, and when it is tried again: after a pause that doubles with each failure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protobase_actors import Clock

FIRST_PAUSE_SECONDS = 1.0
"""The pause after the first failure."""


@dataclass(slots=True)
class _Failed:
    reason: str
    pause: float
    retry_at: float


class Pauses:
    """The names of what failed, each with its reason and its pause."""

    def __init__(self, clock: Clock, most_seconds: float, most: int) -> None:
        """``most_seconds`` is the longest pause. Beyond ``most`` names, those that failed longest ago go."""
        self._clock = clock
        self._most_seconds = most_seconds
        self._most = most
        self._failed: dict[str, _Failed] = {}

    @property
    def reasons(self) -> Mapping[str, str]:
        """What was wrong with each of them, last time."""
        return {name: failed.reason for name, failed in self._failed.items()}

    def __contains__(self, name: object) -> bool:
        return name in self._failed

    def __len__(self) -> int:
        return len(self._failed)

    def reason_to_wait(self, name: str) -> str | None:
        """What was wrong, if it is not to be tried again yet."""
        failed = self._failed.get(name)
        return failed.reason if failed is not None and self._clock.monotonic() < failed.retry_at else None

    def add(self, name: str, reason: str) -> bool:
        """It failed; answers whether for the first time."""
        known = self._failed.pop(name, None)
        pause = min(FIRST_PAUSE_SECONDS if known is None else 2 * known.pause, self._most_seconds)
        self._failed[name] = _Failed(reason, pause, self._clock.monotonic() + pause)
        if len(self._failed) > self._most:
            del self._failed[next(iter(self._failed))]
        return known is None

    def release(self, name: str) -> None:
        """It did not fail."""
        self._failed.pop(name, None)
