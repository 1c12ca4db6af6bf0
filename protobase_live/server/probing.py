"""Asks all clients for a sign of life, from time to time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from protobase_actors import Clock, Timer


class Probed(Protocol):
    """A connection."""

    def probe(self) -> None:
        """Ask for a sign of life, or give the connection up if there was none since the last time."""
        ...


class Probing:
    """Goes on until it is cancelled."""

    def __init__(self, clock: Clock, seconds: float, connections: Callable[[], Iterable[Probed]]) -> None:
        """Every ``seconds`` all ``connections`` that there are then."""
        self._clock = clock
        self._seconds = seconds
        self._connections = connections
        self._timer = self._later()

    def cancel(self) -> None:
        """Probe nobody any more."""
        self._timer.cancel()

    def _later(self) -> Timer:
        return self._clock.call_later(self._seconds, self._probe)

    def _probe(self) -> None:
        for connection in self._connections():
            connection.probe()
        self._timer = self._later()
