"""What a link goes over: messages in order, both ways. Nothing above it knows WebSockets."""

from __future__ import annotations

from typing import Protocol

from protobase_live.errors import Closed

REFUSING = range(4400, 4500)
"""Close codes that say that the same would follow."""


class Channel(Protocol):
    """An open connection to another node."""

    async def send(self, message: bytes) -> None:
        """Send a message behind those before; waits while too much is under way. Raises Closed."""
        ...

    async def receive(self) -> bytes:
        """The next message. Raises Closed, which says why."""
        ...

    @property
    def unfinished(self) -> int:
        """Bytes that have come of the next message, which is not whole yet."""
        ...

    def trust(self) -> None:
        """Who is at the other end is known: read long messages from now on."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """End it; the other node is told why."""
        ...


class Refused(Closed):
    """The other node has closed the connection for a reason that a new one does not mend."""


def closed(code: int, reason: str) -> Closed:
    """What a close comes to that the other node has sent."""
    return (Refused if code in REFUSING else Closed)(f"closed with {code}: {reason}")
