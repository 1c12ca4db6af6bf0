"""The messages of the stock `y-websocket` protocol, one message a frame.

Formats: y-protocols (`PROTOCOL.md`, sync, auth) and the y-websocket message numbers:
sync 0 (step 1: 0, step 2: 1, update: 2), awareness 1, auth 2, query awareness 3. The y-sweet client adds
sync status 102. What these say to ignore, and what is only about presence, is never an error.
"""

from dataclasses import dataclass

from protobase_live.errors import ProtocolError
from protobase_live.protocol.yjs.varint import prefixed, read_bytes, read_varuint, varuint

SYNC, AWARENESS, AUTH, QUERY_AWARENESS = range(4)
SYNC_STATUS = 102
STEP1, STEP2, UPDATE = range(3)
PERMISSION_DENIED = 0

MAX_MARK_BYTES = 1024
"""Bytes of a sync status that is sent back; a y-sweet client's has a few."""

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


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """'Send this back when you have everything I sent before.'"""

    mark: bytes


Message = SyncStep1 | SyncStep2 | Update | AwarenessUpdate | QueryAwareness | PermissionDenied | SyncStatus

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
    """Decode one frame; None is a message to ignore.

    Raises:
        ProtocolError: the frame names no message type, or a sync message is cut off or has bytes left over.
    """
    kind, pos = read_varuint(frame, 0)
    if kind == SYNC:
        return _decode_sync(frame, pos)
    try:
        return _decode_other(kind, frame, pos)
    except ProtocolError:
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


def encode_sync_status(mark: bytes) -> bytes:
    """Frame a sync status."""
    return varuint(SYNC_STATUS) + prefixed(mark)


def _decode_sync(frame: bytes, pos: int) -> Message | None:
    step, pos = read_varuint(frame, pos)
    if step > UPDATE:
        return None
    data, end = read_bytes(frame, pos)
    if end != len(frame):
        raise ProtocolError(f"{len(frame) - end} bytes after the message, which ends at byte {end}")
    return _SYNC_MESSAGES[step](data)


def _decode_other(kind: int, frame: bytes, pos: int) -> Message | None:
    if kind == AWARENESS:
        return AwarenessUpdate(read_bytes(frame, pos)[0])
    if kind == AUTH:
        verdict, pos = read_varuint(frame, pos)
        reason = read_bytes(frame, pos)[0].decode(errors="replace")
        return PermissionDenied(reason) if verdict == PERMISSION_DENIED else None
    if kind == QUERY_AWARENESS:
        return QueryAwareness()
    if kind == SYNC_STATUS:
        mark = read_bytes(frame, pos)[0]
        return SyncStatus(mark) if len(mark) <= MAX_MARK_BYTES else None
    return None
