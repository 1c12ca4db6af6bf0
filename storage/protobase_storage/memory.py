"""`memory:`: the contract on plain dictionaries. Durable means: in this object."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .commit import (
    Commit,
    Loaded,
    Snapshot,
    Vector,
    covers,
    includes,
    is_elsewhere,
    join,
    sequence_of,
)
from .contract import (
    CollectionInfo,
    Standing,
    Storage,
    StorageStats,
    check_commits,
    check_erasure,
    check_fresh,
    check_name,
    check_remains,
    check_sequence,
    check_snapshot,
    random_identity,
)
from .errors import StorageClosed, StorageError


@dataclass(slots=True)
class _Stored:
    snapshot: Snapshot | None = None
    log: list[Commit] = field(default_factory=list[Commit])
    vector: dict[str, int] = field(default_factory=dict[str, int])
    remains: bytes = b""

    @property
    def loaded(self) -> Loaded:
        return Loaded(self.snapshot, tuple(self.log), self.remains)

    @property
    def is_deleted(self) -> bool:
        return self.snapshot is None and not self.log


class MemoryStorage(Storage):
    """A storage that lives and dies with its process. Appends are durable on return, so no backlog forms."""

    def __init__(self, *, make_identity: Callable[[], str] = random_identity) -> None:
        self.identity = make_identity()
        self._collections: dict[str, _Stored] = {}
        self._closed = False
        self._commits = 0
        self._flushes = 0

    def append(self, commits: Sequence[Commit]) -> asyncio.Future[None]:
        """See `Storage.append`."""
        self._check_open()
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            self._store(commits)
        except StorageError as error:
            future.set_exception(error)
        else:
            future.set_result(None)
        return future

    def _store(self, commits: Sequence[Commit]) -> None:
        check_commits(commits)
        heads: dict[str, dict[str, int]] = {}
        for commit in commits:
            head = heads.get(commit.collection, self._stored(commit.collection).vector)
            check_sequence(commit, sequence_of(head, commit.origin))
            heads[commit.collection] = join(head, {commit.origin: commit.sequence})
        for commit in commits:
            self._collections.setdefault(commit.collection, _Stored()).log.append(commit)
        for name, head in heads.items():
            self._collections[name].vector = head
        self._commits += len(commits)
        self._flushes += bool(commits)

    async def load(self, collection: str) -> Loaded:
        """See `Storage.load`."""
        self._check_open()
        check_name(collection)
        return self._stored(collection).loaded

    async def commits_after(self, collection: str, vector: Vector, limit: int) -> tuple[Commit, ...] | None:
        """See `Storage.commits_after`."""
        self._check_open()
        check_name(collection)
        stored = self._stored(collection)
        if stored.snapshot and not includes(vector, stored.snapshot.vector):
            return None
        if any(is_elsewhere(vector, commit.origin, commit.sequence) for commit in stored.log):
            return None
        return tuple(commit for commit in stored.log if not covers(vector, commit))[:limit]

    async def compact(self, snapshot: Snapshot) -> None:
        """See `Storage.compact`."""
        self._check_open()
        self._compact(snapshot)

    def _compact(self, snapshot: Snapshot) -> None:
        check_snapshot(snapshot)
        stored = self._stored(snapshot.collection)
        check_fresh(snapshot, stored.snapshot.vector if stored.snapshot else {})
        stored.snapshot = snapshot
        stored.log = [commit for commit in stored.log if not covers(snapshot.vector, commit)]
        stored.vector = join(stored.vector, snapshot.vector)
        self._collections[snapshot.collection] = stored

    async def list(self, prefix: str = "") -> list[CollectionInfo]:
        """See `Storage.list`."""
        self._check_open()
        return [
            _info(name, self._collections[name])
            for name in sorted(self._collections)
            if name.startswith(prefix) and not self._collections[name].is_deleted
        ]

    async def standing(self, collection: str) -> Standing:
        """See `Storage.standing`."""
        self._check_open()
        check_name(collection)
        return _standing(collection, self._stored(collection))

    async def standings_of(self, collections: Sequence[str]) -> list[Standing]:
        """See `Storage.standings_of`."""
        self._check_open()
        return [_standing(name, self._stored(name)) for name in collections]

    async def standings(self, after: str = "", limit: int = 1_000) -> list[Standing]:
        """See `Storage.standings`."""
        self._check_open()
        names = sorted(name for name in self._collections if name > after)
        return [_standing(name, self._collections[name]) for name in names[:limit]]

    async def delete(self, collection: str, remains: bytes = b"") -> None:
        """See `Storage.delete`."""
        self._check_open()
        self._delete(collection, remains)

    def _delete(self, collection: str, remains: bytes) -> None:
        check_name(collection)
        check_remains(remains)
        self._collections.pop(collection, None)
        if remains:
            self._collections[collection] = _Stored(remains=remains)

    async def erase(self, collection: str, remains: bytes = b"", snapshot: Snapshot | None = None) -> None:
        """See `Storage.erase`."""
        self._check_open()
        self._erase(collection, remains, snapshot)

    def _erase(self, collection: str, remains: bytes, snapshot: Snapshot | None) -> None:
        check_erasure(collection, remains, snapshot)
        self._delete(collection, remains)
        if snapshot is not None:
            self._compact(snapshot)

    async def stats(self) -> StorageStats:
        """See `Storage.stats`."""
        self._check_open()
        infos = [_info(name, stored) for name, stored in self._collections.items()]
        occupied = sum(info.snapshot_bytes + info.log_bytes for info in infos)
        return StorageStats(len(infos), occupied, self._commits, self._flushes, 0.0, 0)

    async def close(self) -> None:
        """See `Storage.close`."""
        self._closed = True

    def _stored(self, collection: str) -> _Stored:
        return self._collections.get(collection) or _Stored()

    def _check_open(self) -> None:
        if self._closed:
            raise StorageClosed("the memory storage is closed")


def _standing(name: str, stored: _Stored) -> Standing:
    return Standing(name, dict(stored.vector), stored.remains)


def _info(name: str, stored: _Stored) -> CollectionInfo:
    snapshot_bytes = len(stored.snapshot.update) if stored.snapshot else 0
    return CollectionInfo(
        name, snapshot_bytes, len(stored.log), sum(len(commit.update) for commit in stored.log)
    )
