"""The commits of many collections, moved out of the slots into few objects."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence, Set

from ..commit import Commit
from ..errors import CollectionCorrupt
from .formats import pack_piece, piece_of
from .keys import PACKS
from .objects import ObjectStore
from .reading import Gone, read_pieces
from .state import Stored
from .values import Entry, Piece

PACK_BYTES = 32 * 1024 * 1024
"""Bytes after which the pieces go on in another object."""

COLLECTIONS_AT_ONCE = 32
"""Collections whose former pieces are read at once."""

Moved = Mapping[str, tuple[Stored, int]]
"""Collections, and how many commits at the beginning of each one's tail are moved."""


class Packer:
    """Gives each collection one piece with all its commits, those of its former pieces included."""

    def __init__(
        self,
        store: ObjectStore,
        new_key: Callable[[], str],
        create: Callable[[str, bytes], Awaitable[None]],
    ) -> None:
        self.sizes: dict[str, int] = {}
        """The objects that were created, and their bytes."""
        self.pieces: dict[str, tuple[Piece, ...]] = {}
        """What each collection has instead of its pieces and the commits that were moved."""
        self._store = store
        self._new_key = new_key
        self._create = create
        self._key = new_key()
        self._parts: list[bytes] = []
        self._size = 0

    async def carry(self, moved: Moved) -> None:
        """Store the commits of all of them. Raises `ObjectError`."""
        names = [*moved]
        for start in range(0, len(names), COLLECTIONS_AT_ONCE):
            some = names[start : start + COLLECTIONS_AT_ONCE]
            former = await asyncio.gather(*[self._former(name, moved[name][0].entry) for name in some])
            for name, (kept, commits) in zip(some, former, strict=True):
                stored, count = moved[name]
                self._add(name, kept, [*commits, *stored.tail[:count]])
            if self._size >= PACK_BYTES:
                await self._flush()
        await self._flush()

    async def _former(self, name: str, entry: Entry) -> tuple[tuple[Piece, ...], list[Commit]]:
        """The commits of its pieces; or the pieces as they are, if they cannot be read."""
        try:
            return (), await read_pieces(self._store, name, entry)
        except (Gone, CollectionCorrupt):
            return entry.pieces, []

    def _add(self, name: str, kept: tuple[Piece, ...], commits: Sequence[Commit]) -> None:
        if not commits:
            self.pieces[name] = kept
            return
        packed = pack_piece(commits)
        self.pieces[name] = (*kept, piece_of(self._key, self._size, packed, commits))
        self._parts.append(packed)
        self._size += len(packed)

    async def _flush(self) -> None:
        if self._parts:
            await self._create(self._key, b"".join(self._parts))
            self.sizes[self._key] = self._size
            self._key, self._parts, self._size = self._new_key(), [], 0


def used_bytes(entries: Iterable[Entry]) -> Counter[str]:
    """How much of each pack the collections use."""
    used: Counter[str] = Counter()
    for entry in entries:
        for piece in entry.pieces:
            if piece.key.startswith(PACKS):
                used[piece.key] += piece.length
    return used


def to_move(collections: Mapping[str, Stored], sizes: Mapping[str, int], share: float) -> Moved:
    """The collections with commits in slots, and those of which a pack has less than this share left when
    the others are moved: where these leave another pack, it may become one of these, too."""
    moved = {name for name, stored in collections.items() if stored.tail}
    while more := _beside(collections, moved, sizes, share):
        moved |= more
    return {name: (collections[name], len(collections[name].tail)) for name in collections if name in moved}


def _beside(
    collections: Mapping[str, Stored], moved: Set[str], sizes: Mapping[str, int], share: float
) -> set[str]:
    left = {name: stored.entry for name, stored in collections.items() if name not in moved}
    sparse = sparse_packs(sizes, left.values(), share)
    return {name for name, entry in left.items() if not sparse.isdisjoint(entry.keys)} if sparse else set()


def sparse_packs(sizes: Mapping[str, int], entries: Iterable[Entry], share: float) -> set[str]:
    """The packs of which less than this share is used: what is used is moved on with the next checkpoint."""
    return {key for key, used in used_bytes(entries).items() if used < share * sizes.get(key, 0)}
