"""What may enter a document: the rules that a struct has to keep beside its form.

Yjs takes what breaks them without a word, or fails; the native library behind pycrdt reads freed memory. No
client breaks them by editing.
"""

from __future__ import annotations

from typing import NoReturn

from protobase_live.errors import MalformedUpdate
from protobase_live.protocol.yjs.struct import (
    ARRAY_TYPE,
    BINARY,
    DELETED,
    DOCUMENT,
    EMBED,
    FORMAT,
    GC,
    KIND,
    TEXT,
    TYPE,
    VALUES,
    Id,
    Struct,
)
from protobase_live.protocol.yjs.structs.log import GONE, KEYED, KIND_MARK, Place
from protobase_live.protocol.yjs.structs.logs import Logs

KEYED_KINDS = frozenset({DELETED, BINARY, TYPE, VALUES, DOCUMENT})
"""What a map can hold under a key."""

TEXT_KINDS = frozenset({TEXT, EMBED, FORMAT})
"""What only texts hold."""

MAX_DEPTH = 500
"""Shared types inside one another: the native library recurses, and overflows its stack at some 10,000."""

NOWHERE = Place(GONE, 0)


def place_of(logs: Logs, client: int, struct: Struct) -> Place:
    """Where a struct belongs; NOWHERE if that was deleted, which makes garbage of it for everybody.

    Raises MalformedUpdate where it cannot be.
    """
    if struct.info == GC:
        return NOWHERE
    place, beside = _place(logs, client, struct)
    if place.parent == GONE or (place.parent >= 0 and logs.is_deleted(place.parent)):
        return NOWHERE
    _check_content(logs, client, struct, place, beside)
    return place


def _place(logs: Logs, client: int, struct: Struct) -> tuple[Place, int]:
    """The place, and the kind of a neighbour there (-1 without one)."""
    origin, right = struct.origin, struct.right
    beside = right if origin is None else origin
    if beside is None:
        return _place_in_parent(logs, client, struct), -1
    log = logs.by_client[beside[0]]
    number = log.find(beside[1])
    place = Place(log.parents[number], log.subs[number])
    if origin is not None and right is not None:
        other = logs.place(right)
        if other.parent == GONE:
            return NOWHERE, -1
        if place != other and place.parent != GONE:
            _refuse(client, struct, "has neighbours in different places")
        # In a sequence the undo manager of Yjs writes this (`redoItem`), where both neighbours of what it
        # brings back were brought back as one. Under a key the native library reads freed memory.
        if origin == right and place.sub:
            _refuse(client, struct, "has the same struct on both sides, and stands under a key")
    return place, log.marks[number] & KIND_MARK


def _place_in_parent(logs: Logs, client: int, struct: Struct) -> Place:
    sub = 0 if struct.sub is None else logs.key_number(struct.sub)
    if isinstance(struct.parent, str):
        return Place(logs.root_number(struct.parent), sub)
    assert struct.parent is not None, "a struct without neighbours has a parent"
    log, number = logs.look_up(struct.parent)
    kind = log.marks[number] & KIND_MARK
    if kind in (GC, DELETED):
        return NOWHERE
    if kind != TYPE:
        _refuse(client, struct, f"has a parent, {_name(struct.parent)}, that is no shared type")
    return Place(logs.type_number(struct.parent), sub)


def _check_content(logs: Logs, client: int, struct: Struct, place: Place, beside: int) -> None:
    kind = struct.info & KIND
    if kind == TYPE and logs.depth(place.parent, MAX_DEPTH) > MAX_DEPTH:
        _refuse(client, struct, f"is a shared type inside more than {MAX_DEPTH} others")
    if place.sub:
        if kind not in KEYED_KINDS:
            _refuse(client, struct, "is text or its format, and stands under a key")
        return
    # Beside something of a text more of it is right, and a root has no kind of its own.
    if kind not in TEXT_KINDS or beside in TEXT_KINDS or place.parent < 0:
        return
    log, number = logs.look_up(logs.type_id(place.parent))
    if log.type_reference(number) == ARRAY_TYPE:
        _refuse(client, struct, "is text or its format, and stands in an array")


def marks_of(struct: Struct, place: Place) -> int:
    """The marks that a struct has by itself."""
    return struct.info & KIND | (KEYED if place.sub else 0)


def _name(id: Id) -> str:
    return f"struct {id[1]} of client {id[0]}"


def _refuse(client: int, struct: Struct, reason: str) -> NoReturn:
    raise MalformedUpdate(f"{_name((client, struct.clock))} {reason}; no Yjs client writes that")
