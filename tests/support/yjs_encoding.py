"""Yjs updates (encoding v1) put together by hand: whatever the format can say, possible or not.

    update([Block(7, 0, [item(values(1, 2), parent="list")])], {7: [(0, 1)]})

A struct knows how many clocks it takes, so that who makes them can count.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

from protobase_live.protocol.yjs.varint import prefixed, varuint

HAS_LEFT, HAS_RIGHT, HAS_KEY = 0x80, 0x40, 0x20
GC, SKIP = 0, 10


class Id(NamedTuple):
    """A clock of a client: the name of what it inserted there."""

    client: int
    clock: int


class Shared(IntEnum):
    """The numbers of shared types."""

    ARRAY, MAP, TEXT, XML_ELEMENT, XML_FRAGMENT, XML_HOOK, XML_TEXT = range(7)


class BigInt(NamedTuple):
    """A value that is a 64-bit integer of JavaScript."""

    value: int


class Undefined:
    """The value that JavaScript calls so."""


@dataclass(frozen=True, slots=True)
class Content:
    """What an item holds: its number in the format, its bytes, and how many clocks it takes."""

    ref: int
    body: bytes
    length: int = 1


@dataclass(frozen=True, slots=True)
class Struct:
    """One encoded struct, and how many clocks it takes."""

    body: bytes
    length: int


class Block(NamedTuple):
    """Structs of one client in a row."""

    client: int
    clock: int
    structs: Sequence[Struct]


Deletes = Mapping[int, Sequence[tuple[int, int]]]
"""For each client the ranges that are deleted: first clock and length."""


def string(text: str) -> bytes:
    """A string of the format."""
    return prefixed(text.encode())


# values


def value(of: Any) -> bytes:
    """One value as lib0's ``writeAny`` has it. Raises TypeError for what the format cannot say."""
    match of:
        case None:
            return b"\x7e"
        case True | False:
            return b"\x78" if of else b"\x79"
        case Undefined():
            return b"\x7f"
        case BigInt(number):
            return b"\x7a" + struct.pack(">q", number)
        case int():
            return b"\x7d" + _integer(of)
        case float():
            return b"\x7b" + struct.pack(">d", of)
        case str():
            return b"\x77" + string(of)
        case bytes():
            return b"\x74" + prefixed(of)
        case list():
            return b"\x75" + varuint(len(of)) + b"".join(map(value, of))
        case dict():
            entries = (string(key) + value(each) for key, each in of.items())
            return b"\x76" + varuint(len(of)) + b"".join(entries)
        case _:
            raise TypeError(f"a {type(of).__name__} is no value of the format")


def _integer(number: int) -> bytes:
    """A signed integer: six bits and its sign in the first byte, seven in each other."""
    rest = abs(number)
    first = rest & 0x3F | (0x40 if number < 0 else 0)
    rest >>= 6
    return bytes([first | 0x80]) + varuint(rest) if rest else bytes([first])


# contents


def deleted(length: int) -> Content:
    """Something of that length that is gone."""
    return Content(1, varuint(length), length)


def binary(data: bytes) -> Content:
    return Content(3, prefixed(data))


def text(characters: str) -> Content:
    """Text; it takes a clock for each 16-bit unit."""
    return Content(4, string(characters), len(characters.encode("utf-16-le")) // 2)


def embed(json: str) -> Content:
    return Content(5, string(json))


def mark(name: str, json: str) -> Content:
    """Where a format of a text begins or ends."""
    return Content(6, string(name) + string(json))


def shared(type: int, name: str = "p") -> Content:
    """A shared type; XML elements and hooks have a name."""
    named = type in (Shared.XML_ELEMENT, Shared.XML_HOOK)
    return Content(7, varuint(type) + (string(name) if named else b""))


def values(*of: Any) -> Content:
    """Plain values, a clock each."""
    return Content(8, varuint(len(of)) + b"".join(map(value, of)), len(of))


def document(guid: str, options: dict[str, Any]) -> Content:
    """A subdocument."""
    return Content(9, string(guid) + value(options))


# structs and updates


def item(
    content: Content,
    *,
    left: Id | None = None,
    right: Id | None = None,
    parent: str | Id | None = None,
    key: str | None = None,
) -> Struct:
    """An item. As in Yjs, parent and key are written only where there is no neighbour to have them from;
    the key's mark is written nevertheless."""
    info = content.ref | (HAS_LEFT if left else 0) | (HAS_RIGHT if right else 0)
    info |= HAS_KEY if key is not None else 0
    body = bytes([info])
    for neighbour in (left, right):
        if neighbour is not None:
            body += _id(neighbour)
    if left is None and right is None:
        body += b"\x01" + string(parent) if isinstance(parent, str) else b"\x00" + _id(parent or Id(0, 0))
        body += string(key) if key is not None else b""
    return Struct(body + content.body, content.length)


def gc(length: int) -> Struct:
    """What garbage collection leaves."""
    return Struct(bytes([GC]) + varuint(length), length)


def skip(length: int) -> Struct:
    """A hole in an update."""
    return Struct(bytes([SKIP]) + varuint(length), length)


def update(blocks: Iterable[Block], deletes: Deletes | None = None) -> bytes:
    """An update of these blocks, in their order, and deletions."""
    written = [
        varuint(len(structs)) + varuint(client) + varuint(clock) + b"".join(each.body for each in structs)
        for client, clock, structs in blocks
    ]
    ranges = [
        varuint(client) + varuint(len(of)) + b"".join(varuint(clock) + varuint(size) for clock, size in of)
        for client, of in (deletes or {}).items()
    ]
    return b"".join([varuint(len(written)), *written, varuint(len(ranges)), *ranges])


def sent(client: int, clock: int, *structs: Struct, deletes: Deletes | None = None) -> bytes:
    """An update of one client, from a clock on."""
    return update([Block(client, clock, structs)] if structs else [], deletes)


def _id(of: Id) -> bytes:
    return varuint(of.client) + varuint(of.clock)
