"""The live protocol over HTTP (``docs/protocol.md``): frames as lines of text.

A frame is one line: the text of a JSON message, or the base64 of a MessagePack message. Down, each is the
data of a server-sent event; up, the lines of a body are frames.
"""

from __future__ import annotations

import json
from binascii import Error, a2b_base64, b2a_base64
from dataclasses import dataclass
from math import inf
from typing import Any, ClassVar, cast

from protobase_live.errors import ProtocolError
from protobase_live.protocol.live.codec import Frame, JsonCodec
from protobase_live.protocol.live.fields import Fields
from protobase_live.protocol.server_events import event

PATH = "events"
"""Where it is, below the path of the live door."""

CONNECTION, SEQUENCE = "protobase-connection", "protobase-sequence"
"""Headers of a request with frames: to which connection, and the how manyth of it, from 1 on."""

MESSAGE = "message"
"""The kind of the event that is a frame; the others are `Opened` and `Closing`."""

MAX_FRAMES = 1024
"""Frames of one request; more close the connection."""


def line_of(frame: Frame) -> bytes:
    """A frame as a line, without its end."""
    return frame.encode() if isinstance(frame, str) else b2a_base64(frame, newline=False)


def line_bytes(frame_bytes: int) -> int:
    """How long the line of a frame of so many bytes may be."""
    return (frame_bytes + 2) // 3 * 4


def frame_of(line: bytes, subprotocol: str) -> Frame:
    """The frame of a line. Raises ProtocolError."""
    try:
        return line.decode() if subprotocol == JsonCodec.subprotocol else a2b_base64(line, strict_mode=True)
    except (UnicodeDecodeError, Error) as error:
        raise ProtocolError(f"a line that is no frame of {subprotocol}: {error}") from None


def frames_of(body: bytes, subprotocol: str) -> list[Frame]:
    """The frames in a body; empty lines are none. Raises ProtocolError."""
    if body.count(b"\n") >= MAX_FRAMES:
        raise ProtocolError(f"a request has more than {MAX_FRAMES} lines")
    return [frame_of(line, subprotocol) for line in body.split(b"\n") if line]


@dataclass(frozen=True, slots=True)
class Opened:
    """The first event."""

    kind: ClassVar[str] = "open"
    connection: str
    """The id that requests come with."""
    post_seconds: float
    """How long a client may send no request."""

    @classmethod
    def parse(cls, data: bytes) -> Opened:
        """Raises ProtocolError."""
        fields = _fields(data, cls.kind)
        seconds = fields.number("post_seconds")
        if not 0 < seconds < inf:
            raise ProtocolError(f"open.post_seconds has to be above 0, not {seconds:g}")
        return cls(fields.text("connection"), seconds)

    def event(self) -> bytes:
        """As it is sent."""
        return _event(self.kind, {"connection": self.connection, "post_seconds": self.post_seconds})


@dataclass(frozen=True, slots=True)
class Closing:
    """The last event: as a WebSocket is closed."""

    kind: ClassVar[str] = "close"
    code: int
    reason: str

    @classmethod
    def parse(cls, data: bytes) -> Closing:
        """Raises ProtocolError."""
        fields = _fields(data, cls.kind)
        return cls(fields.count("code"), fields.text("reason"))

    def event(self) -> bytes:
        """As it is sent."""
        return _event(self.kind, {"code": self.code, "reason": self.reason})


def _event(kind: str, fields: dict[str, Any]) -> bytes:
    return event(kind, json.dumps(fields).encode())


def _fields(data: bytes, kind: str) -> Fields:
    try:
        found = json.loads(data)
    except ValueError as error:
        raise ProtocolError(f"{kind} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise ProtocolError(f"{kind} is no object")
    return Fields(cast("dict[str, Any]", found), kind)
