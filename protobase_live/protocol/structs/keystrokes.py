"""What an editor sends at a keystroke: one struct of one client, and at most one deleted range.

Regular expressions recognise the commonest shapes several times faster than the walker reads them. Whatever
they do not match, be it right or wrong, goes to the walker. These functions run for each update of each
client: they are written for speed.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from protobase_live.protocol.update_reader import PLAIN_VALUE, STRING
from protobase_live.protocol.update_walker import (
    TEXT,
    DeletedRange,
    Id,
    Struct,
    client_of,
    clock_of,
    name_of,
)

_CLIENT = rb"([\x80-\xff]{0,6}[\x00-\x7f])"
_CLOCK = rb"([\x80-\xff]{0,3}[\x00-\x7f])"
_HEAD = re.compile(
    rb"\x01\x01" + _CLIENT + _CLOCK + rb"(?:"
    rb"([\x84\x88\xa8])" + _CLIENT + _CLOCK + rb"|"  # a left neighbour
    rb"([\xc4\xc8\xe8])" + _CLIENT + _CLOCK + _CLIENT + _CLOCK + rb"|"  # two
    rb"([\x44\x48\x68])" + _CLIENT + _CLOCK + rb"|"  # a right one
    rb"([\x04\x08\x28])(?:\x00" + _CLIENT + _CLOCK + rb"|\x01))"  # a parent: a type or a root
)
_LEFT, _BOTH, _RIGHT, _PARENT = 3, 6, 11, 14
"""The groups of the first bytes of these shapes."""
_DELETE = re.compile(rb"\x01" + _CLIENT + rb"\x01" + _CLOCK + _CLOCK)


class Keystroke(NamedTuple):
    """One struct, and what it deletes."""

    client: int
    struct: Struct
    deletes: tuple[DeletedRange, ...]


def read_keystroke(update: bytes) -> Keystroke | None:
    """Read an update of one of the common shapes; None for all others."""
    head = _HEAD.match(update)
    if head is None:
        return None
    origin = right = parent = sub = None
    at = head.end()
    info = head[_LEFT]
    if info is not None:
        origin = client_of(head[4]), clock_of(head[5])
    elif (info := head[_BOTH]) is not None:
        origin = client_of(head[7]), clock_of(head[8])
        right = client_of(head[9]), clock_of(head[10])
    elif (info := head[_RIGHT]) is not None:
        right = client_of(head[12]), clock_of(head[13])
    else:
        info = head[_PARENT]
        parent, sub, at = _parent(update, info, at, head[15], head[16])
        if parent is None:
            return None
    length, end = _content(update, info[0] & 0x1F, at)
    deletes = _deletes(update, end)
    if not length or deletes is None:
        return None
    clock = clock_of(head[2])
    return Keystroke(
        client_of(head[1]),
        Struct(clock, length, info[0], origin, right, parent, sub, head.end(2), at, end),
        deletes,
    )


def _parent(
    update: bytes, info: bytes, at: int, client: bytes | None, clock: bytes | None
) -> tuple[Id | str | None, str | None, int]:
    """The parent, the key and the place behind them; no parent: it is another shape."""
    parent = sub = None
    if client is not None and clock is not None:
        parent = client_of(client), clock_of(clock)
    else:
        parent, at = _name(update, at)
    if info[0] & 0x20:
        sub, at = _name(update, at)
        if sub is None:
            parent = None
    return parent, sub, at


def _name(update: bytes, at: int) -> tuple[str | None, int]:
    """A short string and the place behind it; None for another."""
    size = update[at] if at < len(update) else 0x80
    if size >= 0x80 or at + size >= len(update):
        return None, at
    return name_of(update[at + 1 : at + 1 + size]), at + 1 + size


def _content(update: bytes, kind: int, at: int) -> tuple[int, int]:
    """How many clocks a short ASCII text or one plain value takes, and the place behind it; 0: it is none."""
    if kind != TEXT:
        plain = PLAIN_VALUE.match(update, at)
        if plain is not None:
            return 1, plain.end()
        if len(update) < at + 3 or update[at] != 1 or update[at + 1] != STRING:
            return 0, at
        at += 2
    size = update[at] if at < len(update) else 0x80
    end = at + 1 + size
    text = update[at + 1 : end]
    if size >= 0x80 or len(text) < size or not text.isascii():
        return 0, at
    return size if kind == TEXT else 1, end


def _deletes(update: bytes, at: int) -> tuple[DeletedRange, ...] | None:
    """A delete set of none or one range at the end of the update; None for another."""
    if update[at:] == b"\x00":
        return ()
    found = _DELETE.fullmatch(update, at)
    if found is None:
        return None
    start, length = clock_of(found[2]), clock_of(found[3])
    return (DeletedRange(client_of(found[1]), start, start + length),) if length else None
