"""The values that go in and out of a storage, and the arithmetic of version vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Vector = Mapping[str, int]
"""Origin to the highest sequence included. An origin that is absent counts as 0: nothing included."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one author touched in a commit: (structure name, key or None) pairs."""

    author: str | None
    keys: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Commit:
    """One step of one collection. `update` is opaque, `sequence` counts from 1, `time` is in Unix seconds."""

    origin: str
    sequence: int
    collection: str
    update: bytes
    parts: tuple[Part, ...]
    time: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A collection's state as one update that includes exactly the commits `vector` covers."""

    collection: str
    update: bytes
    vector: Vector
    time: float


@dataclass(frozen=True, slots=True)
class Loaded:
    """A collection as stored: the snapshot, and in append order the commits it does not cover."""

    snapshot: Snapshot | None
    commits: tuple[Commit, ...]

    @property
    def vector(self) -> dict[str, int]:
        """What snapshot and commits include together."""
        vector = dict(self.snapshot.vector) if self.snapshot else {}
        for commit in self.commits:
            vector[commit.origin] = max(vector.get(commit.origin, 0), commit.sequence)
        return vector


def covers(vector: Vector, commit: Commit) -> bool:
    """Whether `vector` includes `commit`."""
    return vector.get(commit.origin, 0) >= commit.sequence


def includes(vector: Vector, other: Vector) -> bool:
    """Whether `vector` includes everything `other` does."""
    return all(vector.get(origin, 0) >= sequence for origin, sequence in other.items())


def join(vector: Vector, other: Vector) -> dict[str, int]:
    """The smallest vector that includes both."""
    joined = dict(vector)
    for origin, sequence in other.items():
        joined[origin] = max(joined.get(origin, 0), sequence)
    return joined
