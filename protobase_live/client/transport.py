"""What a link needs of a connection to a server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from protobase_live.protocol.live.codec import Frame


class Transport(Protocol):
    """One connection."""

    async def recv(self) -> Frame:
        """The next message. Raises websockets' ConnectionClosed."""
        ...

    async def send(self, message: Frame, /) -> None:
        """Send a message. Raises websockets' ConnectionClosed."""
        ...

    @property
    def unfinished(self) -> int:
        """Bytes that have come of the next message, which is not whole yet."""
        ...

    @property
    def unsent(self) -> int:
        """Bytes that were sent and are still here: they become fewer while the network takes them."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close; harmless when it is closed."""
        ...


Dial = Callable[[str], Awaitable[Transport]]
"""Opens a connection to an address; raises OSError or websockets' WebSocketException."""
