"""Slots, manifests and pieces as bytes: MessagePack with checksums (`docs/cloud.md` has the layout)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from hashlib import blake2b
from typing import Any
from zlib import crc32

from ..commit import Commit, join
from ..commit_format import pack_commit, pack_head, unpack_commit
from ..errors import CollectionCorrupt, StorageFormatError
from ..packing import pack, unpack
from .values import Damaged, Deleted, Effect, Entry, Manifest, Piece, Published, Slot, SnapshotRef

FORMAT = 1
"""Format version that is written, and the only one that is read."""

HASH_BYTES = 16
"""Bytes of BLAKE2b by which a slot names the one before it."""

COMMIT, PUBLISHED, DELETED = 0, 1, 2
"""Kinds of effects."""


def hash_of(body: bytes) -> bytes:
    """By what the next slot names a slot with this body."""
    return blake2b(body, digest_size=HASH_BYTES).digest()


def pack_slot(slot: Slot) -> bytes:
    """The bytes of a slot: its head, the head's checksum, and a payload for each effect."""
    payloads = [_payload(effect) for effect in slot.effects]
    index = [
        (kind, effect.collection, crc32(payload))
        for (kind, payload), effect in zip(payloads, slot.effects, strict=True)
    ]
    head = pack(
        {
            "format": FORMAT,
            "n": slot.number,
            "epoch": slot.epoch,
            "writer": slot.writer,
            "previous": slot.previous,
            "voids_previous": slot.voids_previous,
            "index": index,
        }
    )
    return pack((head, crc32(head), [payload for _, payload in payloads]))


def unpack_slot(key: str, number: int, body: bytes) -> Slot:
    """The slot in a body. An effect that is damaged is `Damaged`. Raises `StorageFormatError`."""
    try:
        packed, check, payloads = unpack(body)
        head = _head(key, packed, check)
        effects = [_effect(*each) for each in zip(head["index"], payloads, strict=True)]
    except (TypeError, ValueError) as error:
        raise _unreadable(key, error) from error
    if head["n"] != number:
        raise StorageFormatError(f"object {key!r} is slot {head['n']}, not {number}")
    voids = head["voids_previous"]
    return Slot(number, head["epoch"], head["writer"], head["previous"], tuple(effects), voids)


def _payload(effect: Effect) -> tuple[int, bytes]:
    match effect:
        case Commit():
            return COMMIT, pack_commit(effect)
        case Published(_, snapshot, carried):
            return PUBLISHED, pack((_astuple(snapshot), carried and _astuple(carried)))
        case Deleted(_, remains):
            return DELETED, pack(remains)
        case Damaged():
            raise TypeError("damage is not stored")


def _effect(entry: tuple[int, str, int], payload: bytes) -> Effect:
    kind, collection, check = entry
    if crc32(payload) != check:
        return Damaged(collection, "a commit of it in the write-ahead log fails its checksum")
    if kind == COMMIT:
        return unpack_commit(collection, *unpack(payload))
    if kind == PUBLISHED:
        snapshot, carried = unpack(payload)
        return Published(collection, SnapshotRef(*snapshot), carried and Piece(*carried))
    return Deleted(collection, unpack(payload))


def pack_manifest(manifest: Manifest) -> bytes:
    """The bytes of a manifest: its fields, and their checksum."""
    collections = [
        (
            name,
            entry.snapshot and _astuple(entry.snapshot),
            [_astuple(piece) for piece in entry.pieces],
            entry.remains,
            entry.damage,
        )
        for name, entry in manifest.collections.items()
    ]
    told = {each.name: getattr(manifest, each.name) for each in fields(manifest)}
    head = pack(told | {"format": FORMAT, "collections": collections})
    return pack((head, crc32(head)))


def unpack_manifest(key: str, body: bytes) -> Manifest:
    """The manifest in a body. Raises `StorageFormatError`."""
    try:
        packed, check = unpack(body)
        head = _head(key, packed, check)
        head["collections"] = {name: _entry(*rest) for name, *rest in head["collections"]}
        return Manifest(**head)
    except (TypeError, ValueError) as error:
        raise _unreadable(key, error) from error


def _entry(
    snapshot: tuple[Any, ...] | None, pieces: Iterable[tuple[Any, ...]], remains: bytes, damage: str | None
) -> Entry:
    told = tuple(Piece(*piece) for piece in pieces)
    return Entry(SnapshotRef(*snapshot) if snapshot else None, told, remains, damage)


def _head(key: str, head: bytes, check: int) -> dict[str, Any]:
    """The fields in a head, without the format."""
    if crc32(head) != check:
        raise StorageFormatError(f"object {key!r} fails its checksum")
    told: dict[str, Any] = unpack(head)
    if (found := told.pop("format")) != FORMAT:
        raise StorageFormatError(f"object {key!r} has format {found}; this release knows {FORMAT}")
    return told


def _unreadable(key: str, error: Exception) -> StorageFormatError:
    return StorageFormatError(f"object {key!r} is none of ProtoBase, or damaged: {error}")


def pack_piece(commits: Iterable[Commit]) -> bytes:
    """Commits of one collection."""
    return pack([(each.origin, each.sequence, pack_head(each), each.update) for each in commits])


def piece_of(key: str, offset: int, packed: bytes, commits: Iterable[Commit]) -> Piece:
    """What is kept of `packed`, which `pack_piece` made of `commits`, in an object at `offset`."""
    count = size = 0
    vector: dict[str, int] = {}
    for commit in commits:
        count += 1
        size += len(commit.update)
        vector = join(vector, {commit.origin: commit.sequence})
    return Piece(key, offset, len(packed), crc32(packed), count, size, vector)


def unpack_piece(collection: str, piece: Piece, packed: bytes) -> list[Commit]:
    """The commits of a piece. Raises `CollectionCorrupt`."""
    if len(packed) != piece.length or crc32(packed) != piece.checksum:
        raise CollectionCorrupt(collection, f"its commits in object {piece.key!r} fail their checksum")
    return [unpack_commit(collection, *each) for each in unpack(packed)]


def check_update(collection: str, ref: SnapshotRef, update: bytes) -> None:
    """Raises `CollectionCorrupt` unless `update` is the snapshot's."""
    if len(update) != ref.length or crc32(update) != ref.checksum:
        raise CollectionCorrupt(collection, f"its snapshot in object {ref.key!r} fails its checksum")


def _astuple(value: Piece | SnapshotRef) -> tuple[object, ...]:
    """The fields in order."""
    return tuple(getattr(value, each.name) for each in fields(value))
