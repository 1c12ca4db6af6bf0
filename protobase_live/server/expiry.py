"""The end of what a token allows, on a connection that is open.

How long that is, is found out by the clock when the token is presented, and counted from then on: a clock
that is set later cuts nobody off, and gives nobody more.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from protobase_actors import Clock, Timer

ENDED = "the token has expired"
"""What is said of it."""


class Expiry:
    """Warns of the end, and tells of it; `set` anew for each token that is presented."""

    def __init__(
        self,
        clock: Clock,
        ended: Callable[[], object],
        warn: Callable[[float], object] | None = None,
        warning_seconds: float = 0.0,
    ) -> None:
        """``warn`` is told ``warning_seconds`` before the end how many are left. Of a token that has less
        than twice as many that is when half are over: who renews it is not warned again at once.
        """
        self._clock = clock
        self._ended = ended
        self._warn = warn
        self._warning_seconds = warning_seconds
        self._expires: float | None = None
        self._timers: list[Timer] = []
        self.over = False
        """Whether it has ended."""

    def set(self, expires: float | None) -> None:
        """The token ends in that second since 1970; None: never."""
        if expires == self._expires:
            return  # the same token again, of which who has it knows
        self.cancel()
        self._expires = expires
        if expires is None:
            return
        left = max(0.0, expires - self._clock.time())
        self._timers.append(self._clock.call_later(left, self._end))
        if self._warn is not None:
            before = min(self._warning_seconds, left / 2)
            self._timers.append(self._clock.call_later(left - before, lambda: self._tell(before)))

    def cancel(self) -> None:
        """Tell nothing more."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _end(self) -> None:
        self.over = True
        self._ended()

    def _tell(self, seconds: float) -> None:
        if self._warn is not None:
            self._warn(seconds)


@contextmanager
def expiring(clock: Clock, expires: float | None, ended: Callable[[], object]) -> Generator[None]:
    """Inside the block ``ended`` is called when the token does."""
    if expires is None:
        yield
        return
    expiry = Expiry(clock, ended)
    expiry.set(expires)
    try:
        yield
    finally:
        expiry.cancel()
