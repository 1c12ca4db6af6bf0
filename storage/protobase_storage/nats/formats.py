"""Messages as bytes: a format number, a checksum, and MessagePack of ``[previous, tag, effects]``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zlib import crc32

from ..commit import Commit
from ..commit_format import pack_head, unpack_commit
from ..errors import CollectionCorrupt, StorageFormatError
from ..packing import pack, unpack
from .values import Body, Deleted, Effect, Entry, Pieces, Published, Stowed, Update

FORMAT = 1
"""Format version that is written, and the only one that is read."""

COMMIT, PUBLISHED, DELETED = 0, 1, 2
"""Kinds of effects."""

_HEAD_BYTES = 5


def pack_effects(effects: Sequence[Effect]) -> bytes:
    """The effects of one message."""
    return pack([_told(effect) for effect in effects])


def unpack_effects(collection: str, packed: bytes) -> list[Effect]:
    """The effects in what `pack_effects` gave."""
    return [_effect(collection, *each) for each in unpack(packed)]


def pack_entry(previous: int, tag: bytes, effects: Body) -> bytes:
    """A message; ``effects`` are packed, or where they are."""
    return seal(pack((previous, tag, _place(effects))))


def unpack_entry(collection: str, sequence: int, data: bytes) -> Entry:
    """The message with this number. Raises `CollectionCorrupt`, `StorageFormatError`."""
    try:
        previous, tag, effects = unpack(unseal(data))
        place = _body(effects)
        found = place if isinstance(place, Pieces) else unpack_effects(collection, place)
        return Entry(previous, tag, found)
    except (TypeError, ValueError) as error:
        raise CollectionCorrupt(collection, f"message {sequence} is damaged: {error}") from error


def seal(packed: bytes) -> bytes:
    """Bytes with a format number and a checksum before them."""
    return bytes((FORMAT,)) + crc32(packed).to_bytes(4) + packed


def unseal(data: bytes) -> bytes:
    """What was sealed. Raises ValueError, and `StorageFormatError` for another format."""
    packed = data[_HEAD_BYTES:]
    if len(data) < _HEAD_BYTES or crc32(packed).to_bytes(4) != data[1:_HEAD_BYTES]:
        raise ValueError("it fails its checksum")
    if data[0] != FORMAT:
        raise StorageFormatError(f"a message has format {data[0]}; this release knows {FORMAT}")
    return packed


def _told(effect: Effect) -> tuple[object, ...]:
    match effect:
        case Commit(origin, sequence, _, update):
            return COMMIT, origin, sequence, pack_head(effect), update
        case Published(vector, time, update, remains, keep):
            return PUBLISHED, dict(vector), time, _place(update), remains, keep
        case Deleted(remains):
            return DELETED, remains


def _effect(collection: str, kind: int, *told: Any) -> Effect:
    if kind == COMMIT:
        return unpack_commit(collection, *told)
    if kind == PUBLISHED:
        vector, time, update, *rest = told
        return Published(vector, time, _update(update), *rest)
    return Deleted(*told)


def _place(update: Update) -> object:
    match update:
        case bytes():
            return update
        case Pieces(id, numbers, length, checksum):
            return id, numbers, length, checksum
        case Stowed(id, number, length, checksum):
            return id, number, length, checksum


def _body(told: Any) -> Body:
    return told if isinstance(told, bytes) else Pieces(*told)


def _update(told: Any) -> Update:
    match told:
        case [_, int(), _, _]:
            return Stowed(*told)
        case _:
            return _body(told)
