"""What real clients said, changed at random: bytes, numbers, values of MessagePack and JSON, the order."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, cast

from protobase_live.errors import ProtocolError
from protobase_live.protocol.packing import pack, unpack

NUMBERS = (0, 1, -1, 127, 128, 2**14, 2**31 - 1, 2**31, 2**32, 2**53, 2**63 - 1, 2**64 - 1, -(2**63))
TEXTS = ("", "é", "\x00", "🦊", "type", "id", "x" * 600, "../..", "records", "protobase:structures")
VALUES: tuple[Any, ...] = (*NUMBERS, *TEXTS, None, True, False, 0.5, 1e308, b"", b"\x00\xff", [], {}, [[]])
VARINTS = (b"\x00", b"\x7f", b"\x80\x01", b"\xff\xff\xff\xff\x0f", b"\xff" * 9 + b"\x01", b"\x80" * 12)
PIECE_BYTES = 64
"""About how much is cut out, repeated or taken from elsewhere."""


class Mutator:
    """Changes messages; ``corpus`` is where pieces of others come from."""

    def __init__(self, random: Random, corpus: Sequence[bytes]) -> None:
        self._random = random
        self._corpus = corpus

    def order(self, messages: Sequence[bytes], count: int) -> list[bytes]:
        """``count`` messages of these, about in their order: left out, repeated, or from elsewhere."""
        random, found = self._random, list[bytes]()
        at = 0
        while len(found) < count:
            move = random.random()
            if move < 0.05:
                found.append(random.choice(self._corpus))
            elif move < 0.25:
                at = random.randrange(len(messages))
            found.append(messages[at % len(messages)])
            at += 1
        return found[:count]

    def change(self, message: bytes) -> bytes:
        """Another message, or one that is none."""
        for _ in range(self._random.choice((1, 1, 1, 2, 4))):
            message = self._random.choice(CHANGES)(self, message)
        return message

    def _place(self, message: bytes) -> tuple[int, int]:
        begin = self._random.randrange(len(message) + 1)
        return begin, begin + self._random.randint(1, PIECE_BYTES)

    def flip(self, message: bytes) -> bytes:
        """One bit, or one byte."""
        if not message:
            return message
        changed, at = bytearray(message), self._random.randrange(len(message))
        changed[at] ^= self._random.choice((1 << self._random.randrange(8), self._random.randrange(256)))
        return bytes(changed)

    def cut(self, message: bytes) -> bytes:
        """A piece less, or all that follows."""
        begin, end = self._place(message)
        return message[:begin] + (message[end:] if self._random.random() < 0.5 else b"")

    def splice(self, message: bytes) -> bytes:
        """A piece of another message, in a place or instead of what was there."""
        begin, end = self._place(message)
        other = self._random.choice(self._corpus)
        there, _ = self._place(other)
        piece = other[there : there + end - begin]
        return message[:begin] + piece + message[begin if self._random.random() < 0.5 else end :]

    def repeat(self, message: bytes) -> bytes:
        """A piece several times."""
        begin, end = self._place(message)
        return message[:begin] + message[begin:end] * self._random.choice((2, 3, 40)) + message[end:]

    def number(self, message: bytes) -> bytes:
        """A variable-length number at the limits of what there is, wherever one might be."""
        begin = self._random.randrange(len(message) + 1)
        return message[:begin] + self._random.choice(VARINTS) + message[begin + 1 :]

    def value(self, message: bytes) -> bytes:
        """One of the values within it: another one, gone, twice, or under another name."""
        try:
            if message[:1] in (b"{", b"["):
                return json.dumps(self._value(json.loads(message)), default=repr).encode()
            return pack(self._value(_as_lists(unpack(message))))
        except (ProtocolError, ValueError, TypeError, OverflowError, RecursionError):
            return self.flip(message)

    def _value(self, value: Any) -> Any:
        random = self._random
        if isinstance(value, dict) and value and random.random() < 0.9:
            told = cast("dict[Any, Any]", value)
            key = random.choice(list(told))
            if random.random() < 0.2:
                held = told.pop(key)
                return told if random.random() < 0.5 else {**told, random.choice(TEXTS): held}
            return {**told, key: self._value(told[key])}
        if isinstance(value, list) and value and random.random() < 0.9:
            items = cast("list[Any]", value)
            at = random.randrange(len(items))
            if random.random() < 0.2:
                return items[:at] + items[at:][:: random.choice((-1, 2))]
            return [*items[:at], self._value(items[at]), *items[at + 1 :]]
        if isinstance(value, bytes) and value and random.random() < 0.8:
            return self.change(value)
        return random.choice(VALUES)


CHANGES: tuple[Callable[[Mutator, bytes], bytes], ...] = (
    Mutator.flip,
    Mutator.cut,
    Mutator.splice,
    Mutator.repeat,
    Mutator.number,
    *[Mutator.value] * 3,
)


def _as_lists(value: Any) -> Any:
    match value:
        case tuple():
            return [_as_lists(each) for each in cast("tuple[Any, ...]", value)]
        case dict():
            return {key: _as_lists(each) for key, each in cast("dict[Any, Any]", value).items()}
        case _:
            return value
