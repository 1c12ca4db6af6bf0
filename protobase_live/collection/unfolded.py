"""Collections whose logs could not be folded: they go on, but take more room, and time to load."""

from __future__ import annotations

import logging

_log = logging.getLogger("protobase_live")


class Unfolded:
    """Which they are, and why."""

    def __init__(self, most: int) -> None:
        """``most`` of them are remembered; then those that failed first are forgotten."""
        self._most = most
        self.reasons: dict[str, str] = {}
        """What was wrong with each of them, last time."""

    def add(self, collection: str, error: Exception) -> None:
        """Folding failed. The first time, the log of the process is told."""
        reason = str(error).partition("\n")[0] or type(error).__name__
        if collection not in self.reasons:
            _log.warning(
                "the log of collection %r cannot be folded: %s; "
                "it is kept as it is, and tried again when it is twice as long",
                collection,
                reason,
                extra={"event": "log_unfolded", "collection": collection},
            )
        self.reasons[collection] = reason
        if len(self.reasons) > self._most:
            del self.reasons[next(iter(self.reasons))]

    def remove(self, collection: str) -> None:
        """It was folded."""
        self.reasons.pop(collection, None)
