"""How commits, snapshots and catalogue entries become rows, and the checksum that each row carries.

A checksum covers every column of its row and the key under which the row stands, so that a row that was
damaged, or that turns up in the wrong place, is noticed. Whoever reads raises `CollectionCorrupt`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from .commit import NOTHING, Commit, Snapshot, Vector, sequence_of
from .commit_format import pack_head, unpack_commit
from .errors import CollectionCorrupt
from .packing import pack, unpack

CHUNK_BYTES = 1024 * 1024
"""A snapshot is stored in rows of at most this many bytes."""

LogRow = tuple[int, int, bytes, int, bytes, bytes, int]
"""collection id, position, origin, sequence, head (see `pack_head`), update, checksum."""

ChunkRow = tuple[int, int, memoryview, int]
"""snapshot id, ordinal, data, checksum."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A collection in the catalogue: its id, its snapshot if it has one, and what the last deletion left.

    Above position `floor` nothing was ever dropped from its log, which reaches at least to `end`: a gap in
    between, or an earlier end, is a loss that no row's checksum shows.
    """

    name: str
    id: int
    floor: int
    end: int
    snapshot: SnapshotHead | None
    remains: bytes = b""


@dataclass(frozen=True, slots=True)
class SnapshotHead:
    """What the catalogue knows of a snapshot; its update is in `chunks` rows under `id`."""

    id: int
    vector: dict[str, int]
    time: float
    size: int


def log_row(collection: int, position: int, commit: Commit) -> LogRow:
    """The row of `commit`."""
    origin = commit.origin.encode()
    head = pack_head(commit)
    check = _log_check(collection, position, origin, commit.sequence, head, commit.update)
    return (collection, position, origin, commit.sequence, head, commit.update, check)


def read_commit(name: str, row: tuple[Any, ...], covered: Vector = NOTHING) -> Commit | None:
    """The commit in a row, None if that is `covered`; raises `CollectionCorrupt`.

    What is covered is looked at and not unpacked, which would take several times as long.
    """
    collection, position, origin, sequence, head, update, check = row
    try:
        sound = _log_check(collection, position, origin, sequence, head, update) == check
    except (TypeError, ValueError):
        sound = False
    if not sound:
        raise CollectionCorrupt(name, f"commit at position {position} fails its checksum")
    by = origin.decode()
    return None if sequence_of(covered, by) >= sequence else unpack_commit(name, by, sequence, head, update)


def chunk_rows(snapshot: int, update: bytes) -> Iterator[ChunkRow]:
    """The rows of a snapshot's update; at least one."""
    view = memoryview(update)
    for ordinal, start in enumerate(range(0, max(len(view), 1), CHUNK_BYTES)):
        data = view[start : start + CHUNK_BYTES]
        yield (snapshot, ordinal, data, _chunk_check(snapshot, ordinal, data))


def read_chunk(name: str, ordinal: int, row: tuple[Any, ...]) -> bytes:
    """The data of the row that should be number `ordinal`; raises `CollectionCorrupt`."""
    snapshot, stored_ordinal, data, check = row
    if (
        stored_ordinal != ordinal
        or not isinstance(data, bytes)
        or _chunk_check(snapshot, ordinal, data) != check
    ):
        raise CollectionCorrupt(name, f"part {ordinal} of its snapshot fails its checksum")
    return data


def entry_row(entry: Entry) -> tuple[bytes, int, bytes, int]:
    """The catalogue's row: name, id, head (MessagePack of floor, end, snapshot head, remains), checksum."""
    snapshot = entry.snapshot
    fields = snapshot and (snapshot.id, snapshot.vector, snapshot.time, snapshot.size)
    remains = (entry.remains,) if entry.remains else ()  # without, an earlier version can read it
    name, head = entry.name.encode(), pack((entry.floor, entry.end, fields, *remains))
    return (name, entry.id, head, _entry_check(name, entry.id, head))


def read_entry(row: tuple[Any, ...]) -> Entry:
    """The catalogue entry in a row; raises `CollectionCorrupt`."""
    name, collection, head, check = row
    try:
        sound = _entry_check(name, collection, head) == check
    except (TypeError, ValueError):
        sound = False
    if not sound:
        raise CollectionCorrupt(readable(name), "its catalogue entry fails its checksum")
    floor, end, fields, *remains = unpack(head)
    return Entry(name.decode(), collection, floor, end, SnapshotHead(*fields) if fields else None, *remains)


def snapshot_head(identifier: int, snapshot: Snapshot) -> SnapshotHead:
    """What the catalogue keeps of `snapshot`."""
    return SnapshotHead(identifier, dict(snapshot.vector), snapshot.time, len(snapshot.update))


def readable(name: Any) -> str:
    """A stored name as text, whatever became of it."""
    return name.decode(errors="backslashreplace") if isinstance(name, bytes) else repr(name)


def _log_check(
    collection: int, position: int, origin: bytes, sequence: int, head: bytes, update: bytes
) -> int:
    key = b"%a %a %a %b" % (collection, position, sequence, origin)
    return crc32(update, crc32(head, crc32(key)))


def _chunk_check(snapshot: int, ordinal: int, data: bytes | memoryview) -> int:
    return crc32(data, crc32(b"%a %a" % (snapshot, ordinal)))


def _entry_check(name: bytes, collection: int, head: bytes) -> int:
    return crc32(head, crc32(name, crc32(b"%a" % (collection,))))
