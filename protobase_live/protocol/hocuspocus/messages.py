"""The messages of Hocuspocus, one message a frame.

A frame is the key of a document, and a message about it. Messages about content and presence are those of
y-websocket (`protocol.yjs.messages`), so what is left of such a frame behind its key is a frame of that.
Beside these there are auth 2, sync reply 4, stateless 5, broadcast 6, close 7 and sync status 8. Ping and
pong are a byte alone, 9 and 10, without a key.
"""

from __future__ import annotations

from dataclasses import dataclass

from protobase_live.errors import ProtocolError
from protobase_live.protocol.yjs import messages as yjs
from protobase_live.protocol.yjs.varint import prefixed, read_bytes, read_varuint

AUTH = 2
SYNC_REPLY, STATELESS, BROADCAST, CLOSE, SYNC_STATUS, PING, PONG = range(4, 11)
TOKEN, PERMISSION_DENIED, AUTHENTICATED = range(3)

PING_FRAME, PONG_FRAME = bytes([PING]), bytes([PONG])

SEPARATOR = b"\x00"
"""Between the name of a document and a session of it, in the keys of who has several."""

MAX_SESSION_BYTES = 128
"""Bytes of a session's name; stock providers choose about eleven."""

MAX_KEY_BYTES = 1024
"""More bytes than any key has that stands for a collection, its length before it."""

READ_WRITE, READ_ONLY = "read-write", "readonly"

_TOKEN_REQUEST = bytes([AUTH, TOKEN])
_PERMISSION_DENIED = bytes([AUTH, PERMISSION_DENIED])
_AUTHENTICATED = bytes([AUTH, AUTHENTICATED])
_SYNC = bytes([yjs.SYNC])


@dataclass(frozen=True, slots=True)
class Auth:
    """'This is my token'; None of who has none."""

    token: str | None


@dataclass(frozen=True, slots=True)
class SyncReply:
    """A sync message that wants no step 1 in return."""

    message: yjs.Message | None


@dataclass(frozen=True, slots=True)
class Broadcast:
    """What servers of Hocuspocus tell each other, and no client may."""


@dataclass(frozen=True, slots=True)
class Close:
    """'I let go of this document.'"""


Message = yjs.Message | Auth | SyncReply | Broadcast | Close


def split(frame: bytes) -> tuple[bytes, bytes]:
    """The key of a frame, and the message behind it. Raises ProtocolError if there is no key, one that is too
    long, or nothing behind it."""
    key, pos = read_bytes(frame, 0)
    if len(key) > MAX_KEY_BYTES:
        raise ProtocolError(f"a key has at most {MAX_KEY_BYTES} bytes")
    if pos == len(frame):
        raise ProtocolError(f"a frame that ends behind its key, at byte {pos}")
    return key, frame[pos:]


def decode(message: bytes) -> Message | None:
    """Decode what stands behind a key; None is a message to ignore.

    Raises:
        ProtocolError: it names no type, or an auth or sync message is malformed.
    """
    kind, pos = read_varuint(message, 0)
    if kind in (yjs.SYNC, yjs.AWARENESS, yjs.QUERY_AWARENESS):
        return yjs.decode(message)
    if kind == AUTH:
        return _decode_auth(message, pos)
    if kind == SYNC_REPLY:
        return SyncReply(yjs.decode(_SYNC + message[pos:]))
    if kind == BROADCAST:
        return Broadcast()
    if kind == CLOSE:
        return Close()
    return None  # stateless messages, too: there is no program that they could be for


def document_of(key: bytes) -> tuple[str, bytes]:
    """The name of the document that a key stands for, and the session of it, empty for none.

    Raises:
        ProtocolError: the name is no UTF-8, or the session's name is too long.
    """
    name, _, session = key.partition(SEPARATOR)
    if len(session) > MAX_SESSION_BYTES:
        raise ProtocolError(f"the name of a session has at most {MAX_SESSION_BYTES} bytes")
    try:
        return name.decode(), session
    except UnicodeDecodeError as error:
        raise ProtocolError(f"the name of a document is no UTF-8: {error}") from None


def encode_token_request() -> bytes:
    """'Say your token again': providers from version 3 on ask their application, older ones do nothing."""
    return _TOKEN_REQUEST


def encode_authenticated(scope: str) -> bytes:
    """'Your token was accepted'; the scope is one of `READ_WRITE` and `READ_ONLY`."""
    return _AUTHENTICATED + prefixed(scope.encode())


def encode_permission_denied(reason: str) -> bytes:
    """'Your token was not accepted', or nothing more is taken of this document."""
    return _PERMISSION_DENIED + prefixed(reason.encode())


def encode_stateless(payload: str) -> bytes:
    """A message from program to program."""
    return bytes([STATELESS]) + prefixed(payload.encode())


def encode_close(reason: str) -> bytes:
    """'This document is served no more.'"""
    return bytes([CLOSE]) + prefixed(reason.encode())


def encode_sync_status() -> bytes:
    """One sync step 2 or update of the client is dealt with, and that is stored."""
    return bytes([SYNC_STATUS, True])


def _decode_auth(message: bytes, pos: int) -> Auth | None:
    kind, pos = read_varuint(message, pos)
    if kind != TOKEN:
        return None
    token, _ = read_bytes(message, pos)  # newer providers say their version behind it
    try:
        return Auth(token.decode() or None)
    except UnicodeDecodeError as error:
        raise ProtocolError(f"the token is no UTF-8: {error}") from None
