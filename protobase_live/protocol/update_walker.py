"""The general reader of Yjs updates: every struct, content and delete range, byte by byte."""

from collections.abc import Callable
from typing import NoReturn

from protobase_live.errors import MalformedUpdate
from protobase_live.protocol.json_text import parse_json
from protobase_live.protocol.varint import MAX_VARUINT, MAX_VARUINT_BYTES

MAX_CLOCK = 2**31 - 1
"""Largest clock: the native document library computes with signed 32 bits."""

MAX_STRUCTS = 1_000_000
"""Structs and delete ranges of one update; each takes some 200 bytes of memory in a document."""

MAX_NESTING = 100
"""Arrays and maps inside one another in one value; decoding recurses natively."""

HAS_ORIGIN, HAS_RIGHT_ORIGIN, HAS_PARENT_SUB = 0x80, 0x40, 0x20
GC, SKIP = 0, 10
XML_ELEMENT = 3
TYPE_REFS = frozenset({0, 1, 2, XML_ELEMENT, 4, 6})
"""Array, map, text, XML element, XML fragment, XML text."""

INTEGER, STRING, MAP, ARRAY, BUFFER = 125, 119, 118, 117, 116
FIXED = {127: 0, 126: 0, 121: 0, 120: 0, 124: 4, 123: 8, 122: 8}
"""Bytes after the tags of undefined, null, false, true, float32, float64 and 64-bit integer."""


class Walker:
    """Reads one update from front to back; raises `MalformedUpdate` at the first wrong byte."""

    def __init__(self, data: bytes, max_structs: int) -> None:
        self.data = data
        self.pos = 0
        self.budget = max_structs
        self.runs: list[tuple[int, int, int]] = []
        self.starts: dict[int, tuple[int, int]] = {}
        self.needs: dict[int, int] = {}

    def walk(self) -> None:
        """Read it all; fills the attributes below.

        `runs`: client, first clock and end clock of structs in a row; `starts`: for each client
        first and end clock of its last run; `needs`: the end of what is referred to, by client.
        """
        for _ in range(self.count("clients", 4)):
            self.client_structs()
        self.delete_set()
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
        taken = self.data[self.pos : end]
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

    def client_structs(self) -> None:
        count = self.count("structs", 2)
        self.spend(count)
        client = self.uint(MAX_VARUINT)
        if client in self.starts:
            self.fail(f"client {client} appears twice")
        if not count:
            self.fail(f"client {client} has no structs")
        start = clock = self.uint()
        for _ in range(count):
            skipped = self.pos < len(self.data) and self.data[self.pos] == SKIP
            if skipped and start < clock:
                self.runs.append((client, start, clock))
            clock = self.struct(client, clock)
            if skipped:
                start = clock
        if start == clock:
            self.fail(f"structs of client {client} end with a gap")
        self.runs.append((client, start, clock))
        self.starts[client] = start, clock

    def struct(self, client: int, clock: int) -> int:
        """Read one struct at `clock` and return the clock after it."""
        info = self.byte()
        if info in (GC, SKIP):
            length = self.uint()
        else:
            self.relations(info, client, clock)
            length = self.content(info)
        if not length:
            self.fail("struct of length 0")
        if clock + length > MAX_CLOCK:
            self.fail(f"clock {clock + length} exceeds {MAX_CLOCK}")
        return clock + length

    def relations(self, info: int, client: int, clock: int) -> None:
        if info & HAS_ORIGIN:
            self.relative(client, clock)
        if info & HAS_RIGHT_ORIGIN:
            self.relative(client, clock)
        if info & (HAS_ORIGIN | HAS_RIGHT_ORIGIN):
            return
        named = self.uint()
        if named > 1:
            self.fail(f"parent kind {named} is neither a name (1) nor an id (0)")
        if named:
            self.string()
        else:
            self.relative(client, clock)
        if info & HAS_PARENT_SUB:
            self.string()

    def relative(self, client: int, clock: int) -> None:
        """The id of a neighbour or parent, which has to be there before the struct itself."""
        other, other_clock = self.uint(MAX_VARUINT), self.uint()
        if other == client and other_clock >= clock:
            self.fail(f"struct {clock} of client {client} builds on the later {other_clock}")
        self.need(other, other_clock + 1)

    def need(self, client: int, clock: int) -> None:
        if self.needs.get(client, 0) < clock:
            self.needs[client] = clock

    # -- contents: each returns the clocks it takes

    def content(self, info: int) -> int:
        read = CONTENTS.get(info & 0x1F)
        if read is None:
            self.fail(f"content type {info & 0x1F} is not supported")
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
        for _ in range(count):
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

    def delete_set(self) -> None:
        seen: set[int] = set()
        for _ in range(self.count("clients with deletes", 4)):
            client = self.uint(MAX_VARUINT)
            if client in seen:
                self.fail(f"client {client} appears twice in the delete set")
            seen.add(client)
            self.need(client, self.delete_ranges())

    def delete_ranges(self) -> int:
        count = self.count("delete ranges", 2)
        self.spend(count)
        if not count:
            self.fail("client without delete ranges")
        end = 0
        for _ in range(count):
            clock, length = self.uint(), self.uint()
            if clock < end or not length:
                self.fail("delete range is empty or out of order")
            end = clock + length
            if end > MAX_CLOCK:
                self.fail(f"clock {end} exceeds {MAX_CLOCK}")
        return end


CONTENTS: dict[int, Callable[[Walker], int]] = {
    1: Walker.deleted,
    3: Walker.binary,
    4: Walker.text,
    5: Walker.embed,
    6: Walker.format,
    7: Walker.type,
    8: Walker.values,
    9: Walker.document,
}
