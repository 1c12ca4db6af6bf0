"""The storage contract: what every backend promises, in the words of `docs/storage.md`."""

from __future__ import annotations

import asyncio
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache

from .commit import Commit, Loaded, Snapshot, Vector, includes, writer_of
from .errors import InvalidName, SequenceConflict, StaleSnapshot, StorageError

MAX_NAME_BYTES = 512
"""Longest collection or origin name, in UTF-8 bytes. Longer ones raise `InvalidName`."""

MAX_UPDATE_BYTES = 512 * 1024 * 1024
"""Longest update of one commit, in bytes. Longer ones fail with `StorageError`."""

MAX_REMAINS_BYTES = 4096
"""Most bytes that a deletion may leave."""

MAX_SEQUENCE = 2**63 - 1
"""Highest sequence number of a commit."""

BACKLOG_LIMIT = 64 * 1024 * 1024
"""Default limit, in bytes, of what was accepted and is not durable yet. Beyond it: `StorageBusy`."""

CHECKED_NAMES = 256
"""Names that were checked and are remembered: a log has few, and each commit of it has them all."""

READS_LIMIT = 10_000
"""Default limit of reads that wait for their turn. Beyond it: `TooManyReads`."""


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """What a collection occupies. `corrupt` says what is wrong where sizes could not be read (they are 0)."""

    name: str
    snapshot_bytes: int
    log_commits: int
    log_bytes: int
    corrupt: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a collection's history has come: what `Loaded.vector` and `Loaded.remains` would be."""

    collection: str
    vector: Vector
    remains: bytes = b""


@dataclass(frozen=True, slots=True)
class StorageStats:
    """Counters since opening, and sizes now. `bytes` is what the medium holds; `backlog` is in bytes.

    `unuploaded_bytes` are acknowledged and in a folder alone, the oldest of them since `unuploaded_seconds`.
    `may_lack` is how many others may have acknowledged something that never came here.
    """

    collections: int
    bytes: int
    commits: int
    flushes: int
    last_flush_seconds: float
    backlog: int
    unuploaded_bytes: int = 0
    unuploaded_seconds: float = 0.0
    may_lack: int = 0

    @property
    def commits_per_flush(self) -> float:
        """Mean number of commits one flush carried."""
        return self.commits / self.flushes if self.flushes else 0.0


class Storage(ABC):
    """Commits and snapshots of many collections.

    One object belongs to one event loop. Any method called after `close` raises `StorageClosed`.
    """

    identity: str
    """Node id of this database, made when it is created and kept.

    The origin of the commits its holder writes is this and a timeline (`Commit`), behind the node's id if it
    has another one in a cluster.
    """

    shared: bool = False
    """Whether other processes write it at the same time."""

    @abstractmethod
    def append(self, commits: Sequence[Commit]) -> asyncio.Future[None]:
        """Store `commits`, of any collections, all or nothing; never blocks.

        Appends are stored in call order. The future completes, in call order, when the commits are durable.
        If it fails, none of them is stored: `SequenceConflict` (a sequence is not above what the collection
        holds of that node), `InvalidName`, `StorageBusy` (backlog limit; the future is already failed on
        return), `StorageFull`, `CollectionCorrupt`, `StorageError`. When an append fails because of the
        medium, appends to the same collections that were called before the failure was delivered fail with
        it, so that no later commit is stored without an earlier one.
        """

    def append_behind(
        self, commits: Sequence[Commit], known: Mapping[str, Vector]
    ) -> asyncio.Future[None]:  # nobody else writes, unless a storage says so
        """`append`, if nothing is stored of the collections in `known` that the vector there lacks.

        Else it fails with `StorageOutdated`, and so does what was called behind it of the collections that it
        changes. There may be no commits: then it only says whether `known` is all that there is.
        """
        return self.append(commits)

    def contested(self, collections: Iterable[str]) -> bool:
        """Whether others write one of them without a pause, so that whoever writes should be `queued`."""
        return False

    def queued(self, collections: Sequence[str]) -> AbstractAsyncContextManager[Mapping[str, Vector]]:
        """While the block runs it is this process's turn to `append_behind`: the others have been asked to
        wait, and those who had asked before were waited for. The value is what these have stored at least.

        Nobody is made to wait for long, and nothing depends on it but how often one is outrun.
        """
        return nullcontext({})

    @abstractmethod
    async def load(self, collection: str) -> Loaded:
        """All that is durable of a collection; an unknown one is empty. Raises `CollectionCorrupt`."""

    @abstractmethod
    async def commits_after(self, collection: str, vector: Vector, limit: int) -> tuple[Commit, ...] | None:
        """At most `limit` commits that `vector` does not cover, oldest first, in append order.

        None when the log does not reach back to it: the stored snapshot includes something `vector` does
        not, or a commit is on another timeline than `vector` has it. Raises `CollectionCorrupt`.
        """

    @abstractmethod
    async def compact(self, snapshot: Snapshot) -> None:
        """Store `snapshot` and drop exactly the commits its vector covers; durable on return.

        A reader sees the state before or the state after. Raises `StaleSnapshot` when the stored snapshot
        includes something that this one does not, `InvalidName`, `StorageBusy`, `StorageFull`,
        `CollectionCorrupt`, `StorageError`.
        """

    @abstractmethod
    async def list(self, prefix: str = "") -> list[CollectionInfo]:
        """The collections whose names start with `prefix`, in name order (of code points).

        Without those of which nothing but remains are left.
        """

    @abstractmethod
    async def standing(self, collection: str) -> Standing:
        """How far a collection has come, without loading it; an unknown one is at the beginning.

        Raises `CollectionCorrupt`; what is damaged may go unnoticed until it is loaded.
        """

    @abstractmethod
    async def standings_of(self, collections: Sequence[str]) -> list[Standing]:
        """The standings of these collections, all as of one moment; without those that cannot be read."""

    @abstractmethod
    async def standings(self, after: str = "", limit: int = 1_000) -> list[Standing]:
        """The standings of at most `limit` collections, in name order, from behind the name `after`.

        Also of those of which nothing but remains are left; without those that cannot be read.
        """

    @abstractmethod
    async def delete(self, collection: str, remains: bytes = b"") -> None:
        """Forget a collection, its sequences too; durable on return. Unknown: nothing is forgotten.

        `remains`, at most `MAX_REMAINS_BYTES`, are kept in its place: `load` gives them until the next
        deletion. Whoever sees the deletion sees them. Raises `StorageError` if there are more.
        """

    @abstractmethod
    async def erase(self, collection: str, remains: bytes = b"", snapshot: Snapshot | None = None) -> None:
        """`delete`, with `snapshot`, of the collection, in the place of what was there; durable on return.

        Then no byte of what the collection ever had is in any file or object of this storage. A process that
        ends before has not begun it, or the next opening completes it. If it fails, it may have begun: call
        it again then. Raises as `delete` and `compact` do.
        """

    async def require_room_to_erase(self, collection: str, snapshot: Snapshot | None = None) -> None:
        """Raise `StorageFull` if `erase` would find no room now, as far as the medium tells.

        Raises `InvalidName`, `StorageError`.
        """
        check_erasure(collection, b"", snapshot)

    @abstractmethod
    async def stats(self) -> StorageStats:
        """Sizes now and counters since opening."""

    async def recent_stats(self) -> StorageStats:  # of a medium of this machine it costs little
        """`stats` for who asks often: the sizes may be some seconds old, or older while nobody tells them."""
        return await self.stats()

    @abstractmethod
    async def close(self) -> None:
        """Make everything appended durable, then let go of the medium. Closing twice is allowed."""


def random_identity() -> str:
    """12 random hexadecimal digits."""
    return secrets.token_hex(6)


@lru_cache(CHECKED_NAMES)
def check_name(name: str) -> bytes:
    """`name` as UTF-8; raises `InvalidName`."""
    try:
        encoded = name.encode()
    except UnicodeEncodeError as error:
        raise InvalidName(f"name {name!r} is not encodable as UTF-8: {error.reason}") from None
    if not 0 < len(encoded) <= MAX_NAME_BYTES:
        raise InvalidName(f"name {name[:80]!r} has {len(encoded)} bytes; allowed are 1 to {MAX_NAME_BYTES}")
    return encoded


def check_commits(commits: Iterable[Commit]) -> None:
    """Raises `InvalidName` or `StorageError` for the first commit no storage would take."""
    for commit in commits:
        check_name(commit.collection)
        check_name(commit.origin)
        for origin in commit.after:
            check_name(origin)
        if len(commit.update) > MAX_UPDATE_BYTES:
            raise StorageError(
                f"update has {len(commit.update)} bytes; at most {MAX_UPDATE_BYTES} are allowed"
            )


def append_checked(
    commits: Sequence[Commit], append: Callable[[Sequence[Commit]], asyncio.Future[None]]
) -> asyncio.Future[None]:
    """What `append` answers, or why no storage would take the commits, as a future that has failed."""
    try:
        check_commits(commits)
    except StorageError as error:
        return refused(error)
    return append(commits)


def refused(error: StorageError) -> asyncio.Future[None]:
    """What an append answers of which nothing is stored."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.set_exception(error)
    return future


def check_remains(remains: bytes) -> None:
    """Raises `StorageError` if no storage would keep so much of a deleted collection."""
    if len(remains) > MAX_REMAINS_BYTES:
        raise StorageError(f"a deletion may leave {MAX_REMAINS_BYTES} bytes, not {len(remains)}")


def check_snapshot(snapshot: Snapshot) -> None:
    """Raises `InvalidName` if no storage would take the names in `snapshot`."""
    check_name(snapshot.collection)
    for origin in snapshot.vector:
        check_name(origin)


def check_erasure(collection: str, remains: bytes, snapshot: Snapshot | None) -> None:
    """Raises `InvalidName` or `StorageError` if no storage would take that in a collection's place."""
    check_name(collection)
    check_remains(remains)
    if snapshot is not None:
        check_snapshot(snapshot)
        if snapshot.collection != collection:
            raise StorageError(f"a snapshot of {snapshot.collection!r} takes no other collection's place")


def check_sequence(commit: Commit, last: int) -> None:
    """Raises `SequenceConflict` unless `commit` is above `last`, the highest stored of its writer."""
    if not last < commit.sequence <= MAX_SEQUENCE:
        raise SequenceConflict(
            f"commit {commit.origin}:{commit.sequence} of collection {commit.collection!r} must have a "
            f"sequence above {last} and at most {MAX_SEQUENCE}"
        )


def check_sequences(commits: Iterable[Commit], stored: Callable[[Commit], int]) -> None:
    """Raises `SequenceConflict` unless each commit is above those of its writer before it.

    `stored` is the highest sequence that the collection of a commit has of its writer.
    """
    last: dict[tuple[str, str], int] = {}
    for commit in commits:
        place = (commit.collection, writer_of(commit.origin))
        known = last.get(place)
        check_sequence(commit, stored(commit) if known is None else known)
        last[place] = commit.sequence


def check_fresh(snapshot: Snapshot, stored: Vector) -> None:
    """Raises `StaleSnapshot` unless `snapshot` includes all of `stored`, the stored snapshot's vector."""
    if not includes(snapshot.vector, stored):
        raise StaleSnapshot(
            f"snapshot of {snapshot.collection!r} includes {dict(snapshot.vector)}, "
            f"the stored one {dict(stored)}"
        )
