"""What an editor sends at a keystroke: one struct of one client, one deleted range, or both.

Regular expressions recognise the commonest shapes several times faster than the walker reads them. Whatever
they do not match, be it right or wrong, goes to the walker.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from protobase_live.protocol.update_walker import (
    DeletedRange,
    Id,
    Struct,
    Walker,
    client_of,
    clock_of,
    name_of,
)

_CLIENT = rb"([\x80-\xff]{0,6}[\x00-\x7f])"
_CLOCK = rb"([\x80-\xff]{0,3}[\x00-\x7f])"
_HEAD = re.compile(
    rb"\x01\x01" + _CLIENT + _CLOCK + rb"(?:"
    rb"([\xc4\xc8\xe8])" + _CLIENT + _CLOCK + _CLIENT + _CLOCK + rb"|"  # two neighbours
    rb"([\x84\x88\xa8\x44\x48\x68])" + _CLIENT + _CLOCK + rb"|"  # one
    rb"([\x04\x08\x28])(?:\x00" + _CLIENT + _CLOCK + rb"|\x01))"  # a parent: a type or a root
)
_DELETE = re.compile(rb"\x01" + _CLIENT + rb"\x01" + _CLOCK + _CLOCK)
_NOTHING = b"\x00"


class Keystroke(NamedTuple):
    """One struct, and what it deletes."""

    client: int
    struct: Struct
    deletes: list[DeletedRange]


def read_keystroke(update: bytes) -> Keystroke | None:
    """Read an update of one of the common shapes; None for all others."""
    head = _HEAD.match(update)
    if head is None:
        return None
    client, clock = client_of(head[1]), clock_of(head[2])
    origin = right = parent = sub = None
    at = head.end()
    if head[3] is not None:
        info = head[3][0]
        origin, right = _id(head[4], head[5]), _id(head[6], head[7])
    elif head[8] is not None:
        info = head[8][0]
        if info & 0x80:
            origin = _id(head[9], head[10])
        else:
            right = _id(head[9], head[10])
    else:
        info = head[11][0]
        if head[12] is not None:
            parent = _id(head[12], head[13])
        else:
            parent, at = _name(update, at)
        if info & 0x20:
            sub, at = _name(update, at)
            if sub is None:
                return None
        if parent is None:
            return None
    walker = Walker(update)
    walker.pos = at
    length = walker.simple(info)
    deletes = _deletes(update, walker.pos)
    if not length or deletes is None or not _older(client, clock, origin, right, parent):
        return None
    struct = Struct(clock, length, info, origin, right, parent, sub, head.end(2), at, walker.pos)
    return Keystroke(client, struct, deletes)


def _id(client: bytes, clock: bytes) -> Id:
    return client_of(client), clock_of(clock)


def _older(client: int, clock: int, *others: Id | str | None) -> bool:
    """Whether a struct builds on nothing later of its own client."""
    return all(not isinstance(other, tuple) or other[0] != client or other[1] < clock for other in others)


def _name(update: bytes, at: int) -> tuple[str | None, int]:
    """A short string and the place behind it; None for another."""
    size = update[at] if at < len(update) else 0x80
    if size >= 0x80 or at + size >= len(update):
        return None, at
    return name_of(update[at + 1 : at + 1 + size]), at + 1 + size


def _deletes(update: bytes, at: int) -> list[DeletedRange] | None:
    """A delete set of none or one range at the end of the update; None for another."""
    tail = update[at:]
    if tail == _NOTHING:
        return []
    found = _DELETE.fullmatch(tail)
    if found is None:
        return None
    start, length = clock_of(found[2]), clock_of(found[3])
    return [DeletedRange(client_of(found[1]), start, start + length)] if length else None
