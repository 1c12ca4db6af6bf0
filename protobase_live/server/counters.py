"""What a server counts from its start on; it only grows."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from http import HTTPStatus

from protobase_live.protocol.live import limits as codes
from protobase_live.server.figures import Histogram, Labelled

BUCKETS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Upper bounds of the durations that are counted together, in seconds."""


OWN_CODES = frozenset(code for code in vars(codes).values() if isinstance(code, int) and 1000 <= code < 5000)
"""The close codes of this program."""

PROTOCOL_CODES = frozenset(range(1000, 1016))
"""Those of WebSockets themselves."""


class Tally:
    """A figure for each of a few values of a label. The program chooses these, never a client."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._values: Counter[str] = Counter()

    def __getitem__(self, value: str) -> int:
        return self._values[value]

    def add(self, value: str, by: int = 1) -> None:
        """Count ``by`` more for this value of the label."""
        self._values[value] += by

    @property
    def figure(self) -> Labelled:
        """All of them."""
        return Labelled(self._label, dict(self._values))


class Durations:
    """How many took how long."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BUCKETS) + 1)
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        """One more took so long."""
        self._counts[bisect_left(BUCKETS, seconds)] += 1
        self._sum += seconds

    @property
    def figure(self) -> Histogram:
        """All of them."""
        return Histogram(BUCKETS, tuple(self._counts), self._sum)


class Counters:
    """The counters of one server."""

    def __init__(self) -> None:
        self.sessions: Counter[str] = Counter()
        """Connections that are open now, by door; alone of all this, it also falls."""
        self.connections = Tally("door")
        """Connections that came to a door: ``yjs``, ``hocuspocus``, ``live``, ``live-http`` or ``peer``."""
        self.closes = Tally("code")
        """Connections that ended, by their close code; see `closed`."""
        self.refusals = Tally("status")
        """Handshakes, and requests to a door, that were answered with an HTTP error; see `refused`."""
        self.received_bytes = Tally("door")
        """Bytes of messages from live clients, and of updates from Yjs clients."""
        self.refused_updates = Tally("door")
        """Turns in which something was put back that a Yjs client was not to write."""
        self.sent_bytes = Tally("door")
        """Bytes of messages to live clients."""
        self.requests = Tally("type")
        """Requests of live clients."""
        self.limits = Tally("limit")
        """How often a limit was met that holds one client off for all others' sake, by the limit's name."""
        self.errors = Tally("code")
        """Errors that live clients were told, by their code."""
        self.request_seconds = Durations()
        """From a request of a live client, but for those that open streams, until it is answered."""

    def refused(self, status: HTTPStatus) -> None:
        """A handshake or a request was answered with an error."""
        self.refusals.add(str(int(status)))

    def closed(self, code: int | None) -> None:
        """A connection has ended. A code that its client has made up is ``other``: it may have thousands."""
        is_known = code in OWN_CODES or code in PROTOCOL_CODES
        self.closes.add(str(code) if is_known else "none" if code is None else "other")

    @contextmanager
    def session(self, door: str) -> Generator[None]:
        """Count a connection that has come to a door, until it ends."""
        self.connections.add(door)
        self.sessions[door] += 1
        try:
            yield
        finally:
            self.sessions[door] -= 1
