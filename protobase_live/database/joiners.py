"""What Yjs clients that join are sent: a state encoded once, and what came after it."""

from __future__ import annotations

from collections.abc import Sequence

from pycrdt import get_update

from protobase_live.document import EMPTY_STATE, EMPTY_UPDATE, Document, merge
from protobase_live.errors import MalformedUpdate
from protobase_storage import Commit, Vector, covers, includes

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
        self._merged: list[bytes] | None = None

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
        try:
            if state != EMPTY_STATE:
                return [document.encode(state)]
            if len(self._tail) > TAIL_COMMITS and self.size <= FRESH_ENCODE_BYTES:
                self.rebase(document.encode(), vector, ())
        except MalformedUpdate:  # what came in can be passed on, even where pycrdt cannot encode it anew
            return [get_update(merge([self._base, *self._updates()]), state)]
        return [self._base, *self._updates()]

    def _updates(self) -> list[bytes]:
        """What came after the base: one update or none."""
        if self._merged is None:
            self._merged = [merge([commit.update for commit in self._tail])] if self._tail else []
        return self._merged
