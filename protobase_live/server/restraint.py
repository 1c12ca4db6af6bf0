"""Who is refused again and again is taken from more slowly, but hears everything.

An editor may delete by itself what is put back: it lacks a node in its own schema, or tidies formats. Each
round is a commit that everybody is sent, and nothing else would end it. All who may write nothing into a
collection share one restraint there: each of many viewers would do the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from weakref import WeakValueDictionary

from protobase_actors import Clock, Timer
from protobase_live.server.limits import ServerLimits

KEPT_BYTES = 64
"""About what an update that is kept takes, beside its own bytes."""


def weight_of(updates: Sequence[bytes]) -> int:
    """About how many bytes these take while they are kept."""
    return sum(map(len, updates)) + KEPT_BYTES * len(updates)


class Restraint:
    """Counts what was put back in a row. While it is `active`, sessions keep what their clients write."""

    __slots__ = ("__weakref__", "_clock", "_count", "_limits", "_seconds", "_timer", "_until", "_waiting")

    def __init__(self, clock: Clock, limits: ServerLimits) -> None:
        self._clock = clock
        self._limits = limits
        self._count = 0
        self._seconds = 0.0
        self._until = 0.0
        self._timer: Timer | None = None
        self._waiting: dict[Callable[[], object], None] = {}

    @property
    def active(self) -> bool:
        """Whether a pause is under way."""
        return self._timer is not None

    def count(self) -> float:
        """Something was put back; how many seconds the pause takes that begins now, 0 for none.

        What was on its way when a pause began is not counted.
        """
        if self.active:
            return 0.0
        now, most = self._clock.monotonic(), self._limits.put_back_seconds_most
        if now >= self._until + most:
            self._count, self._seconds = 0, 0.0
        self._count += 1
        if self._count > self._limits.put_backs_in_a_row:
            self._seconds = min(2 * self._seconds or self._limits.put_back_seconds, most)
        self._until = now + self._seconds
        if self._seconds:
            self._timer = self._clock.call_later(self._seconds, self._end)
        return self._seconds

    def wait(self, over: Callable[[], object]) -> None:
        """Call ``over``, once, when the pause is over."""
        self._waiting[over] = None

    def leave(self, over: Callable[[], object]) -> None:
        """Call it no more."""
        self._waiting.pop(over, None)

    def _end(self) -> None:
        self._timer = None
        waiting, self._waiting = self._waiting, {}
        for over in waiting:
            over()


class Restraints:
    """Those of who may write nothing, one for each collection, as long as somebody has it."""

    def __init__(self, clock: Clock, limits: ServerLimits) -> None:
        self._clock = clock
        self._limits = limits
        self._shared = WeakValueDictionary[str, Restraint]()

    def of(self, collection: str) -> Restraint:
        """That of all who may write nothing there."""
        restraint = self._shared.get(collection)
        if restraint is None:
            restraint = self._shared[collection] = self.one()
        return restraint

    def one(self) -> Restraint:
        """A new one, of a client that may write something."""
        return Restraint(self._clock, self._limits)
