"""What Yjs clients that join are sent: a state encoded once, and what came after it."""

from __future__ import annotations

from collections.abc import Sequence

from protobase_storage import Commit, Vector, covers, includes

from protobase_live.document import EMPTY_STATE, EMPTY_UPDATE, Document, merge

FRESH_ENCODE_BYTES = 1024 * 1024
"""Largest document that is encoded afresh for joiners; a larger one is sent as its snapshot and what came
after, because encoding would hold up everybody else."""

TAIL_COMMITS = 64
"""Commits after the cached state that are sent as they are; with more, a small document is encoded afresh."""


class JoinState:
    """The cached state of one collection, kept up by every turn."""

    def __init__(self) -> None:
        self.rebase(EMPTY_UPDATE, {}, ())

    @property
    def size(self) -> int:
        """About how many bytes the document takes."""
        return len(self._base) + self._tail_bytes

    def rebase(self, state: bytes, vector: Vector, tail: Sequence[Commit]) -> None:
        """``state`` includes what ``vector`` covers, ``tail`` is what came after it."""
        self._base = state
        self._vector = dict(vector)
        self._tail = list(tail)
        self._tail_bytes = sum(len(commit.update) for commit in tail)
        self._merged: bytes | None = None

    def folded(self, state: bytes, vector: Vector) -> None:
        """The storage has a new snapshot: let go of the commits it covers."""
        if includes(vector, self._vector):
            self.rebase(state, vector, [commit for commit in self._tail if not covers(vector, commit)])

    def add(self, commit: Commit) -> None:
        """A turn has changed the document."""
        self._tail.append(commit)
        self._tail_bytes += len(commit.update)
        self._merged = None

    def answer(self, document: Document, state: bytes, vector: Vector) -> list[bytes]:
        """The updates that give somebody with the state vector ``state`` everything, in order.

        ``vector`` says what ``document`` includes.
        """
        if state != EMPTY_STATE:
            return [document.encode(state)]
        if len(self._tail) > TAIL_COMMITS and self.size <= FRESH_ENCODE_BYTES:
            self.rebase(document.encode(), vector, ())
        if not self._tail:
            return [self._base]
        if self._merged is None:
            self._merged = merge([commit.update for commit in self._tail])
        return [self._base, self._merged]
