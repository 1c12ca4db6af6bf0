"""What is durable of a collection, read from its objects."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ..commit import Commit, Loaded, Snapshot, Vector, covers, includes, is_elsewhere
from ..errors import CollectionCorrupt
from .formats import check_update, unpack_piece
from .objects import ObjectStore
from .state import State
from .values import Entry, Piece, SnapshotRef


class Gone(Exception):
    """An object is not there any more: the collection has changed meanwhile, or the object was taken away."""


async def read_pieces(store: ObjectStore, name: str, entry: Entry) -> list[Commit]:
    """The commits in an entry's pieces. Raises `Gone`, `CollectionCorrupt`, `ObjectError`."""
    pieces = await asyncio.gather(*[_read_piece(store, name, piece) for piece in entry.pieces])
    return [commit for commits in pieces for commit in commits]


async def _read_piece(store: ObjectStore, name: str, piece: Piece) -> list[Commit]:
    packed = await store.get(piece.key, piece.offset, piece.length)
    if packed is None:
        raise Gone(piece.key)
    return unpack_piece(name, piece, packed)


async def _read_snapshot(store: ObjectStore, name: str, ref: SnapshotRef) -> Snapshot:
    update = await store.get(ref.key, 0, ref.length)
    if update is None:
        raise Gone(ref.key)
    check_update(name, ref, update)
    return Snapshot(name, update, ref.vector, ref.time)


class Reader:
    """Reads of one moment each: what an entry names never changes, and is deleted long after it."""

    def __init__(self, store: ObjectStore, state: State, renew: Callable[[], Awaitable[None]]) -> None:
        """``renew`` brings a state up to date that does not follow what is stored by itself, or raises why it
        is not what is stored any more."""
        self._store = store
        self._state = state
        self._renew = renew

    async def load(self, name: str) -> Loaded:
        """See `Storage.load`."""
        while True:
            entry, tail = self._moment(name)
            try:
                snapshot, commits = await asyncio.gather(
                    self._snapshot(name, entry), read_pieces(self._store, name, entry)
                )
            except Gone as gone:
                await self._require_change(name, entry, gone)
            else:
                return Loaded(snapshot, (*commits, *tail), entry.remains)

    async def _snapshot(self, name: str, entry: Entry) -> Snapshot | None:
        return await _read_snapshot(self._store, name, entry.snapshot) if entry.snapshot else None

    async def commits_after(self, name: str, vector: Vector, limit: int) -> tuple[Commit, ...] | None:
        """See `Storage.commits_after`. Objects are read only for somebody who lacks something in them."""
        while True:
            entry, tail = self._moment(name)
            if entry.snapshot and not includes(vector, entry.snapshot.vector):
                return None
            lacking = [piece for piece in entry.pieces if not includes(vector, piece.vector)]
            try:
                pieces = await asyncio.gather(*[_read_piece(self._store, name, each) for each in lacking])
            except Gone as gone:
                await self._require_change(name, entry, gone)
                continue
            log = [*(commit for commits in pieces for commit in commits), *tail]
            if any(is_elsewhere(vector, commit.origin, commit.sequence) for commit in log):
                return None
            return tuple(commit for commit in log if not covers(vector, commit))[:limit]

    def _moment(self, name: str) -> tuple[Entry, tuple[Commit, ...]]:
        stored = self._state.collections.get(name)
        if stored is None:
            return Entry(), ()
        stored.check(name)
        return stored.entry, tuple(stored.tail)

    async def _require_change(self, name: str, entry: Entry, gone: Gone) -> None:
        """Raises `CollectionCorrupt` where trying again would find the same."""
        await self._renew()
        stored = self._state.collections.get(name)
        if stored is not None and stored.entry == entry:
            raise CollectionCorrupt(name, f"object {str(gone)!r} is missing")
