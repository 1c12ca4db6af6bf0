"""Recent commits of all collections, packed once for all nodes that are sent them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from protobase_storage import Commit, Vector, covers, include, includes
from protobase_storage.commit_format import pack_commit

OVERHEAD_BYTES = 1_000
"""What keeping a commit costs beside its update, packed once and as an object."""


@dataclass(slots=True)
class Packed:
    """A commit as it is sent: packed for the first node that is sent it, and kept so for the others."""

    commit: Commit
    number: int = 0
    """Of those that were kept, in the order in which they came."""
    _form: bytes = b""

    @property
    def form(self) -> bytes:
        """Its bytes on the wire."""
        if not self._form:
            self._form = pack_commit(self.commit)
        return self._form

    @property
    def size(self) -> int:
        """About how many bytes it takes in memory."""
        return len(self.commit.update) + OVERHEAD_BYTES


@dataclass(slots=True)
class _Tail:
    """The last commits of one collection."""

    base: dict[str, int]
    """What was there before them."""
    commits: deque[Packed] = field(default_factory=deque[Packed])


class Recent:
    """The tails of the logs of all collections, together at most so many bytes."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self.count = 0
        """How many were ever kept, and so the number of the latest."""
        self._bytes = 0
        self._tails: dict[str, _Tail] = {}
        self._order: deque[tuple[str, _Tail]] = deque()
        """Whose commit came first, for each commit that is kept."""

    def push(self, collection: str, commits: Sequence[Commit], before: Vector) -> None:
        """These have followed ``before``, which is all that was there."""
        tail = self._tails.get(collection)
        if tail is None:
            tail = self._tails[collection] = _Tail(dict(before))
        for commit in commits:
            self.count += 1
            kept = Packed(commit, self.count)
            tail.commits.append(kept)
            self._order.append((collection, tail))
            self._bytes += kept.size
        while self._bytes > self._most_bytes:
            self._let_go_of_oldest()

    def after(self, collection: str, vector: Vector, since: int) -> list[Packed] | None:
        """The commits behind number ``since`` that ``vector`` lacks, in order; None: the log has to be asked.

        Looks at no commit before that, so a node that is up to date costs what is new.
        """
        tail = self._tails.get(collection)
        if tail is None or not includes(vector, tail.base):
            return None
        found: list[Packed] = []
        for kept in reversed(tail.commits):
            if kept.number <= since:
                break
            if not covers(vector, kept.commit):
                found.append(kept)
        found.reverse()
        return found

    def forget(self, collection: str) -> None:
        """What is kept of a collection is not what its log has any more."""
        tail = self._tails.pop(collection, None)
        if tail is not None:
            self._bytes -= sum(each.size for each in tail.commits)
            tail.commits.clear()

    def clear(self) -> None:
        """Nobody is sent anything."""
        self._bytes = 0
        self._tails.clear()
        self._order.clear()

    def _let_go_of_oldest(self) -> None:
        collection, tail = self._order.popleft()
        if not tail.commits:  # it was forgotten
            return
        kept = tail.commits.popleft()
        self._bytes -= kept.size
        include(tail.base, kept.commit)
        if not tail.commits:
            del self._tails[collection]
