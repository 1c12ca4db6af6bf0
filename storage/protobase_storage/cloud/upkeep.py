"""What keeps the log short: snapshots, and checkpoints that take the place of slots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from zlib import crc32

from ..commit import Commit, Snapshot, covers
from ..errors import CollectionCorrupt, StorageError, StorageFormatError
from .cleaning import Cleaner
from .erasing import empty_slots
from .formats import pack_manifest, pack_piece, piece_of, unpack_manifest
from .gate import Gate
from .keys import manifest_key, pack_key, snapshot_key
from .log import fenced
from .objects import ObjectStore, create
from .packs import Packer, sparse_packs, to_move, used_bytes
from .reading import Gone, read_pieces
from .state import Stored
from .takeover import Opened, is_latest, latest
from .values import Entry, Manifest, Piece, Published, SnapshotRef

CHECKPOINT_BYTES = 16 * 1024 * 1024
"""Bytes of slots after which a manifest takes their place. The commits in them are kept in memory."""


FULL_ENOUGH, FULL = 0.5, 1.0
"""Packs of which less than this share is used are written anew by a checkpoint, and where something was
erased."""

BEHIND = 10
"""At so many times either, slots wait for the checkpoint that is under way."""


@dataclass(frozen=True, slots=True)
class _Moment:
    """What a checkpoint is of: the manifest without what is moved, and the bytes of the slots it replaces."""

    manifest: Manifest
    moved: Mapping[str, tuple[Stored, int]]
    slot_bytes: int


class Upkeep:
    """Uploads snapshots, makes checkpoints, and has what these replace deleted."""

    def __init__(self, store: ObjectStore, opened: Opened, checkpoint_slots: int) -> None:
        self.gate = Gate()
        self._store = store
        self._state = opened.state
        self._log = opened.log
        self._manifest = opened.manifest
        self._checkpoint_slots = checkpoint_slots
        self._due_at = opened.manifest.start + checkpoint_slots
        self._slot_bytes = opened.slot_bytes
        self._objects = 0
        self._held: set[str] = set()
        self._cleaner = Cleaner(store, opened.manifest, self._entries)

    @property
    def is_due(self) -> bool:
        """Whether it is time for a checkpoint."""
        return self._log.next >= self._due_at or self._slot_bytes >= CHECKPOINT_BYTES

    @property
    def is_behind(self) -> bool:
        """Whether slots have to wait for the checkpoint that is under way."""
        slots = self._log.next - self._manifest.start
        return slots >= BEHIND * self._checkpoint_slots or self._slot_bytes >= BEHIND * CHECKPOINT_BYTES

    @property
    def bytes(self) -> int:
        """Bytes of what counts, in all objects."""
        return self._slot_bytes + self._state.bytes

    @property
    def _entries(self) -> list[Entry]:
        return [stored.entry for stored in self._state.collections.values()]

    def grew(self, size: int) -> None:
        """A slot of `size` bytes was added."""
        self._slot_bytes += size

    async def upload(self, snapshot: Snapshot) -> Published:
        """Store a snapshot with the commits that must be carried along; it counts when a slot says so.

        To be called in the gate, which may be left when that slot is durable. Raises `ObjectError`,
        `CollectionCorrupt`, `StorageFenced`.
        """
        name = snapshot.collection
        stored = self._state.collections.get(name, Stored())
        try:
            log = await read_pieces(self._store, name, stored.entry)
        except Gone as gone:
            await self.require_own()
            raise CollectionCorrupt(name, f"object {str(gone)!r} is missing") from None
        return await self._put(snapshot, [commit for commit in log if not covers(snapshot.vector, commit)])

    async def hold(self, snapshot: Snapshot) -> Published:
        """Store a snapshot that takes the place of all that is there, to be named by a slot that may come
        much later: it is kept until it is `let_go`. Raises `ObjectError`."""
        async with self.gate.shared():
            published = await self._put(snapshot)
            self._held.add(published.snapshot.key)
        return published

    def let_go(self, published: Published) -> None:
        """The slot that names it is stored, or does not come."""
        self._held.discard(published.snapshot.key)

    async def _put(self, snapshot: Snapshot, carried: Sequence[Commit] = ()) -> Published:
        name, packed = snapshot.collection, pack_piece(carried) if carried else b""
        key = snapshot_key(name, self._manifest.epoch, self._next_object())
        await self._create(key, snapshot.update + packed)
        length, check = len(snapshot.update), crc32(snapshot.update)
        ref = SnapshotRef(key, length, check, dict(snapshot.vector), snapshot.time)
        return Published(name, ref, piece_of(key, length, packed, carried) if carried else None)

    async def require_own(self) -> None:
        """Whoever takes over has a later manifest, and deletes what is not needed any more. Raises
        `ObjectError`, `StorageFenced`."""
        last = await latest(self._store)
        if last is not None and last.epoch > self._manifest.epoch:
            raise fenced(self._store.address, last.epoch, self._manifest.epoch)

    async def checkpoint(self) -> None:
        """Make a manifest of all that is durable now, so that the slots up to here are not needed any more.

        Raises `ObjectError`, `StorageFenced`; the slots then stay, and a later checkpoint takes them along.
        """
        await self._cleaner.clean(await self._replace(FULL_ENOUGH))

    async def clean_all(self) -> None:
        """Make a checkpoint after which no object has anything of what was deleted before.

        Raises `ObjectError`, `StorageFenced`, and `StorageError` where what cannot be read is beside it.
        """
        retired = await self._replace(FULL)
        if mixed := sparse_packs(self._manifest.packs, self._manifest.collections.values(), FULL):
            raise StorageError(
                f"{self._store.address}: {', '.join(sorted(mixed))} has what was erased beside what cannot "
                "be read: delete the collections that are corrupt, and erase again"
            )
        await self._cleaner.clean_all(retired)
        await empty_slots(self._store, self._manifest.kept)

    async def _replace(self, share: float) -> list[str]:
        """Put a manifest in the place of slots, and of packs of which less than this share is used; answers
        with what it replaces."""
        self._due_at = self._log.next + self._checkpoint_slots
        async with self.gate.alone():
            moment = self._capture(share)
            packer = Packer(self._store, self._next_pack, self._create)
            await packer.carry(moment.moved)
            self._manifest = await self._publish(_complete(moment.manifest, packer))
            self._install(moment, packer.pieces)
            return self._cleaner.retire(self._manifest, self._entries, self._held | self._log.doubted)

    def _capture(self, share: float) -> _Moment:
        collections = self._state.collections
        moved = to_move(collections, self._manifest.packs, share)
        manifest = replace(
            self._manifest,
            number=self._manifest.number + 1,
            start=self._log.next,
            previous=self._log.previous,
            collections={name: stored.entry for name, stored in collections.items()},
        )
        return _Moment(manifest, moved, self._slot_bytes)

    async def _publish(self, manifest: Manifest) -> Manifest:
        """Create it; under the next number, if one that this writer gave up was created after all."""
        while found := await create(self._store, manifest_key(manifest.number), pack_manifest(manifest)):
            other = unpack_manifest(manifest_key(manifest.number), found)
            if other.writer != manifest.writer:
                raise fenced(self._store.address, other.epoch, manifest.epoch)
            manifest = replace(manifest, number=manifest.number + 1)
        if not await is_latest(self._store, manifest):
            last = await latest(self._store) or manifest
            raise fenced(self._store.address, last.epoch, manifest.epoch)
        return manifest

    def _install(self, moment: _Moment, pieces: Mapping[str, tuple[Piece, ...]]) -> None:
        """Have the pieces instead of the commits that were moved, where the collection was not deleted."""
        for name, (stored, count) in moment.moved.items():
            stored.entry = replace(stored.entry, pieces=pieces[name])
            del stored.tail[:count]
        self._slot_bytes -= moment.slot_bytes

    def _next_object(self) -> int:
        self._objects += 1
        return self._objects

    def _next_pack(self) -> str:
        return pack_key(self._manifest.epoch, self._next_object())

    async def _create(self, key: str, body: bytes) -> None:
        self._cleaner.add(key)
        if await create(self._store, key, body) is not None:
            raise StorageFormatError(
                f"{self._store.address} has another object {key!r}, made by nobody we know"
            )


def _complete(manifest: Manifest, packer: Packer) -> Manifest:
    """With the pieces that were made, and the packs that are still used."""
    collections = {
        name: replace(entry, pieces=packer.pieces[name]) if name in packer.pieces else entry
        for name, entry in manifest.collections.items()
    }
    used = used_bytes(collections.values())
    packs = {key: size for key, size in {**manifest.packs, **packer.sizes}.items() if key in used}
    return replace(manifest, packs=packs, collections=collections)
