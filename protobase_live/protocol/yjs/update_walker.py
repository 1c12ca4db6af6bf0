"""The reader of Yjs updates (encoding v1): every struct, content and delete range, byte by byte.

A struct is told by where its bytes are: whoever keeps structs keeps those bytes as they came. Format:
Yjs `UpdateDecoderV1`, `readClientsStructRefs`, `readDeleteSet` and the `read*` functions of the content
classes; the binary JSON values are lib0's `readAny` (see `update_reader`).
"""

import re
from collections.abc import Callable, Generator, Iterator
from typing import NamedTuple

from protobase_live.protocol.yjs.common_structs import ID, client_of, clock_of, read_common
from protobase_live.protocol.yjs.delete_set import DeleteSet
from protobase_live.protocol.yjs.json_text import parse_json
from protobase_live.protocol.yjs.ranges import FEW_RANGES, Ranges
from protobase_live.protocol.yjs.struct import (
    ARRAY,
    BINARY,
    DELETED,
    DOCUMENT,
    EMBED,
    FORMAT,
    GC,
    HAS_ORIGIN,
    HAS_PARENT_SUB,
    HAS_RIGHT_ORIGIN,
    KIND,
    MAP,
    MAX_CLOCK,
    SKIP,
    TEXT,
    TYPE,
    TYPE_REFS,
    VALUES,
    XML_ELEMENT,
    Id,
    Struct,
)
from protobase_live.protocol.yjs.update_reader import STEP_BYTES, Reader
from protobase_live.protocol.yjs.varint import MAX_VARUINT, read_varuints

MAX_STRUCTS = 1_000_000
"""Structs and delete ranges of one update; each takes some 200 bytes of memory in a document."""

STEP_STRUCTS = 500
"""Structs that are read without a pause; it takes some milliseconds."""


class DeletedRange(NamedTuple):
    """Clocks of one client that an update deletes: from `start` up to, not with, `end`."""

    client: int
    start: int
    end: int


class Walker(Reader):
    """Reads one update from front to back; raises `MalformedUpdate` at the first wrong byte."""

    def __init__(self, data: bytes | bytearray, max_structs: int = MAX_STRUCTS) -> None:
        super().__init__(data)
        self.budget = max_structs
        self.clients: dict[int, list[Struct]] = {}
        self.deletes: dict[int, Ranges] = {}

    def walk(self) -> None:
        """Read it all: `clients` has each client's structs in order, `deletes` its deleted clocks."""
        for _ in self.steps():
            pass

    def steps(self, known: DeleteSet | None = None) -> Generator[None, None, None]:
        """Read it all, with pauses after some `STEP_STRUCTS` structs or delete ranges, or `STEP_BYTES`.

        Where nothing is `unread`, whoever reads may take structs out of `clients` in a pause. What a client
        deletes is not read, and left out of `deletes`, if it is exactly what `known` has of it.
        """
        for _ in range(self.count("clients", 4)):
            yield from self.client_structs()
        yield from self.delete_set(known)
        if self.pos != len(self.data):
            self.fail(f"{len(self.data) - self.pos} bytes left over")

    def json(self) -> None:
        text = self.string()
        try:
            parse_json(text)
        except ValueError as error:
            self.fail(f"embedded JSON refused ({error})")

    def spend(self, structs: int) -> None:
        self.budget -= structs
        if self.budget < 0:
            self.fail("more structs than allowed")

    # -- structs

    def client_structs(self) -> Iterator[None]:
        count = self.count("structs", 2)
        self.spend(count)
        client = self.uint(MAX_VARUINT)
        if client in self.clients:
            self.fail(f"client {client} appears twice")
        if not count:
            self.fail(f"client {client} has no structs")
        structs = self.clients[client] = []
        clock, left, pause = self.uint(), count, count - STEP_STRUCTS
        while left:
            before = len(structs)
            clock = self._some_structs(structs, client, clock, min(left, left - pause))
            left -= len(structs) - before
            if self.unread:
                yield from self.rest_of_values()
                structs[-1] = structs[-1]._replace(end=self.pos)
            if not left and structs[-1].info == SKIP:
                self.fail(f"structs of client {client} end with a gap")
            if left <= pause or self.pos >= self.pause:
                pause, self.pause = left - STEP_STRUCTS, self.pos + STEP_BYTES
                yield

    def _some_structs(self, structs: list[Struct], client: int, clock: int, most: int) -> int:
        """Read up to `most` structs, common ones and the one behind these; answers with the clock after."""
        assert isinstance(self.data, bytes), "only an update has clients"
        common, self.pos = read_common(self.data, self.pos, client, clock, most)
        structs += common
        if common:
            clock = common[-1].clock + common[-1].length
        if len(common) < most:
            structs.append(self.struct(client, clock))
            clock += structs[-1].length
        return clock

    def struct(self, client: int, clock: int, extent: tuple[int, int] | None = None) -> Struct:
        """Read one struct at `clock`. Of long values there may be more than was read: see `unread`.

        `extent` has how many clocks it takes and where it ends. With it, the content is not read.
        """
        start = self.pos
        info = self.byte()
        origin = right = parent = sub = None
        if info in (GC, SKIP):
            content = self.pos
            length = self.uint()
        else:
            if info & HAS_ORIGIN:
                origin = self.id(client, clock)
            if info & HAS_RIGHT_ORIGIN:
                right = self.id(client, clock)
            if origin is None and right is None:
                parent, sub = self.parent(info, client, clock)
            content = self.pos
            if extent is not None:
                length, end = extent
                return Struct(clock, length, info, origin, right, parent, sub, start, content, end)
            length = self.content(info)
        if not 0 < length <= MAX_CLOCK - clock:
            self.fail(f"clock {clock + length} exceeds {MAX_CLOCK}" if length else "struct of length 0")
        return Struct(clock, length, info, origin, right, parent, sub, start, content, self.pos)

    def parent(self, info: int, client: int, clock: int) -> tuple[Id | str, str | None]:
        """The parent of a struct without neighbours, and its key there if it has one."""
        named = self.uint()
        if named > 1:
            self.fail(f"parent kind {named} is neither a name (1) nor an id (0)")
        parent = self.string() if named else self.id(client, clock)
        return parent, self.string() if info & HAS_PARENT_SUB else None

    def id(self, client: int, clock: int) -> Id:
        """The id of a neighbour or parent, which has to be there before the struct itself."""
        found = _ID.match(self.data, self.pos)
        if found is None:
            other, other_clock = self.uint(MAX_VARUINT), self.uint()
        else:
            other, other_clock = client_of(found[1]), clock_of(found[2])
            self.pos = found.end()
        if other == client and other_clock >= clock:
            self.fail(f"struct {clock} of client {client} builds on the later {other_clock}")
        return other, other_clock

    # -- contents: each returns the clocks it takes

    def content(self, info: int) -> int:
        read = CONTENTS.get(info & KIND)
        if read is None:
            self.fail(f"content type {info & KIND} is not supported")
        return read(self)

    def deleted(self) -> int:
        return self.uint()

    def binary(self) -> int:
        self.take(self.uint())
        return 1

    def text(self) -> int:
        text = self.string()
        return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2

    def embed(self) -> int:
        self.json()
        return 1

    def format(self) -> int:
        self.string()
        self.json()
        return 1

    def type(self) -> int:
        ref = self.byte()
        if ref not in TYPE_REFS:
            self.fail(f"shared type {ref} is not supported")
        if ref == XML_ELEMENT:
            self.string()
        return 1

    def values(self) -> int:
        count = self.count("values", 1)
        self.unread.append([ARRAY, count])
        self.read_values(self.pause)
        return count

    def document(self) -> int:
        self.string()
        if self.pos < len(self.data) and self.data[self.pos] != MAP:
            self.fail("options of a subdocument are not a map")
        self.unread.append([ARRAY, 1])
        self.read_values(self.pause)
        return 1

    # -- deletes

    def delete_set(self, known: DeleteSet | None) -> Iterator[None]:
        if known is not None and known.ends(self.data, self.pos):
            self.pos = len(self.data)
            return
        seen: set[int] = set()
        for number in range(self.count("clients with deletes", 4)):
            if number % STEP_STRUCTS == STEP_STRUCTS - 1:
                yield
            client = self.uint(MAX_VARUINT)
            if client in seen:
                self.fail(f"client {client} appears twice in the delete set")
            seen.add(client)
            size = known.size_at(client, self.data, self.pos) if known is not None else 0
            self.pos += size
            if not size:
                yield from self.delete_ranges(client)

    def delete_ranges(self, client: int) -> Iterator[None]:
        count = self.count("delete ranges", 2)
        self.spend(count)
        if not count:
            self.fail("client without delete ranges")
        ranges = self.deletes[client] = Ranges()
        for read in range(0, count, STEP_STRUCTS):
            some = min(STEP_STRUCTS, count - read)
            if some <= FEW_RANGES or not self.plain_ranges(ranges, some):
                for _ in range(some):
                    self.delete_range(ranges)
            if some == STEP_STRUCTS:
                yield

    def plain_ranges(self, ranges: Ranges, count: int) -> bool:
        """Read some ranges at once; nothing is read if anything about them is unusual or wrong."""
        numbers, end = read_varuints(self.data, self.pos, 2 * count)
        if len(numbers) < 2 * count or LONG_NUMBER.search(self.data, self.pos, end):
            return False
        if not ranges.extend(numbers[::2], numbers[1::2], MAX_CLOCK):
            return False
        self.pos = end
        return True

    def delete_range(self, ranges: Ranges) -> None:
        clock, length = self.uint(), self.uint()
        if not length or (ranges.ends and clock < ranges.ends[-1]):
            self.fail("delete range is empty or out of order")
        if clock + length > MAX_CLOCK:
            self.fail(f"clock {clock + length} exceeds {MAX_CLOCK}")
        ranges.add(clock, clock + length)


CONTENTS: dict[int, Callable[[Walker], int]] = {
    DELETED: Walker.deleted,
    BINARY: Walker.binary,
    TEXT: Walker.text,
    EMBED: Walker.embed,
    FORMAT: Walker.format,
    TYPE: Walker.type,
    VALUES: Walker.values,
    DOCUMENT: Walker.document,
}

_ID = re.compile(ID)

LONG_NUMBER = re.compile(rb"[\x80-\xff]{5}")
"""The beginning of an integer that takes more bytes than any clock does."""
