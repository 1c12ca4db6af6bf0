"""What waits for the writer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..commit import Commit, Snapshot, Vector, includes, join, sequence_of
from ..contract import check_fresh, check_sequences
from ..errors import StaleSnapshot, StorageError, StorageOutdated
from .heads import Heads
from .stored import Stored
from .values import Deleted, Effect, Published


class Replaced(StorageError):
    """Another process has deleted the collection: what was written is of a history that is over."""

    def __init__(self, collection: str) -> None:
        super().__init__(f"{collection!r} was deleted meanwhile, by another process")


BEATEN = Replaced, StorageOutdated
"""Why something is not stored though the stream takes what it is given: what was called behind it, of what it
changes, was made on it."""


class Plan:
    """What the collections will be once those works are stored that were checked before."""

    def __init__(self, heads: Heads, is_followed: Callable[[str], bool]) -> None:
        """Of what ``is_followed``, commits were made on what is stored: they follow nothing else."""
        self._heads = heads
        self._is_followed = is_followed
        self._vectors: dict[str, Vector] = {}
        self._deleted: set[str] = set()
        self._lost: dict[str, StorageError] = {}

    def append(self, commits: Sequence[Commit], known: Mapping[str, Vector]) -> None:
        """Check commits, and count on them. Raises `SequenceConflict`, `Replaced`, `StorageOutdated`."""
        for name in (*known, *(commit.collection for commit in commits)):
            if name in self._lost:
                raise self._lost[name]
        check_sequences(commits, self._known)
        self._check_known(known)
        for commit in commits:
            self._check_base(commit)
            vector = self._vectors.get(commit.collection, {})
            self._vectors[commit.collection] = join(vector, {commit.origin: commit.sequence})

    def compact(self, snapshot: Snapshot, put: Published | None) -> None:
        """Check a snapshot, and count on it. Raises `StaleSnapshot`, also for one that was ``put`` while what
        it is of was deleted."""
        name = snapshot.collection
        is_over = self._heads.known(name).coming is None
        if put and (is_over or self._heads.may_be_gone(name, put.update)):
            raise StaleSnapshot(f"{name!r} was deleted while a snapshot of it was put")
        check_fresh(snapshot, {} if name in self._deleted else self._heads.known(name).snapshot)
        self._vectors[name] = join(self._vectors.get(name, {}), snapshot.vector)

    def delete(self, collection: str, vector: Vector) -> None:
        """Count on a deletion, and on a snapshot with this vector in the place of what was there."""
        self._deleted.add(collection)
        self._vectors[collection] = vector
        self._lost.pop(collection, None)

    def lose(self, work: AnyWork) -> None:
        """Do not count on what was made on this work, if that is beaten."""
        if isinstance(work.error, BEATEN):
            self._lost |= dict.fromkeys(work.changed, work.error)

    def _check_known(self, known: Mapping[str, Vector]) -> None:
        there = {name: self._heads.known(name).vector for name in known if name not in self._deleted}
        if more := {name: vector for name, vector in there.items() if not includes(known[name], vector)}:
            raise StorageOutdated(more)
        for name, vector in known.items():
            self._check_vector(name, vector)

    def _check_base(self, commit: Commit) -> None:
        self._check_vector(commit.collection, commit.after)

    def _check_vector(self, name: str, vector: Vector) -> None:
        if self._is_followed(name) and name not in self._deleted:
            here = join(self._heads.known(name).vector, self._vectors.get(name, {}))
            if not includes(here, vector):
                raise Replaced(name)

    def _known(self, commit: Commit) -> int:
        planned = sequence_of(self._vectors.get(commit.collection, {}), commit.origin)
        if commit.collection in self._deleted:
            return planned
        return max(planned, self._heads.known(commit.collection).known(commit))


@dataclass(slots=True, eq=False)
class Work:
    """Something that was called. `future` is its caller's, `weight` its bytes in the backlog."""

    future: asyncio.Future[None]
    weight: int
    error: StorageError | None = None

    @property
    def collections(self) -> tuple[str, ...]:
        """Those that it concerns."""
        raise NotImplementedError

    @property
    def changed(self) -> tuple[str, ...]:
        """Those that it changes."""
        return self.collections

    def settle(self) -> None:
        """Answer, unless the caller was cancelled."""
        if self.future.done():
            return
        if self.error:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(None)


@dataclass(slots=True, eq=False)
class Append(Work):
    """Commits that are stored together, if nothing is stored of the collections in `known` beside that."""

    commits: Sequence[Commit] = ()
    known: Mapping[str, Vector] = field(default_factory=dict[str, Vector])

    @property
    def collections(self) -> tuple[str, ...]:
        """Those that it changes, and those that it relies on."""
        return tuple(dict.fromkeys((*self.changed, *self.known)))

    @property
    def changed(self) -> tuple[str, ...]:
        """Those that it changes."""
        return tuple(dict.fromkeys(commit.collection for commit in self.commits))

    def check(self, plan: Plan) -> None:
        """Raises `StorageError` if it cannot be stored behind what is planned."""
        plan.append(self.commits, self.known)

    def effects(self) -> Mapping[str, Sequence[Effect]]:
        """What it does, by collection."""
        told: dict[str, list[Effect]] = {}
        for commit in self.commits:
            told.setdefault(commit.collection, []).append(commit)
        return told


@dataclass(slots=True, eq=False)
class Deletion(Work):
    """A collection to be forgotten; `instead`, which is this `snapshot`, takes its place."""

    collection: str = ""
    remains: bytes = b""
    snapshot: Snapshot | None = None
    instead: Published | None = None
    number: int = 0
    """That of its message, once it is stored."""

    @property
    def collections(self) -> tuple[str, ...]:
        """The one that it changes."""
        return (self.collection,)

    def check(self, plan: Plan) -> None:
        """It can always be stored."""
        plan.delete(self.collection, self.instead.vector if self.instead else {})

    def effects(self) -> Mapping[str, Sequence[Effect]]:
        """What it does."""
        deleted = Deleted(self.remains)
        return {self.collection: [deleted, self.instead] if self.instead else [deleted]}


@dataclass(slots=True, eq=False)
class Compaction(Work):
    """A snapshot. It has its place among the calls when it is checked first, and counts once it is put."""

    snapshot: Snapshot = field(kw_only=True)
    before: Stored | None = None
    """What was there when it was put."""
    published: Published | None = None

    @property
    def collections(self) -> tuple[str, ...]:
        """The one that it changes."""
        return (self.snapshot.collection,)

    def check(self, plan: Plan) -> None:
        """Raises `StaleSnapshot`."""
        plan.compact(self.snapshot, self.published)

    def effects(self) -> Mapping[str, Sequence[Effect]]:
        """What it does, once it is put."""
        assert self.published is not None
        return {self.snapshot.collection: [self.published]}


AnyWork = Append | Deletion | Compaction


class Claims:
    """What is to be appended, and what it relies on, by collection."""

    def __init__(self, works: Iterable[AnyWork]) -> None:
        self._commits: dict[str, list[Commit]] = {}
        self._known: dict[str, list[Vector]] = {}
        for work in works:
            if isinstance(work, Append):
                for commit in work.commits:
                    self._commits.setdefault(commit.collection, []).append(commit)
                for name, vector in work.known.items():
                    self._known.setdefault(name, []).append(vector)

    def contradict(self, name: str, vector: Vector) -> bool:
        """Whether some of it would be refused if a collection were as far as ``vector``."""
        is_known = all(includes(known, vector) for known in self._known.get(name, ()))
        commits = self._commits.get(name, ())
        return not is_known or any(each.sequence <= sequence_of(vector, each.origin) for each in commits)
