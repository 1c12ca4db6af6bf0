"""What a link goes over: messages in order, both ways. Nothing above it knows WebSockets."""

from __future__ import annotations

from typing import Protocol


class Channel(Protocol):
    """An open connection to another node."""

    async def send(self, message: bytes) -> None:
        """Send a message behind those before; waits while too much is under way. Raises Closed."""
        ...

    async def receive(self) -> bytes:
        """The next message. Raises Closed, which says why."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """End it; the other node is told why."""
        ...
