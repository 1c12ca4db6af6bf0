"""What a Yjs client's session is connected through."""

from __future__ import annotations

import asyncio
from typing import Protocol


class Line(Protocol):
    """A connection, or the share that one document has of it."""

    @property
    def crowded(self) -> bool:
        """Whether so much is unread that nothing more should be sent; the session is told of the end."""
        ...

    @property
    def paused(self) -> bool:
        """Whether anything is unread; without that it is not crowded."""
        ...

    @property
    def writable(self) -> bool:
        """Whether messages may be sent."""
        ...

    @property
    def transport(self) -> asyncio.Transport:
        """Where rendered messages are written."""
        ...

    def render(self, message: bytes) -> bytes:
        """``message`` as it is written."""
        ...

    def write(self, message: bytes) -> None:
        """Send a message; dropped if nothing more may be sent."""
        ...

    def pause_reading(self) -> None:
        """Hand nothing over until `resume_reading`."""
        ...

    def resume_reading(self) -> None:
        """Hand over again what comes in."""
        ...

    def close_soon(self, code: int, reason: str) -> None:
        """Begin to close because of a fault; what still comes in is ignored."""
        ...
