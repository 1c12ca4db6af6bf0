"""The reader of Yjs updates (encoding v1): every struct, content and delete range, byte by byte.

A struct is told by where its bytes are: whoever keeps structs keeps those bytes as they came. Format:
Yjs `UpdateDecoderV1`, `readClientsStructRefs`, `readDeleteSet` and the `read*` functions of the content
classes; the binary JSON values are lib0's `readAny`.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple, NoReturn

from protobase_live.errors import MalformedUpdate
from protobase_live.protocol.common_structs import CLIENT, CLOCK, PLAIN, client_of, clock_of, read_common
from protobase_live.protocol.delete_set import DeleteSet
from protobase_live.protocol.json_text import parse_json
from protobase_live.protocol.ranges import Ranges
from protobase_live.protocol.struct import (
    ARRAY,
    BINARY,
    BUFFER,
    DELETED,
    DOCUMENT,
    EMBED,
    FIXED,
    FORMAT,
    GC,
    HAS_ORIGIN,
    HAS_PARENT_SUB,
    HAS_RIGHT_ORIGIN,
    INTEGER,
    KIND,
    MAP,
    MAX_CLOCK,
    SKIP,
    STRING,
    TEXT,
    TYPE,
    TYPE_REFS,
    VALUES,
    XML_ELEMENT,
    Id,
    Struct,
)
from protobase_live.protocol.varint import MAX_VARUINT, MAX_VARUINT_BYTES, read_varuints

MAX_STRUCTS = 1_000_000
"""Structs and delete ranges of one update; each takes some 200 bytes of memory in a document."""

MAX_NESTING = 100
"""Arrays and maps inside one another in one value; decoding recurses natively."""

STEP_STRUCTS = 500
"""Structs that are read without a pause; it takes some milliseconds."""


class DeletedRange(NamedTuple):
    """Clocks of one client that an update deletes: from `start` up to, not with, `end`."""

    client: int
    start: int
    end: int


class Walker:
    """Reads one update from front to back; raises `MalformedUpdate` at the first wrong byte."""

    def __init__(self, data: bytes | bytearray, max_structs: int = MAX_STRUCTS) -> None:
        self.data = data
        self.pos: int = 0
        self.budget = max_structs
        self.clients: dict[int, list[Struct]] = {}
        self.deletes: dict[int, Ranges] = {}

    def walk(self) -> None:
        """Read it all: `clients` has each client's structs in order, `deletes` its deleted clocks."""
        for _ in self.steps():
            pass

    def steps(self, known: DeleteSet | None = None) -> Iterator[None]:
        """Read it all, with pauses after some `STEP_STRUCTS` structs or delete ranges.

        What a client deletes is not read, and left out of `deletes`, if it is exactly what `known` has of it.
        """
        for _ in range(self.count("clients", 4)):
            yield from self.client_structs()
        yield from self.delete_set(known)
        if self.pos != len(self.data):
            self.fail(f"{len(self.data) - self.pos} bytes left over")

    def fail(self, reason: str) -> NoReturn:
        raise MalformedUpdate(f"{reason} at byte {self.pos}")

    # -- primitives

    def uint(self, limit: int = MAX_CLOCK) -> int:
        data, pos = self.data, self.pos
        value = shift = 0
        for byte in data[pos : pos + MAX_VARUINT_BYTES]:
            pos += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value > limit:
                    self.fail(f"integer {value} exceeds {limit}")
                self.pos = pos
                return value
            shift += 7
        return self.fail("integer is cut off or too long")

    def byte(self) -> int:
        if self.pos >= len(self.data):
            self.fail("data ends")
        self.pos += 1
        return self.data[self.pos - 1]

    def count(self, what: str, least: int) -> int:
        """A number of things that take at least `least` bytes each: they have to fit."""
        count = self.uint()
        if count * least > len(self.data) - self.pos:
            self.fail(f"{count} {what} cannot fit in the {len(self.data) - self.pos} bytes left")
        return count

    def take(self, size: int) -> bytes:
        end = self.pos + size
        if end > len(self.data):
            self.fail(f"{size} bytes wanted, {len(self.data) - self.pos} left")
        taken = bytes(self.data[self.pos : end])
        self.pos = end
        return taken

    def string(self) -> str:
        raw = self.take(self.uint())
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            self.pos -= len(raw) - error.start
            return self.fail("text is not UTF-8")

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
        clock, pause = self.uint(), STEP_STRUCTS
        while len(structs) < count:
            clock = self._some_structs(structs, client, clock, min(count, pause) - len(structs))
            if len(structs) == pause:
                pause += STEP_STRUCTS
                yield
        if structs[-1].info == SKIP:
            self.fail(f"structs of client {client} end with a gap")

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

    def struct(self, client: int, clock: int) -> Struct:
        """Read one struct at `clock`."""
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
        count = left = self.count("values", 1)
        while left >= RUN and (found := _PLAIN_RUN.match(self.data, self.pos)):
            self.pos = found.end()
            left -= RUN
        for _ in range(left):
            self.value(0)
        return count

    def document(self) -> int:
        self.string()
        if self.pos < len(self.data) and self.data[self.pos] != MAP:
            self.fail("options of a subdocument are not a map")
        self.value(0)
        return 1

    def value(self, depth: int) -> None:
        """One binary JSON value of lib0."""
        tag = self.byte()
        if tag in FIXED:
            self.take(FIXED[tag])
        elif tag == STRING:
            self.string()
        elif tag == INTEGER:
            self.integer()
        elif tag == BUFFER:
            self.take(self.uint())
        elif tag in (ARRAY, MAP):
            self.collection(tag, depth + 1)
        else:
            self.fail(f"value type {tag} is unknown")

    def integer(self) -> None:
        """A signed integer, six bits in its first byte; only its extent matters."""
        for _ in range(MAX_VARUINT_BYTES):
            if self.byte() < 0x80:
                return
        self.fail("integer is too long")

    def collection(self, tag: int, depth: int) -> None:
        if depth > MAX_NESTING:
            self.fail(f"value nested deeper than {MAX_NESTING}")
        for _ in range(self.count("entries", 2 if tag == MAP else 1)):
            if tag == MAP:
                self.string()
            self.value(depth)

    # -- deletes

    def delete_set(self, known: DeleteSet | None) -> Iterator[None]:
        if known is not None and known.ends(self.data, self.pos):
            self.pos = len(self.data)
            return
        seen: set[int] = set()
        for _ in range(self.count("clients with deletes", 4)):
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
            if some < FEW_RANGES or not self.plain_ranges(ranges, some):
                for _ in range(some):
                    self.delete_range(ranges)
            if some == STEP_STRUCTS:
                yield

    def plain_ranges(self, ranges: Ranges, count: int) -> bool:
        """Read some ranges at once; nothing is read if anything about them is unusual or wrong."""
        numbers, end = read_varuints(self.data, self.pos, 2 * count)
        if len(numbers) < 2 * count or _LONG_NUMBER.search(self.data, self.pos, end):
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

_ID = re.compile(CLIENT + CLOCK)
"""An id of which no number is near its limit, so that none of them has to be checked."""


_LONG_NUMBER = re.compile(rb"[\x80-\xff]{5}")
"""The beginning of an integer that takes more bytes than any clock does."""

FEW_RANGES = 8
"""Fewer delete ranges are read one by one, which is faster then."""

RUN = 64
_PLAIN_RUN = re.compile(PLAIN + rb"{64}", re.DOTALL)
"""`RUN` such values: a long array of numbers is read thirty times as fast so."""
