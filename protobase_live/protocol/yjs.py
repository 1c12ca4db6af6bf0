"""The messages of the stock `y-websocket` protocol, one message a frame.

Formats: y-protocols (`PROTOCOL.md`, sync, auth) and the y-websocket message numbers:
sync 0 (step 1: 0, step 2: 1, update: 2), awareness 1, auth 2, query awareness 3.
"""

from dataclasses import dataclass

from protobase_live.errors import ProtocolError
from protobase_live.protocol.varint import prefixed, read_bytes, read_varuint

SYNC, AWARENESS, AUTH, QUERY_AWARENESS = range(4)
STEP1, STEP2, UPDATE = range(3)
PERMISSION_DENIED = 0

QUERY_AWARENESS_FRAME = bytes([QUERY_AWARENESS])


@dataclass(frozen=True, slots=True)
class SyncStep1:
    """'This is my state vector, send me what I lack.'"""

    state_vector: bytes


@dataclass(frozen=True, slots=True)
class SyncStep2:
    """The answer to step 1: everything the asker lacks, as one Yjs update."""

    update: bytes


@dataclass(frozen=True, slots=True)
class Update:
    """A change to the document as it happens, as a Yjs update."""

    update: bytes


@dataclass(frozen=True, slots=True)
class AwarenessUpdate:
    """Presence of clients; `protocol.awareness` reads the payload."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class QueryAwareness:
    """'Send me the presence of everybody you know.'"""


@dataclass(frozen=True, slots=True)
class PermissionDenied:
    """The server refuses; sent by servers only."""

    reason: str


Message = SyncStep1 | SyncStep2 | Update | AwarenessUpdate | QueryAwareness | PermissionDenied

_SYNC_MESSAGES = (SyncStep1, SyncStep2, Update)


def update_of(frame: bytes) -> bytes | None:
    """Return the Yjs update of an ordinary update frame, None for every other frame.

    The shortcut for the message a server sees most: an update below 16 KiB that fills its frame.
    None says nothing about the frame but that `decode` has to look at it.
    """
    try:
        if frame[0] or frame[1] != UPDATE:
            return None
        length = frame[2]
        if length < 0x80:
            return frame[3:] if length == len(frame) - 3 else None
        high = frame[3]
        if high < 0x80 and (length & 0x7F | high << 7) == len(frame) - 4:
            return frame[4:]
    except IndexError:
        pass
    return None


def decode(frame: bytes) -> Message | None:
    """Decode one frame; None is a message type this protocol says to ignore.

    Raises:
        ProtocolError: the frame is cut off, has bytes left over, or an unknown sync or auth step.
    """
    kind, pos = read_varuint(frame, 0)
    if kind == SYNC:
        return _decode_sync(frame, pos)
    if kind == AWARENESS:
        return AwarenessUpdate(_last_bytes(frame, pos))
    if kind == AUTH:
        return _decode_auth(frame, pos)
    if kind == QUERY_AWARENESS:
        _expect_end(frame, pos)
        return QueryAwareness()
    return None


def encode_step1(state_vector: bytes) -> bytes:
    """Frame a state vector as sync step 1."""
    return b"\x00\x00" + prefixed(state_vector)


def encode_step2(update: bytes) -> bytes:
    """Frame a Yjs update as sync step 2."""
    return b"\x00\x01" + prefixed(update)


def encode_update(update: bytes) -> bytes:
    """Frame a Yjs update as a change to relay."""
    return b"\x00\x02" + prefixed(update)


def encode_awareness(payload: bytes) -> bytes:
    """Frame an awareness update, as `protocol.awareness` encodes it."""
    return b"\x01" + prefixed(payload)


def encode_permission_denied(reason: str) -> bytes:
    """Frame a refusal, which stock clients print."""
    return b"\x02\x00" + prefixed(reason.encode())


def _decode_sync(frame: bytes, pos: int) -> Message:
    step, pos = read_varuint(frame, pos)
    if step > UPDATE:
        raise ProtocolError(f"sync message {step} is none of step 1 (0), step 2 (1), update (2)")
    return _SYNC_MESSAGES[step](_last_bytes(frame, pos))


def _decode_auth(frame: bytes, pos: int) -> Message:
    verdict, pos = read_varuint(frame, pos)
    if verdict != PERMISSION_DENIED:
        raise ProtocolError(f"auth message {verdict} is not permission denied (0)")
    try:
        return PermissionDenied(_last_bytes(frame, pos).decode())
    except UnicodeDecodeError as error:
        raise ProtocolError(f"reason of the refusal is not UTF-8: {error}") from None


def _last_bytes(frame: bytes, pos: int) -> bytes:
    data, pos = read_bytes(frame, pos)
    _expect_end(frame, pos)
    return data


def _expect_end(frame: bytes, pos: int) -> None:
    if pos != len(frame):
        raise ProtocolError(f"{len(frame) - pos} bytes after the message, which ends at byte {pos}")
