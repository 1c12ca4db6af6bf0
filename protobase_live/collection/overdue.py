"""A storage that hangs: what it was asked for so long that nobody may go on waiting for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from protobase_actors import Clock, Timer


class Overdue:
    """Watches what was asked, and tells when the oldest of it has not been answered in time."""

    def __init__(self, clock: Clock, seconds: float, tell: Callable[[], None]) -> None:
        """``tell`` is called when something becomes overdue, and may be again while it is."""
        self._clock = clock
        self._seconds = seconds
        self._tell = tell
        self._due: dict[asyncio.Future[Any], float] = {}
        """What is not answered, and when it is overdue, oldest first."""
        self._timer: Timer | None = None

    @property
    def reason(self) -> str | None:
        """What is wrong, if something is overdue."""
        if not self._due or next(iter(self._due.values())) > self._clock.monotonic():
            return None
        return f"the storage has not answered for {self._seconds:g} seconds (storage_seconds)"

    def expect(self, answer: asyncio.Future[Any]) -> None:
        """The storage was asked, and will set ``answer``."""
        if not answer.done():
            self._due[answer] = self._clock.monotonic() + self._seconds
            answer.add_done_callback(self._answered)
            self._look_later()

    def close(self) -> None:
        """Tell nobody any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._due.clear()

    def _answered(self, answer: asyncio.Future[Any]) -> None:
        self._due.pop(answer, None)

    def _look_later(self) -> None:
        if self._timer is None and self._due:
            left = next(iter(self._due.values())) - self._clock.monotonic()
            self._timer = self._clock.call_later(max(left, 0.0), self._look)

    def _look(self) -> None:
        self._timer = None
        if self.reason is None:
            self._look_later()
        else:
            self._tell()
