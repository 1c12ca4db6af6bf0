"""The records of a LevelDB log: of what was written last, and of the manifest."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from protobase_live.cli.foreign.leveldb.damage import Damaged, Note
from protobase_live.cli.foreign.leveldb.numbers import masked_crc

BLOCK_BYTES = 32768
HEADER = struct.Struct("<IHB")
"""Checksum, length and kind of a fragment."""

FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4

Fragment = tuple[int, bytes, int]
"""Kind, content, and offset in the file."""


def records(path: Path, note: Note) -> Iterator[tuple[int, bytes]]:
    """The records of a log with their offsets; ``note`` is told of what cannot be read.

    What a crash has cut off at the end is left out, as LevelDB does: it was never acknowledged as synced.
    """
    begun, parts = 0, list[bytes]()
    is_open = False
    for kind, data, offset in _fragments(path, note):
        if kind in (FULL, FIRST):
            begun, parts, is_open = offset, [data], True
        elif is_open:
            parts.append(data)
        else:
            continue  # its beginning was damaged, and is noted
        if kind in (FULL, LAST):
            yield begun, b"".join(parts)
            is_open = False


def _fragments(path: Path, note: Note) -> Iterator[Fragment]:
    with path.open("rb") as file:
        start = 0
        while block := file.read(BLOCK_BYTES):
            try:
                yield from _block(path, start, block)
            except Damaged as damage:
                note(damage)
            start += len(block)


def _block(path: Path, start: int, block: bytes) -> Iterator[Fragment]:
    """The fragments of a block. Raises Damaged for the first that is wrong: no other can be found then."""
    at, is_last = 0, len(block) < BLOCK_BYTES
    while at + HEADER.size <= len(block):
        crc, length, kind = HEADER.unpack_from(block, at)
        end = at + HEADER.size + length
        if kind == length == 0 or (is_last and end > len(block)):
            return  # room that was taken ahead, or the end of a write that was broken off
        if end > len(block) or crc != masked_crc(block[at + HEADER.size - 1 : end]):
            raise Damaged(path, start + at, "the checksum of this record is wrong")
        yield kind, block[at + HEADER.size : end], start + at
        at = end
