"""Updates with some bytes changed: mostly no updates any more, and sometimes ones that nobody would write."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

NUGGETS = (
    b"\x00",
    b"\x01",
    b"\xff\xff\xff\xff\x07",
    b"\xff\xff\xff\xff\x0f",
    b"\x80\x01",
    b"\x0a\x05",
    b"\x00\x03",
    b"\x84\x01\x00\x01x",
    b"\x81\x01\x00\x01",
    b"\x44\x01\x00\x01x",
    b"\xc4\x01\x00\x01\x01\x01x",
    b"\x27\x01\x03map\x01a\x01",
    b"\x07\x01\x05array\x01",
    b"\x07\x00\x01\x03\x02",
    b"\x89\x01\x00\x01gv\x00",
    b"\x86\x01\x00\x04bold\x04true",
    b"\x04\x00\x01\x02\x01y",
)
"""Structs and numbers worth inserting."""


def mutate(data: bytes, random: Random, corpus: Sequence[bytes]) -> bytes:
    """Change a few bytes; single bytes mostly, because ids in the corpus are small."""
    out = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 6))):
        at = random.randrange(len(out)) if out else 0
        match random.randrange(9):
            case 0 | 1 | 2:
                out[at : at + 1] = bytes([random.choice((0, 1, 2, 3, 5, 10, 127, 128, 255))])
            case 3 | 4:
                out[at : at + 1] = bytes([((out[at] if out else 0) + random.choice((-2, -1, 1, 2))) & 255])
            case 5:
                out[at : at + 1] = bytes([(out[at] if out else 0) ^ 1 << random.randrange(8)])
            case 6:
                out[at:at] = random.choice(NUGGETS)
            case 7:
                del out[at : at + random.choice((1, 1, 2, 4, 9))]
            case _:
                other = random.choice(corpus)
                start = random.randrange(len(other))
                out[at : at + random.randrange(8)] = other[start : start + random.randrange(40)]
    return bytes(out)
