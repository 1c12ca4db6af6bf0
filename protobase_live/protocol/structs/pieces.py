"""Pieces of a struct, written as Yjs writes them when it splits one (`Item.write` with an offset).

What is behind a split builds on what is before it: it names the clock before as its origin, keeps the right
neighbour, and needs no parent any more.
"""

from __future__ import annotations

from protobase_live.protocol.structs import texts
from protobase_live.protocol.update_walker import (
    DELETED,
    GC,
    HAS_ORIGIN,
    HAS_RIGHT_ORIGIN,
    KIND,
    TEXT,
    VALUES,
    Struct,
    Walker,
)
from protobase_live.protocol.varint import prefixed, varuint


def piece(data: bytes | bytearray, client: int, struct: Struct, start: int, end: int) -> bytes:
    """The clocks from `start` up to `end` of a struct whose bytes are in `data`, as a struct."""
    if start == struct.clock and end == struct.clock + struct.length:
        return bytes(data[struct.start : struct.end])
    if struct.info & KIND == GC:
        return b"\x00" + varuint(end - start)
    return head(data, client, struct, start) + _content(
        data, struct, start - struct.clock, end - struct.clock
    )


def deleted(data: bytes | bytearray, client: int, struct: Struct, start: int, end: int) -> bytes:
    """The clocks from `start` up to `end` of a struct whose content is let go of (Yjs `ContentDeleted`)."""
    kept = bytearray(head(data, client, struct, start))
    kept[0] = kept[0] & ~KIND | DELETED
    return bytes(kept + varuint(end - start))


def head(data: bytes | bytearray, client: int, struct: Struct, start: int) -> bytes:
    """What stands before the content of the piece that begins at `start`."""
    if start == struct.clock:
        return bytes(data[struct.start : struct.content])
    written = bytes([struct.info | HAS_ORIGIN]) + varuint(client) + varuint(start - 1)
    if struct.info & HAS_RIGHT_ORIGIN and struct.right is not None:
        written += varuint(struct.right[0]) + varuint(struct.right[1])
    return written


def text_of(data: bytes | bytearray, struct: Struct) -> bytes:
    """The UTF-8 of a text."""
    walker = Walker(data)
    walker.pos = struct.content
    return walker.take(walker.uint())


def values_of(data: bytes | bytearray, struct: Struct) -> list[bytes]:
    """The values, each as it is encoded."""
    walker = Walker(data)
    walker.pos = struct.content
    found: list[bytes] = []
    for _ in range(walker.uint()):
        begin = walker.pos
        walker.value(0)
        found.append(bytes(data[begin : walker.pos]))
    return found


def _content(data: bytes | bytearray, struct: Struct, start: int, end: int) -> bytes:
    kind = struct.info & KIND
    if kind == TEXT:
        return prefixed(texts.part(text_of(data, struct), start, end))
    if kind == VALUES:
        kept = values_of(data, struct)[start:end]
        return varuint(len(kept)) + b"".join(kept)
    assert kind == DELETED, f"content {kind} takes one clock"
    return varuint(end - start)
