"""One address of another node, which is dialed again and again."""

from __future__ import annotations

import logging

from protobase_live.cluster.channel import Refused
from protobase_live.cluster.limits import ClusterLimits
from protobase_live.errors import LimitExceeded, ProtocolError, Unauthorized, ValidationError

REFUSALS = (Refused, Unauthorized, LimitExceeded, ProtocolError, ValidationError)
"""What dialing again does not mend, whichever of both nodes has said it."""

_log = logging.getLogger(__name__)


class Dialing:
    """Who answers there, what is wrong, and how long to wait before it is dialed again."""

    def __init__(self, address: str, limits: ClusterLimits) -> None:
        self.address = address
        self.node = ""
        """Who has answered there the last time."""
        self.problem: str | None = None
        """Why there is no link, as far as it is known."""
        self._limits = limits
        self._pause = limits.redial_seconds
        self._most = limits.redial_seconds_most
        self._linked = False
        self._took = 0.0
        """How long the last attempt took that came to nothing, in seconds."""
        self._told: str | None = None

    def met(self, node: str) -> None:
        """There is a link with this node."""
        self.node, self.problem, self._linked = node, None, True

    def failed(self, error: Exception, took: float) -> None:
        """It did not come to a link, or that has ended, ``took`` seconds after it was dialed."""
        self.problem = str(error) or type(error).__name__
        refused = isinstance(error, REFUSALS)
        self._most = self._limits.refused_seconds if refused else self._limits.redial_seconds_most
        if self._linked and not refused:  # links that end each other would begin at once again
            self._pause, self._told = self._limits.redial_seconds, None
        self._took = 0.0 if self._linked else took
        self._linked = False

    def rest(self) -> None:
        """The node that is there is linked, over whatever connection."""
        self.problem, self._took = None, 0.0
        self._pause, self._most = self._limits.redial_seconds, self._limits.redial_seconds_most

    def tell(self) -> None:
        """Say in the log what is wrong, once; what has come right by now is not told."""
        if self.problem is not None and self.problem != self._told:
            self._told = self.problem
            fields = {"event": "link_failed", "address": self.address}
            _log.warning("no link to %s: %s", self.address, self.problem, extra=fields)

    def pause(self) -> float:
        """How long to wait now, in seconds; each time it is twice as long, up to a limit.

        It counts from the beginning of an attempt that came to nothing: who has waited in vain for an answer
        that was lost has waited long enough.
        """
        pause = min(self._pause, self._most)
        self._pause = min(2 * pause, self._most)
        return max(0.0, pause - self._took)
