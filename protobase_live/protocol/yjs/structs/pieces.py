"""Pieces of a struct, written as Yjs writes them when it splits one (`Item.write` with an offset).

What is behind a split builds on what is before it: it names the clock before as its origin, keeps the right
neighbour, and needs no parent any more.
"""

from __future__ import annotations

from array import array

from protobase_live.protocol.yjs.struct import (
    DELETED,
    GC,
    HAS_ORIGIN,
    HAS_RIGHT_ORIGIN,
    KIND,
    TEXT,
    VALUES,
    Struct,
)
from protobase_live.protocol.yjs.structs import texts
from protobase_live.protocol.yjs.update_walker import Walker
from protobase_live.protocol.yjs.varint import prefixed, varuint

MARK_EVERY = 64
"""Of how many values of a struct the place of one is kept."""


class Splitter:
    """Cuts pieces out of one struct. Its content is read once, however many they are."""

    __slots__ = ("_client", "_data", "_text", "_values", "struct")

    def __init__(self, data: bytes | bytearray, client: int, struct: Struct) -> None:
        """`data` has the struct's bytes, and must not change meanwhile."""
        self.struct = struct
        self._data = data
        self._client = client
        self._text: texts.Units | None = None
        self._values: Values | None = None

    def piece(self, start: int, end: int) -> bytes:
        """The clocks from `start` up to `end`, as a struct."""
        struct = self.struct
        if start == struct.clock and end == struct.clock + struct.length:
            return bytes(self._data[struct.start : struct.end])
        if struct.info & KIND == GC:
            return b"\x00" + varuint(end - start)
        return self.head(start) + self._content(start - struct.clock, end - struct.clock)

    def deleted(self, start: int, end: int) -> bytes:
        """The clocks from `start` up to `end` without their content (Yjs `ContentDeleted`)."""
        kept = bytearray(self.head(start))
        kept[0] = kept[0] & ~KIND | DELETED
        return bytes(kept + varuint(end - start))

    def head(self, start: int) -> bytes:
        """What stands before the content of the piece that begins at `start`."""
        struct = self.struct
        if start == struct.clock:
            return bytes(self._data[struct.start : struct.content])
        written = bytes([struct.info | HAS_ORIGIN]) + varuint(self._client) + varuint(start - 1)
        if struct.info & HAS_RIGHT_ORIGIN and struct.right is not None:
            written += varuint(struct.right[0]) + varuint(struct.right[1])
        return written

    def _content(self, start: int, end: int) -> bytes:
        kind = self.struct.info & KIND
        if kind == TEXT:
            if self._text is None:
                self._text = texts.Units(text_of(self._data, self.struct))
            return prefixed(self._text.part(start, end))
        if kind == VALUES:
            if self._values is None:
                self._values = Values(self._data, self.struct)
            return varuint(end - start) + self._values.part(start, end)
        assert kind == DELETED, f"content {kind} takes one clock"
        return varuint(end - start)


def text_of(data: bytes | bytearray, struct: Struct) -> bytes:
    """The UTF-8 of a text."""
    walker = Walker(data)
    walker.pos = struct.content
    return walker.take(walker.uint())


class Values:
    """The values of one struct. Where every `MARK_EVERY`th begins is kept: there may be millions.

    The place that was looked for last is kept, too, so that one value after the other takes as long as all.
    """

    __slots__ = ("_data", "_end", "_last", "_length", "_marks")

    def __init__(self, data: bytes | bytearray, struct: Struct) -> None:
        walker = Walker(data)
        walker.pos = struct.content
        self._data = data
        self._length = walker.uint()
        self._end = struct.end
        self._marks = array("Q", [walker.pos])
        for _ in range(self._length // MARK_EVERY):
            walker.skip_values(MARK_EVERY)
            self._marks.append(walker.pos)
        self._last = 0, self._marks[0]

    def part(self, start: int, end: int) -> bytes:
        """The values from number `start` up to `end`, as they are encoded."""
        return bytes(self._data[self._place(start) : self._place(end)])

    def _place(self, number: int) -> int:
        if number == self._length:
            return self._end
        marked = number // MARK_EVERY
        before, walker = self._last[0], Walker(self._data)
        if marked * MARK_EVERY <= before <= number:
            walker.pos = self._last[1]
        else:
            before, walker.pos = marked * MARK_EVERY, self._marks[marked]
        walker.skip_values(number - before)
        self._last = number, walker.pos
        return walker.pos
