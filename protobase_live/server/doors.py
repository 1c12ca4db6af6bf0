"""The doors for WebSocket connections, as a table: which path leads to whom."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from protobase_live.server.connection import Connection


async def _everybody(connection: Connection) -> None:
    """Lets everybody in."""


@dataclass(frozen=True, slots=True)
class Door:
    """One of them."""

    name: str
    """What it is called in the metrics."""
    path: str
    """Where it is; with a slash at its end, whatever begins so."""
    serve: Callable[[Connection, str | None], Awaitable[None]]
    """Serves a connection until it ends; is told, too, why pages of its origin may not connect, or None."""
    admit: Callable[[Connection], Awaitable[str | None]] = _everybody
    """Asked before the handshake is answered: why it is to be refused with HTTP 503, or None."""
    counted: bool = True
    """Whether its connections count as sessions of clients."""

    def is_at(self, path: str) -> bool:
        """Whether ``path`` leads here."""
        return path == self.path or (self.path.endswith("/") and path.startswith(self.path))


def door_at(path: str, doors: Iterable[Door]) -> Door | None:
    """The first of the doors that ``path`` leads to."""
    return next((door for door in doors if door.is_at(path)), None)
