"""Connections between nodes in one process, which tests can cut, and see what goes through."""

from __future__ import annotations

import asyncio

from protobase_live.cluster.channel import closed
from protobase_live.errors import Closed
from protobase_live.protocol.peer.messages import PeerMessage, decode


class End:
    """One end of a connection; a `Channel`."""

    def __init__(self) -> None:
        self.other: End = self
        self.sent: list[PeerMessage] = []
        """What was sent from here."""
        self.closed: tuple[int, str] | None = None
        """How it was closed from here."""
        self.stalled = False
        """Whether what is sent from here is lost on its way."""
        self.is_trusted = False
        """Whether long messages are read here."""
        self.unfinished = 0
        """Bytes that have come here of a message that is not whole."""
        self._arrived = asyncio.Queue[bytes | None]()

    async def send(self, message: bytes) -> None:
        if self.closed or self.other.closed:
            raise Closed("cut")
        told = decode(message)
        assert told is not None
        self.sent.append(told)
        if not self.stalled:
            self.other._arrived.put_nowait(message)
        await asyncio.sleep(0)

    async def receive(self) -> bytes:
        message = await self._arrived.get()
        if message is None:
            raise Closed("cut") if self.other.closed is None else closed(*self.other.closed)
        return message

    def trust(self) -> None:
        self.is_trusted = True

    async def close(self, code: int, reason: str) -> None:
        self.closed = self.closed or (code, reason)
        for end in (self, self.other):
            end._arrived.put_nowait(None)

    def messages(self, kind: type) -> list:
        """What was sent from here of one kind."""
        return [each for each in self.sent if isinstance(each, kind)]


def pipe() -> tuple[End, End]:
    """Both ends of a new connection."""
    one, other = End(), End()
    one.other, other.other = other, one
    return one, other
