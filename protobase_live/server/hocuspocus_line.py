"""The share that one document has of a Hocuspocus socket."""

from __future__ import annotations

from typing import Protocol

from protobase_live.protocol.live.limits import TOKEN_ENDED, TRY_AGAIN
from protobase_live.protocol.shared_message import SharedMessage
from protobase_live.protocol.yjs.varint import prefixed
from protobase_live.server.wire import Wire


class Sharer(Protocol):
    """What the documents of one socket have in common."""

    def pause(self, line: HocuspocusLine) -> None:
        """A document can take no more for now."""
        ...

    def resume(self, line: HocuspocusLine) -> None:
        """It can again."""
        ...

    def close_document(self, line: HocuspocusLine, code: int, reason: str) -> None:
        """End a document because of a fault."""
        ...


class HocuspocusLine:
    """One document's line: everything that is sent has the document's key before it."""

    def __init__(self, sharer: Sharer, connection: Wire, key: bytes) -> None:
        self._sharer = sharer
        self._connection = connection
        self._head = prefixed(key)
        self.key = key
        self.open = True
        """Whether the document is served."""
        self.shares_frames = True
        """Whether others have the same key, and so are sent the same frames."""

    @property
    def address(self) -> str | None:
        """From where the whole socket comes."""
        return self._connection.address

    @property
    def crowded(self) -> bool:
        """Whether so much of the whole socket is unread that nothing more should be sent."""
        return self._connection.crowded

    @property
    def paused(self) -> bool:
        """Whether anything is unread."""
        return self._connection.paused

    def show(self, shared: SharedMessage) -> None:
        """Send what others are sent, too; its frame is that of all who have this key."""
        if not self.shares_frames:
            self.write(shared.message)
        elif self.open:
            self._connection.show_keyed(shared, self._head)

    def write_often(self, message: bytes, count: int) -> None:
        """Send a message so many times."""
        if self.open:
            self._connection.write_often(self._head + message, count)

    def write(self, message: bytes) -> None:
        """Send a message; dropped if the document is not served any more."""
        if self.open:
            self._connection.write(self._head + message)

    def pause_reading(self) -> None:
        """Read nothing of the socket: what comes in for one document stands before what is for another."""
        self._sharer.pause(self)

    def resume_reading(self) -> None:
        """Read on, if every document can take more."""
        self._sharer.resume(self)

    def close_soon(self, code: int, reason: str) -> None:
        """End the document, or the socket if its client is to begin again: it does with a new one only."""
        if code in (TRY_AGAIN, TOKEN_ENDED):
            self._connection.close_soon(code, reason)
        elif self.open:
            self._sharer.close_document(self, code, reason)
