"""How long the owner of collections may think that it is the owner."""

from __future__ import annotations

from math import inf

from protobase_actors import Clock


class Lease:
    """One that was granted for so many seconds from when it was granted, which is after it was asked for.

    Those who grant it count on their clocks, and this node on its own: they need not show the same time, but
    run at the same rate, up to a drift. So it is made use of for less, counted from when it was asked for.
    """

    def __init__(self, clock: Clock, seconds: float, drift: float) -> None:
        """``drift`` is by how much of the time, at most, clocks run apart."""
        self._clock = clock
        self._seconds = seconds / (1 + drift)
        self._until = -inf

    @property
    def holds(self) -> bool:
        """Whether nobody else can have it now."""
        return self._clock.monotonic() < self._until

    def renew(self, asked_at: float) -> None:
        """A majority has granted what was asked for then."""
        self._until = max(self._until, asked_at + self._seconds)
