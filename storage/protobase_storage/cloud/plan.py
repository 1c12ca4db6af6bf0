"""What the collections will be when all that was accepted is durable: by this, new calls are checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..commit import Commit, Snapshot, Vector, join, sequence_of
from ..contract import check_fresh, check_sequences
from .state import State


@dataclass(slots=True)
class _Head:
    """What a collection includes, its snapshot's vector, and that of one which is being stored."""

    vector: dict[str, int]
    snapshot: Vector
    coming: Vector | None = None


class Plan:
    """A view on the state that runs ahead of it. `reset` when something that was accepted is not stored."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._heads: dict[str, _Head] = {}

    def append(self, commits: Sequence[Commit]) -> None:
        """Check commits, and count on them. Raises `SequenceConflict`, `CollectionCorrupt`."""
        check_sequences(commits, self._known)
        for commit in commits:
            head = self._find(commit.collection)
            head.vector = join(head.vector, {commit.origin: commit.sequence})

    def _known(self, commit: Commit) -> int:
        head = self._find(commit.collection)
        coming = sequence_of(head.coming, commit.origin) if head.coming else 0
        return max(coming, sequence_of(head.vector, commit.origin))

    def begin(self, snapshot: Snapshot) -> None:
        """Check a snapshot, and count on it. Raises `StaleSnapshot`, `CollectionCorrupt`."""
        head = self._find(snapshot.collection)
        check_fresh(snapshot, head.snapshot)
        head.coming = snapshot.vector

    def end(self, snapshot: Snapshot, stored: bool) -> None:
        """It counts now, or it does not come."""
        head = self._find(snapshot.collection)
        head.coming = None
        if stored:
            head.snapshot = snapshot.vector
            head.vector = join(head.vector, snapshot.vector)

    def delete(self, collection: str, vector: Vector) -> None:
        """Count on a deletion, and on a snapshot with this vector in the place of what was there."""
        self._heads[collection] = _Head(dict(vector), vector)

    def reset(self) -> None:
        """Begin again with what is durable."""
        self._heads.clear()

    def _find(self, name: str) -> _Head:
        head = self._heads.get(name)
        if head is None:
            head = self._heads[name] = self._read(name)
        return head

    def _read(self, name: str) -> _Head:
        stored = self._state.collections.get(name)
        if stored is None:
            return _Head({}, {})
        stored.check(name)
        ref = stored.entry.snapshot
        return _Head(stored.vector, ref.vector if ref else {})
