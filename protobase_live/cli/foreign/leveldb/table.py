"""One table of a LevelDB folder: sorted entries in blocks, and an index of these."""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import cramjam

from protobase_live.cli.foreign.leveldb.damage import Damaged, Note
from protobase_live.cli.foreign.leveldb.numbers import masked_crc, varint

FOOTER_BYTES = 48
MAGIC = bytes.fromhex("57fb808b247547db")
PLAIN, SNAPPY = 0, 1
COMPRESSIONS = {2: "zstd"}

Handle = tuple[int, int]
"""Offset and length of a block."""


class Entry(NamedTuple):
    """What was written under a key; entries are sorted by key, the newest first."""

    key: bytes
    age: int
    """Minus the number of the write."""
    value: bytes | None
    """None: the key was deleted."""


class Table:
    """A table file and the range of its keys."""

    def __init__(self, path: Path, first: bytes, last: bytes) -> None:
        """``first`` and ``last`` are its smallest and its largest key."""
        self._path = path
        self.first = first
        self.last = last

    def entries(self, start: bytes, note: Note) -> Iterator[Entry]:
        """The entries from the key ``start`` on; ``note`` is told of blocks that cannot be read."""
        try:
            lasts, handles = self._index
        except Damaged as damage:
            note(damage)
            return
        for handle in handles[bisect_left(lasts, start) :]:
            try:
                found = self._block(handle)
            except Damaged as damage:
                note(damage)
                continue
            yield from found[bisect_left(found, (start,)) :]

    @cached_property
    def _index(self) -> tuple[list[bytes], list[Handle]]:
        """A key at or behind the last one of each block, and where the blocks are."""
        try:
            with self._path.open("rb") as file:
                end = file.seek(0, 2)
                file.seek(max(0, end - FOOTER_BYTES))
                footer = file.read()
        except OSError as error:
            raise Damaged(self._path, 0, f"cannot be read: {error.strerror}") from error
        if len(footer) != FOOTER_BYTES or not footer.endswith(MAGIC):
            raise Damaged(self._path, max(0, end - FOOTER_BYTES), "no table ends here")
        meta = _handle(footer, 0)[1]
        found = self._block(_handle(footer, meta)[0])
        return [entry.key for entry in found], [_handle(entry.value or b"", 0)[0] for entry in found]

    def _block(self, handle: Handle) -> list[Entry]:
        """The entries of a block. Raises Damaged."""
        offset, length = handle
        with self._path.open("rb") as file:
            file.seek(offset)
            data = file.read(length + 5)
        stored, kind = data[: length + 1], data[length : length + 1]
        if len(data) < length + 5 or int.from_bytes(data[-4:], "little") != masked_crc(stored):
            raise Damaged(self._path, offset, "the checksum of this block is wrong")
        try:
            return [internal(*pair) for pair in _pairs(_unpacked(data[:length], kind[0]))]
        except (ValueError, IndexError, struct.error, cramjam.DecompressionError) as error:
            raise Damaged(self._path, offset, f"this block cannot be read: {error}") from error


def internal(key: bytes, value: bytes) -> Entry:
    """The entry whose key has number and kind of the write at its end. Raises ValueError."""
    if len(key) < 8:
        raise ValueError(f"a key of {len(key)} bytes")
    tag = int.from_bytes(key[-8:], "little")
    return Entry(key[:-8], -(tag >> 8), value if tag & 0xFF else None)


def _handle(data: bytes, at: int) -> tuple[Handle, int]:
    offset, at = varint(data, at)
    length, at = varint(data, at)
    return (offset, length), at


def _unpacked(data: bytes, kind: int) -> bytes:
    if kind == SNAPPY:
        return bytes(cramjam.snappy.decompress_raw(data))
    if kind != PLAIN:
        raise ValueError(f"compression {COMPRESSIONS.get(kind, kind)} is none that is read here")
    return data


def _pairs(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The keys of a block, each told by what it shares with the one before it, and their values."""
    (restarts,) = struct.unpack_from("<I", block, len(block) - 4)
    end, at, key = len(block) - 4 - 4 * restarts, 0, b""
    while at < end:
        shared, at = varint(block, at)
        fresh, at = varint(block, at)
        length, at = varint(block, at)
        if at + fresh + length > end or shared > len(key):
            raise ValueError("an entry goes beyond its end")
        key = key[:shared] + block[at : at + fresh]
        at += fresh
        yield key, block[at : at + length]
        at += length
