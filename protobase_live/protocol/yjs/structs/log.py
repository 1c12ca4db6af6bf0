"""The structs of one client: their bytes one behind the other, as in an update, and an index of them."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from protobase_live.protocol.yjs.common_structs import ID, client_of, clock_of, read_common
from protobase_live.protocol.yjs.struct import DELETED, GC, TEXT, VALUES, Id, Struct
from protobase_live.protocol.yjs.structs.pieces import Splitter, text_of
from protobase_live.protocol.yjs.update_walker import Walker
from protobase_live.protocol.yjs.varint import prefixed, read_varuint, varuint

CHUNK_BYTES = 4096
"""Longest content of texts and values that were joined: finding a place in it takes reading it."""

KEYED, CHAINED, ASTRAL = 0x10, 0x20, 0x40
"""Marks of a struct beside its kind. KEYED: it stands under a key. CHAINED: its left neighbour is the struct
before it in the log, and both have the same right neighbour, so that the two can be one. ASTRAL: it is a text
with characters that take two UTF-16 units."""

KIND_MARK = 0x0F

_BEHIND = re.compile(rb"[\x80-\xff]" + ID, re.DOTALL)
"""A struct with a left neighbour."""

PAIR = re.compile(rb"[\xf0-\xf4]")
"""Begins a character in UTF-8 that takes two UTF-16 units."""

GONE = -(2**62)
"""The parent of what was garbage collected: nobody knows it any more."""


class Place(NamedTuple):
    """Where a struct is."""

    parent: int
    """The number of its parent: a root (negative), a shared type, or GONE (`Logs`)."""
    sub: int
    """The number of its key in the parent; 0 where that is a sequence (`Logs.key_number`)."""


class Mark(NamedTuple):
    """A log at some moment; what came later may have lengthened its last struct."""

    structs: int
    """How many there were."""
    end: int
    raw: bytes
    """The bytes of the last one, and below what the log knew of it."""
    contents: int
    marks: int
    right: Id | None


class Log:
    """One client's structs, from clock 0 without a gap. It holds less than 4 GiB: offsets have 32 bits."""

    __slots__ = (
        "client",
        "contents",
        "data",
        "end",
        "index",
        "marks",
        "offsets",
        "parents",
        "right",
        "starts",
        "subs",
    )

    def __init__(self, client: int, index: int) -> None:
        """`index` tells the log from those of the document's other clients."""
        self.client = client
        self.index = index
        self.end = 0
        """The next clock of the client."""
        self.data = bytearray()
        """The structs, encoded."""
        self.starts = array("I")
        """The first clock of each struct."""
        self.offsets = array("I")
        """Where each struct begins in `data`."""
        self.parents = array("q")
        self.subs = array("i")
        """The place of each struct, as `Place` has it."""
        self.marks = bytearray()
        """The kind and the marks of each struct."""
        self.contents = 0
        """Where the content of the last struct begins in `data`."""
        self.right: Id | None = None
        """The right neighbour of the last struct."""

    def __len__(self) -> int:
        return len(self.starts)

    def find(self, clock: int) -> int:
        """The number of the struct that has `clock`."""
        return bisect_right(self.starts, clock) - 1

    def place(self, number: int) -> Place:
        """Where a struct is."""
        return Place(self.parents[number], self.subs[number])

    def read(self, number: int) -> Struct:
        """A struct, read from its bytes. Its content is not looked at: it may be millions of values."""
        walker = Walker(self.data)
        walker.pos = self.offsets[number]
        end = self.offsets[number + 1] if number + 1 < len(self.offsets) else len(self.data)
        return walker.struct(self.client, self.starts[number], (self.length(number), end))

    def type_reference(self, number: int) -> int:
        """Which kind of shared type a struct brings, as Yjs numbers them."""
        common, _ = read_common(self.data, self.offsets[number], self.client, self.starts[number], 1)
        return self.data[(common[0] if common else self.read(number)).content]

    def origin(self, number: int) -> Id | None:
        """The left neighbour of a struct, if its numbers are not near their limits: read without the rest."""
        found = _BEHIND.match(self.data, self.offsets[number])
        return None if found is None else (client_of(bytes(found[1])), clock_of(found[2]))

    def splitter(self, number: int) -> Splitter:
        """What cuts pieces out of a struct while the log does not change."""
        return Splitter(self.data, self.client, self.read(number))

    def has_garbage(self, clock: int) -> bool:
        """Whether anything is garbage in the structs from the one that has `clock` on."""
        return self.marks.find(GC | CHAINED, self.find(clock)) >= 0  # as all garbage is marked

    def structs(self, clock: int) -> Iterator[Struct]:
        """The structs from the one that has `clock` on."""
        for number in range(self.find(clock), len(self.starts)):
            yield self.read(number)

    def append(
        self,
        raw: bytes,
        content: int,
        length: int,
        marks: int,
        place: tuple[int, int],
        right: Id | None = None,
    ) -> None:
        """Add a struct, as one with the last where the two can be one.

        `content` is where in `raw` its content begins, `right` its right neighbour. What Yjs splits when
        somebody writes in between is the same as what was never joined, so joining changes nothing for
        anybody (Yjs `Item.mergeWith`).
        """
        if self.marks and self._joins(marks, len(raw) - content):
            self._lengthen(raw[content:], length, marks)
            self.end += length
        else:
            self.append_unjoined(raw, content, length, marks, place, right)

    def append_unjoined(
        self, raw: bytes, content: int, length: int, marks: int, place: tuple[int, int], right: Id | None
    ) -> None:
        """`append` of what cannot be one with the last."""
        self.starts.append(self.end)
        self.offsets.append(len(self.data))
        self.parents.append(place[0])
        self.subs.append(place[1])
        self.marks.append(marks)
        self.contents = len(self.data) + content
        self.data += raw
        self.right = right
        self.end += length

    def extend_text(self, text: bytes, right: Id | None = None) -> bool:
        """Add ASCII that is typed behind the last struct, if that is a text with room and this neighbour."""
        if not self.marks or self.marks[-1] & KIND_MARK != TEXT or self.right != right:
            return False
        if not self._has_room(len(text) + 1):  # as `append` counts it, with the byte that says how long it is
            return False
        self._count(len(text))
        self.data += text
        self.end += len(text)
        return True

    def _joins(self, marks: int, size: int) -> bool:
        """Whether a struct can be one with the last: it follows it, and is of its kind."""
        last = self.marks[-1]
        if not marks & CHAINED or (marks ^ last) & (KIND_MARK | KEYED):
            return False
        kind = marks & KIND_MARK
        if kind in (GC, DELETED):
            return True
        return (kind == TEXT or (kind == VALUES and not marks & KEYED)) and self._has_room(size)

    def _has_room(self, size: int) -> bool:
        """Whether the last struct's content may grow by `size` bytes."""
        return len(self.data) - self.contents + size <= CHUNK_BYTES

    def _lengthen(self, content: bytes, length: int, marks: int) -> None:
        if marks & KIND_MARK in (GC, DELETED):
            del self.data[self.contents :]
            self.data += varuint(self.end + length - self.starts[-1])
            return
        more, at = (content[0], 1) if content[0] < 0x80 else read_varuint(content, 0)
        self._count(more)
        self.data += content[at:]
        self.marks[-1] |= marks & ASTRAL

    def _count(self, more: int) -> None:
        """Raise the number that the last struct's content begins with: bytes of a text, or values."""
        data, at = self.data, self.contents
        low, high = data[at], data[at + 1]
        if low >= 0x80 > high:  # two bytes, and two they stay: written in place, for this runs per keystroke
            size = (low & 0x7F | high << 7) + more
            data[at], data[at + 1] = size & 0x7F | 0x80, size >> 7
        else:
            size, behind = read_varuint(data, at)
            data[at:behind] = varuint(size + more)

    def become(self, other: Log) -> None:
        """Hold what `other` holds."""
        for name in self.__slots__:
            setattr(self, name, getattr(other, name))

    def mark(self) -> Mark:
        """What `restore` needs to take back everything that is appended from now on."""
        count = len(self.starts)
        raw = bytes(self.data[self.offsets[-1] :]) if count else b""
        return Mark(count, self.end, raw, self.contents, self.marks[-1] if count else 0, self.right)

    def restore(self, mark: Mark) -> None:
        """Be again as at `mark`."""
        count = mark.structs
        offset = self.offsets[count - 1] if count else 0
        del self.data[offset:]
        self.data += mark.raw
        del self.starts[count:], self.offsets[count:], self.parents[count:], self.subs[count:]
        del self.marks[count:]
        if count:
            self.marks[-1] = mark.marks
        self.end, self.contents, self.right = mark.end, mark.contents, mark.right

    def cut(self, clock: int) -> None:
        """Forget the clocks from `clock` on."""
        count = bisect_left(self.starts, clock)
        if not count:
            self.restore(Mark(0, 0, b"", 0, 0, None))
            return
        last = count - 1
        splitter = self.splitter(last)
        raw, struct = splitter.piece(self.starts[last], clock), splitter.struct
        self.restore(Mark(count, clock, raw, struct.content, self.marks[last], struct.right))

    def text(self, number: int) -> bytes:
        """The UTF-8 of a struct that is a text."""
        return text_of(self.data, self.read(number))

    def replace_texts(self, texts: Mapping[int, bytes]) -> None:
        """Put other texts of as many units in the place of some structs', given by their numbers."""
        data, offsets = bytearray(), self.offsets[: min(texts)]
        done = grown = 0
        for number in sorted(texts):
            struct = self.read(number)
            offsets.extend([offset + grown for offset in self.offsets[len(offsets) : number + 1]])
            data += self.data[done : struct.content] + prefixed(texts[number])
            done, grown = struct.end, len(data) - struct.end
        offsets.extend([offset + grown for offset in self.offsets[len(offsets) :]])
        data += self.data[done:]
        self.data, self.offsets = data, offsets
        self.contents = self.read(len(self) - 1).content

    def encode(self, start: int, end: int | None = None) -> tuple[int, bytes]:
        """The clocks from `start` up to `end` (or all): how many structs they are, and their bytes."""
        end = self.end if end is None else end
        first, last = self.find(start), self.find(end - 1)
        whole = slice(self.offsets[first], None if last == len(self) - 1 else self.offsets[last + 1])
        if self.starts[first] == start and self.end_of(last) == end:
            return last + 1 - first, bytes(self.data[whole])
        if first == last:
            return 1, self.splitter(first).piece(start, end)
        head = self.splitter(first).piece(start, self.end_of(first))
        tail = self.splitter(last).piece(self.starts[last], end)
        return last + 1 - first, head + bytes(self.data[self.offsets[first + 1] : self.offsets[last]]) + tail

    def size(self, start: int) -> int:
        """About how many bytes the clocks from `start` on take."""
        return len(self.data) - self.offsets[self.find(start)] if start < self.end else 0

    def end_within(self, start: int, limit: int) -> int:
        """The clock behind the structs from `start` on that take about `limit` bytes; at least one struct."""
        first = self.find(start)
        last = bisect_right(self.offsets, self.offsets[first] + limit) - 1
        return self.starts[last] if last > first else self.end_of(first)

    def length(self, number: int) -> int:
        """How many clocks a struct takes."""
        return self.end_of(number) - self.starts[number]

    def end_of(self, number: int) -> int:
        """The clock behind a struct."""
        return self.starts[number + 1] if number + 1 < len(self.starts) else self.end
