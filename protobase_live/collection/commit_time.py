"""The times of a collection's commits: each is above those of what it was made on, however clocks stand."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from math import inf, isfinite, nextafter

from protobase_actors import Clock
from protobase_storage import Loaded

_log = logging.getLogger("protobase_live")


class CommitTime:
    """The latest time of what was applied, but of what lies too far ahead of this node's clock.

    A clock that was set forward for a while would else take those of all nodes along, for good. Times are for
    people, and for what is tried first: what decides anything goes by vectors.
    """

    def __init__(self, collection: str, clock: Clock, ahead_seconds: float) -> None:
        self._collection = collection
        self._clock = clock
        self._ahead_seconds = ahead_seconds
        self._warned = False
        self.latest = 0.0

    def begin(self, loaded: Loaded) -> None:
        """Begin with what is stored."""
        self.latest = 0.0
        self.follow(each.time for each in (loaded.snapshot, *loaded.commits) if each is not None)

    def follow(self, times: Iterable[float]) -> None:
        """Commits of these times were applied."""
        most = self._clock.time() + self._ahead_seconds
        for time in times:
            if time > most:
                self._warn(time)
            elif isfinite(time):
                self.latest = max(self.latest, time)

    def next(self) -> float:
        """The time of a commit that is made now. A clock that was set back goes on from where it has been."""
        self.latest = max(self._clock.time(), nextafter(self.latest, inf))
        return self.latest

    def _warn(self, time: float) -> None:
        if not self._warned:
            self._warned = True
            ahead = (
                f"{time - self._clock.time():.0f} seconds ahead of this node's clock (clock_ahead_seconds)"
            )
            fields = {"event": "commit_far_ahead", "collection": self._collection}
            _log.warning(
                "a commit of collection %r is %s: is one of them wrong?",
                self._collection,
                ahead,
                extra=fields,
            )
