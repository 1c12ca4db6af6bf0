"""The reader below that of updates: numbers, strings, and the binary JSON values of lib0 (`readAny`)."""

import re
from collections.abc import Iterator
from typing import NoReturn

from protobase_live.errors import MalformedUpdate
from protobase_live.protocol.yjs.common_structs import PLAIN
from protobase_live.protocol.yjs.struct import ARRAY, BUFFER, FIXED, INTEGER, MAP, MAX_CLOCK, STRING
from protobase_live.protocol.yjs.varint import MAX_VARUINT_BYTES

MAX_NESTING = 100
"""Arrays and maps inside one another in one value; decoding recurses natively."""

STEP_BYTES = 32 * 1024
"""Bytes that are read without a pause, and one text or embedded JSON more; values take the longest: one of
them may be a byte, and takes up to half a microsecond."""

RUN = 64
_PLAIN_RUN = re.compile(PLAIN + rb"{64}", re.DOTALL)
"""`RUN` such values: a long array of numbers is read thirty times as fast so."""


class Reader:
    """Reads bytes from front to back; raises `MalformedUpdate` at the first wrong one."""

    def __init__(self, data: bytes | bytearray) -> None:
        self.data = data
        self.pos: int = 0
        self.unread: list[list[int]] = []
        """The values that come next, from the outside in: the tag of what they are in, and how many."""
        self.pause = STEP_BYTES
        """Where the next pause is due."""

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

    # -- values

    def rest_of_values(self) -> Iterator[None]:
        """Read what is `unread`, with pauses."""
        while self.unread:
            self.pause = self.pos + STEP_BYTES
            yield
            self.read_values(self.pause)

    def skip_values(self, count: int) -> None:
        """Read so many values of those that are next."""
        self.unread.append([ARRAY, count])
        self.read_values(len(self.data))

    def read_values(self, until: int) -> None:
        """Read what is `unread`, binary JSON values of lib0, up to about the byte `until`."""
        unread = self.unread
        while unread:
            within = unread[-1]
            tag, left = within
            if not left:
                unread.pop()
            elif tag == ARRAY and left >= RUN and (found := _PLAIN_RUN.match(self.data, self.pos)):
                self.pos = found.end()
                within[1] = left - RUN
            else:
                within[1] = left - 1
                if tag == MAP:
                    self.string()
                self.value()
            if self.pos > until:
                return

    def value(self) -> None:
        """One value; what is in it becomes `unread`."""
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
            if len(self.unread) > MAX_NESTING:
                self.fail(f"value nested deeper than {MAX_NESTING}")
            self.unread.append([tag, self.count("entries", 2 if tag == MAP else 1)])
        else:
            self.fail(f"value type {tag} is unknown")

    def integer(self) -> None:
        """A signed integer, six bits in its first byte; only its extent matters."""
        for _ in range(MAX_VARUINT_BYTES):
            if self.byte() < 0x80:
                return
        self.fail("integer is too long")
