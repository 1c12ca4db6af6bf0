"""The reader of Yjs updates (encoding v1): every struct, content and delete range, byte by byte.

A struct is told by where its bytes are: whoever keeps structs keeps those bytes as they came. Format:
Yjs `UpdateDecoderV1`, `readClientsStructRefs`, `readDeleteSet` and the `read*` functions of the content
classes; the binary JSON values are lib0's `readAny` (see `update_reader`).
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

from protobase_live.protocol.json_text import parse_json
from protobase_live.protocol.update_reader import (
    ARRAY,
    MAP,
    MAX_CLOCK,
    PLAIN_VALUE,
    STEP_BYTES,
    STRING,
    Reader,
)
from protobase_live.protocol.varint import MAX_VARUINT, read_varuint

MAX_STRUCTS = 1_000_000
"""Structs and delete ranges of one update; each takes some 200 bytes of memory in a document."""

HAS_ORIGIN, HAS_RIGHT_ORIGIN, HAS_PARENT_SUB = 0x80, 0x40, 0x20
KIND = 0x1F
"""The bits of a struct's first byte that say what it is: one of the following."""
GC, DELETED, BINARY, TEXT, EMBED, FORMAT, TYPE, VALUES, DOCUMENT, SKIP = 0, 1, 3, 4, 5, 6, 7, 8, 9, 10
ARRAY_TYPE, XML_ELEMENT = 0, 3
TYPE_REFS = frozenset({0, 1, 2, XML_ELEMENT, 4, 6})
"""Array, map, text, XML element, XML fragment, XML text."""

STEP_STRUCTS = 500
"""Structs that are read without a pause; it takes some milliseconds."""


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
        self.deletes: list[DeletedRange] = []

    def walk(self) -> None:
        """Read it all: `clients` has the structs of each client in order, `deletes` what is deleted."""
        for _ in self.steps():
            pass

    def steps(self) -> Iterator[None]:
        """Read it all, with pauses after some `STEP_STRUCTS` structs or delete ranges, or `STEP_BYTES`."""
        for _ in range(self.count("clients", 4)):
            yield from self.client_structs()
        yield from self.delete_set()
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
        clock = self.uint()
        for number in range(count):
            struct = self.struct(client, clock)
            if self.unread:
                yield from self.rest_of_values()
                struct = struct._replace(end=self.pos)
            structs.append(struct)
            clock += struct.length
            if number % STEP_STRUCTS == STEP_STRUCTS - 1 or self.pos >= self.pause:
                self.pause = self.pos + STEP_BYTES
                yield
        if structs[-1].info == SKIP:
            self.fail(f"structs of client {client} end with a gap")

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
            length = self.simple(info) or self.content(info)
        if not 0 < length <= MAX_CLOCK - clock:
            self.fail(f"clock {clock + length} exceeds {MAX_CLOCK}" if length else "struct of length 0")
        return Struct(clock, length, info, origin, right, parent, sub, start, content, self.pos)

    def parent(self, info: int, client: int, clock: int) -> tuple[Id | str, str | None]:
        """The parent of a struct without neighbours, and its key there if it has one."""
        named = self.uint()
        if named > 1:
            self.fail(f"parent kind {named} is neither a name (1) nor an id (0)")
        parent = self.name() if named else self.id(client, clock)
        return parent, self.name() if info & HAS_PARENT_SUB else None

    def name(self) -> str:
        """A string that comes again and again: there is one object of it."""
        at = self.pos
        size = self.data[at] if at < len(self.data) else 0x80
        if size >= 0x80 or at + size >= len(self.data):
            return self.string()
        found = name_of(bytes(self.data[at + 1 : at + 1 + size]))
        if found is None:
            return self.string()
        self.pos = at + 1 + size
        return found

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

    def simple(self, info: int) -> int:
        """Read one of the commonest contents at once: short ASCII, or one plain value. 0: it is another."""
        kind, at = info & KIND, self.pos
        if kind == VALUES:
            found = PLAIN_VALUE.match(self.data, at)
            if found is not None:
                self.pos = found.end()
                return 1
            if self.data[at : at + 2] != _ONE_STRING:
                return 0
            at += 2
        elif kind != TEXT:
            return 0
        size = self.data[at] if at < len(self.data) else 0x80
        text = self.data[at + 1 : at + 1 + size]
        if size >= 0x80 or len(text) < size or not text.isascii():
            return 0
        self.pos = at + 1 + size
        return size if kind == TEXT else 1

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

    def delete_set(self) -> Iterator[None]:
        seen: set[int] = set()
        for _ in range(self.count("clients with deletes", 4)):
            client = self.uint(MAX_VARUINT)
            if client in seen:
                self.fail(f"client {client} appears twice in the delete set")
            seen.add(client)
            yield from self.delete_ranges(client)

    def delete_ranges(self, client: int) -> Iterator[None]:
        count = self.count("delete ranges", 2)
        self.spend(count)
        if not count:
            self.fail("client without delete ranges")
        end = 0
        for number in range(count):
            clock, length = self.uint(), self.uint()
            if clock < end or not length:
                self.fail("delete range is empty or out of order")
            end = clock + length
            if end > MAX_CLOCK:
                self.fail(f"clock {end} exceeds {MAX_CLOCK}")
            self.deletes.append(DeletedRange(client, clock, end))
            if number % STEP_STRUCTS == STEP_STRUCTS - 1:
                yield


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

_ID = re.compile(rb"([\x80-\xff]{0,6}[\x00-\x7f])([\x80-\xff]{0,3}[\x00-\x7f])")
"""An id of which no number is near its limit, so that none of them has to be checked."""


_ONE_STRING = bytes([1, STRING])


@lru_cache(maxsize=4096)
def client_of(raw: bytes) -> int:
    """Decode a client id."""
    return read_varuint(raw, 0)[0]


@lru_cache(maxsize=4096)
def name_of(raw: bytes) -> str | None:
    """Decode a short string; None if it is not UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def clock_of(raw: bytes) -> int:
    """Decode an integer of up to four bytes."""
    packed = int.from_bytes(raw, "little")
    if packed < 0x80:
        return packed
    return packed & 0x7F | packed >> 1 & 0x3F80 | packed >> 2 & 0x1FC000 | packed >> 3 & 0xFE00000
