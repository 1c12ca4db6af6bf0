"""What a link needs of a connection to a server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from protobase_live.protocol.live.codec import Frame


class Transport(Protocol):
    """One connection (``websockets.asyncio.client.ClientConnection``)."""

    async def recv(self) -> Frame:
        """The next message. Raises websockets' ConnectionClosed."""
        ...

    async def send(self, message: Frame, /) -> None:
        """Send a message. Raises websockets' ConnectionClosed."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close; harmless when it is closed."""
        ...


Dial = Callable[[str], Awaitable[Transport]]
"""Opens a connection to an address; raises OSError or websockets' WebSocketException."""
