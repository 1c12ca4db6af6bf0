"""One struct of a Yjs document: what an update is made of, and what a client's clocks number."""

from __future__ import annotations

from typing import NamedTuple

MAX_CLOCK = 2**31 - 1
"""Largest clock: the native document library computes with signed 32 bits."""

HAS_ORIGIN, HAS_RIGHT_ORIGIN, HAS_PARENT_SUB = 0x80, 0x40, 0x20
KIND = 0x1F
"""The bits of a struct's first byte that say what it is: one of the following."""
GC, DELETED, BINARY, TEXT, EMBED, FORMAT, TYPE, VALUES, DOCUMENT, SKIP = 0, 1, 3, 4, 5, 6, 7, 8, 9, 10
ARRAY_TYPE, XML_ELEMENT = 0, 3
TYPE_REFS = frozenset({0, 1, 2, XML_ELEMENT, 4, 6})
"""Array, map, text, XML element, XML fragment, XML text."""

INTEGER, STRING, MAP, ARRAY, BUFFER = 125, 119, 118, 117, 116
"""The tags of those values whose extent they do not tell by themselves (lib0 `readAny`)."""

FIXED = {127: 0, 126: 0, 121: 0, 120: 0, 124: 4, 123: 8, 122: 8}
"""Bytes after the tags of undefined, null, false, true, float32, float64 and 64-bit integer."""

Id = tuple[int, int]
"""Who made a struct, and the struct's first clock."""


class Struct(NamedTuple):
    """One struct of an update, and where its bytes are."""

    clock: int
    length: int
    """Clocks it takes."""
    info: int
    """Its first byte: what it is, and which of the following it names."""
    origin: Id | None
    right: Id | None
    parent: Id | str | None
    """A shared type's id or a root's name; None where a neighbour tells it."""
    sub: str | None
    """The key in a map, where no neighbour tells it."""
    start: int
    content: int
    """Where the content begins, behind the neighbours and the parent."""
    end: int
