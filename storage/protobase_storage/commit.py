"""The values that go in and out of a storage, and the arithmetic of version vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Vector = Mapping[str, int]
"""Origin to the highest sequence included, one origin for each writer. One that is absent counts as 0."""

NOTHING: Vector = {}
"""Where every history begins."""

TIMELINE_MARK = "/"
"""Between the parts of an origin, WRITER or WRITER/TIMELINE, and those of a writer, NODE or NODE/HISTORY."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one author touched in a commit: (structure name, key or None) pairs."""

    author: str | None
    keys: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Joint:
    """A transaction over several collections: a name that no other has, and its collections in order."""

    id: str
    collections: tuple[str, ...]


LEAP = "leap"
"""The id of what is no transaction: such commits take logs to what collections have come to elsewhere."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One step of one collection. `update` is opaque.

    `sequence` counts the writer's commits from 1, through all its timelines. `time` is in Unix seconds, and
    above that of every commit in `after`. Commits of earlier versions have an empty `after`.
    """

    origin: str
    sequence: int
    collection: str
    update: bytes
    parts: tuple[Part, ...]
    time: float
    after: Vector = field(default_factory=dict[str, int], hash=False)
    """What its node had of the collection when it was made: it has effect only where all of that is."""
    joint: Joint | None = None
    """The transaction that it is a part of, if that has parts in other collections."""
    head: bytes = field(default=b"", init=False, repr=False, compare=False)
    """All but the origin, sequence, collection and update as bytes, once they were packed or read as such."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A collection's state as one update that includes exactly the commits `vector` covers."""

    collection: str
    update: bytes
    vector: Vector
    time: float


@dataclass(frozen=True, slots=True)
class Loaded:
    """A collection as stored: the snapshot, and in append order the commits it does not cover.

    `remains` is what the last deletion left of the history before this one.
    """

    snapshot: Snapshot | None
    commits: tuple[Commit, ...]
    remains: bytes = b""

    @property
    def updates(self) -> list[bytes]:
        """All of it, as Yjs updates in order."""
        folded = [self.snapshot.update] if self.snapshot else []
        return [*folded, *(commit.update for commit in self.commits)]

    @property
    def vector(self) -> dict[str, int]:
        """What snapshot and commits include together."""
        last: dict[str, Commit] = {}
        for commit in self.commits:
            known = last.get(writer := writer_of(commit.origin))
            if known is None or known.sequence < commit.sequence:
                last[writer] = commit
        base = self.snapshot.vector if self.snapshot else NOTHING
        return join(base, {commit.origin: commit.sequence for commit in last.values()})

    def has_been_at(self, vector: Vector) -> bool:
        """Whether this history, as far as it is told, went through `vector`.

        A position of another timeline, one that is not reached yet and one that the snapshot has left
        behind are none of it.
        """
        base = self.snapshot.vector if self.snapshot else NOTHING
        told = {*base.items(), *((commit.origin, commit.sequence) for commit in self.commits)}
        return includes(vector, base) and all(position in told for position in vector.items())


def is_leap(commit: Commit) -> bool:
    """Whether it leaves out what is between, and which transactions that was a part of.

    Only with all others of its id it is what its vector says: the first one of a collection brings all.
    """
    return commit.joint is not None and commit.joint.id == LEAP


def node_of(origin: str) -> str:
    """The node of an origin, whatever it writes as."""
    return origin.partition(TIMELINE_MARK)[0]


def writer_of(origin: str) -> str:
    """Whose commits are counted: the origin without the timeline."""
    return origin.rpartition(TIMELINE_MARK)[0] or origin


def sequence_of(vector: Vector, origin: str) -> int:
    """How much of the origin's writer `vector` includes, whatever the timeline."""
    sequence = vector.get(origin)
    if sequence is None:
        writer = writer_of(origin)
        sequence = max((each for other, each in vector.items() if writer_of(other) == writer), default=0)
    return sequence


def include(vector: dict[str, int], commit: Commit) -> None:
    """Have `vector` include a commit that is above what it has of its writer."""
    if commit.origin not in vector:  # its writer has begun another timeline, or is a new one
        for former in [each for each in vector if writer_of(each) == writer_of(commit.origin)]:
            del vector[former]
    vector[commit.origin] = commit.sequence


def is_elsewhere(vector: Vector, origin: str, sequence: int) -> bool:
    """Whether `vector` has another commit in the place of this one."""
    return origin not in vector and sequence_of(vector, origin) == sequence


def covers(vector: Vector, commit: Commit) -> bool:
    """Whether `vector` includes `commit`, or another commit in its place."""
    return sequence_of(vector, commit.origin) >= commit.sequence


def follows(vector: Vector, commit: Commit) -> bool:
    """Whether `commit` is the next of its writer, and `vector` includes all that it was made on."""
    is_next = sequence_of(vector, commit.origin) + 1 == commit.sequence
    return is_next and includes(vector, commit.after)


def includes(vector: Vector, other: Vector) -> bool:
    """Whether `vector` includes everything `other` does.

    Of two timelines of a writer that have come equally far, neither includes the other.
    """
    for origin, sequence in other.items():  # a loop: it is asked of each commit of a log
        if vector.get(origin, 0) < sequence and sequence_of(vector, origin) <= sequence:
            return False
    return True


def join(vector: Vector, other: Vector) -> dict[str, int]:
    """The smallest vector that includes both: of each writer the timeline that has come further."""
    joined = dict(vector)
    for origin, sequence in other.items():
        if origin in joined:
            joined[origin] = max(joined[origin], sequence)
            continue
        writer = writer_of(origin)
        known = next((each for each in joined if writer_of(each) == writer), None)
        if known is None:
            joined[origin] = sequence
        elif joined[known] < sequence:
            del joined[known]
            joined[origin] = sequence
    return joined
