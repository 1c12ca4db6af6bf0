"""What the sessions of Yjs clients need of what they are served on, whoever reads the socket."""

from __future__ import annotations

from typing import Protocol

from protobase_live.protocol.shared_message import SharedMessage


class Session(Protocol):
    """Who takes the messages of a connection. Nothing here may raise."""

    def take_frame(self, frame: bytes) -> None:
        """One binary message."""
        ...

    def take_end(self) -> None:
        """That was all there is for now."""
        ...

    def can_write(self) -> None:
        """What was sent, more than there was room for, has been taken."""
        ...

    def take_probe(self) -> None:
        """The client is asked for a life sign; give it one."""
        ...


class Line(Protocol):
    """A connection, or the share that one collection has of it. Nothing here waits."""

    @property
    def address(self) -> str | None:
        """From where it comes, as it counts; None where nobody knows."""
        ...

    @property
    def paused(self) -> bool:
        """Whether the client is behind with reading; only then it may be crowded."""
        ...

    @property
    def crowded(self) -> bool:
        """Whether so much is unread that nothing more should be sent; the session is told of the end."""
        ...

    def write(self, message: bytes) -> None:
        """Send a binary message; dropped if the connection is closing."""
        ...

    def show(self, shared: SharedMessage) -> None:
        """Send what others are sent, too, encoded once for all; dropped if the connection is closing."""
        ...

    def pause_reading(self) -> None:
        """Leave what comes in the socket."""
        ...

    def resume_reading(self) -> None:
        """Read on."""
        ...

    def close_soon(self, code: int, reason: str) -> None:
        """Begin to close because of a fault; what still comes in is ignored."""
        ...


class Wire(Line, Protocol):
    """One client's connection."""

    def allow(self, message_bytes: int, limit: str = "message_bytes") -> None:
        """From now on messages may be so long, by this limit."""
        ...

    def write_often(self, message: bytes, count: int) -> None:
        """Send a binary message so many times; dropped if the connection is closing."""
        ...

    def show_keyed(self, shared: SharedMessage, head: bytes) -> None:
        """`show` it behind the key of its collection, which is the same for all who are sent it."""
        ...

    async def attend(self, session: Session, backlog_bytes: int) -> None:
        """Give ``session`` every message until the connection is closed.

        With more than ``backlog_bytes`` unread the connection is crowded.
        """
        ...

    async def refuse(self, code: int, reason: str) -> None:
        """Close because of a fault, and wait for the end."""
        ...

    @property
    def close_code(self) -> int | None:
        """With which code it was closed; None before."""
        ...

    @property
    def faulty(self) -> bool:
        """Whether the client broke the rules of connections, or sent a message that is too big."""
        ...
