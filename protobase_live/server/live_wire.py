"""What the live door needs of a connection, whatever carries it."""

from __future__ import annotations

from typing import Protocol

from protobase_live.protocol.live.codec import Frame


class LiveWire(Protocol):
    """A WebSocket (``websockets.asyncio.server.ServerConnection``), or what stands for one."""

    @property
    def subprotocol(self) -> str | None: ...

    @property
    def address(self) -> str | None: ...

    def allow(self, message_bytes: int, limit: str = "message_bytes") -> None:
        """From now on messages may be so long, by this limit."""
        ...

    async def recv(self) -> Frame:
        """The next message. Raises websockets' ConnectionClosed."""
        ...

    async def send(self, message: Frame, /) -> None:
        """Send, waiting while the client does not read. Raises websockets' ConnectionClosed."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close; harmless when it is closed."""
        ...

    async def refuse(self, code: int, reason: str) -> None:
        """Close because of a fault, and wait for the end."""
        ...
