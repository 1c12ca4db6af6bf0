"""What all connections of a server carry together, and how fast each may."""

from __future__ import annotations

from protobase_actors import Clock
from protobase_live.server.counters import Counters
from protobase_live.server.holdings import Holdings
from protobase_live.server.limits import ServerLimits
from protobase_live.server.pace import Pace

LIVE_QUEUE = (4, 1)
"""Messages of a live client that wait to be taken: with more than the first its socket is not read, down to
the second."""


class Traffic:
    """Shared by them."""

    def __init__(self, clock: Clock, limits: ServerLimits, counters: Counters) -> None:
        self.clock = clock
        self.counters = counters
        self.unfinished = Holdings(limits.all_unfinished_bytes, "all_unfinished_bytes", counters)
        """What came of messages that are not whole, or not taken yet."""
        self.backlog = Holdings(limits.all_backlog_bytes, "all_backlog_bytes", counters)
        """What Yjs clients do not read."""
        self.answers = Holdings(limits.all_answer_bytes, "all_answer_bytes", counters)
        """What clients of the live door, and over HTTP, do not read."""
        self._limits = limits

    def pace(self) -> Pace:
        """That of a new connection."""
        return Pace(self._limits, self.clock.monotonic())
