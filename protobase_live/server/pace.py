"""How fast one client may send: who sends faster is read more slowly."""

from __future__ import annotations

from protobase_live.server.limits import ServerLimits

LEAST_WAIT_SECONDS = 0.01
"""A shorter pause is left out: it comes to the same after some more messages."""


class Bucket:
    """So many a second, and so many at once by who took none for a while."""

    __slots__ = ("_burst", "_counted", "_left", "_rate")

    def __init__(self, rate: int, burst: int, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._left = float(burst)
        self._counted = now

    def take(self, count: int, now: float) -> float:
        """So many were taken, whether they are there or not; in how many seconds there are any again."""
        more = (now - self._counted) * self._rate
        self._left = min(self._burst, self._left + more) - count
        self._counted = now
        return max(0.0, -self._left / self._rate) if self._rate else 0.0


class Pace:
    """Counts what comes from one client. A rate of 0 is none."""

    __slots__ = ("_bytes", "_messages")

    def __init__(self, limits: ServerLimits, now: float) -> None:
        """``now`` is in seconds, as of any clock."""
        self._messages = Bucket(limits.messages_per_second, limits.messages_at_once, now)
        self._bytes = Bucket(limits.bytes_per_second, limits.bytes_at_once, now)

    def take(self, messages: int, size: int, now: float) -> tuple[float, str]:
        """So many came, of ``size`` bytes; for how long no more is to be read, and by which limit."""
        waits = self._messages.take(messages, now), self._bytes.take(size, now)
        return max(zip(waits, ("messages_per_second", "bytes_per_second"), strict=True))
