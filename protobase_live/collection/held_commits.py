"""Commits of other nodes that lack something they were made on, until it comes."""

from __future__ import annotations

from collections.abc import Mapping

from protobase_storage import Commit, Vector, follows, sequence_of, writer_of

OVERHEAD_BYTES = 500
"""What holding a commit costs beside its update."""


class HeldCommits:
    """The commits that one collection holds; each follows one that is not here."""

    def __init__(self, most_bytes: int) -> None:
        """``most_bytes`` bounds what is held. What is more is let go of: who sent it sends it again."""
        self._most_bytes = most_bytes
        self._bytes = 0
        self._commits: dict[str, dict[int, Commit]] = {}
        """By writer and sequence; none of them is empty."""

    def __len__(self) -> int:
        return sum(map(len, self._commits.values()))

    def add(self, commit: Commit) -> None:
        """Hold a commit, once however often it comes."""
        size, writer = size_of(commit), writer_of(commit.origin)
        if commit.sequence not in self._commits.get(writer, {}) and self._bytes + size <= self._most_bytes:
            self._commits.setdefault(writer, {})[commit.sequence] = commit
            self._bytes += size

    def take_next(self, vector: Vector) -> Commit | None:
        """A commit that follows ``vector``, held no more; None if there is none."""
        # One look at each writer is enough: of what it has made only its next commit can follow.
        for commits in self._commits.values():
            commit = commits.get(_reached(vector, commits) + 1)
            if commit is not None and follows(vector, commit):
                self.discard(commit)
                return commit
        return None

    def discard(self, commit: Commit) -> None:
        """Hold a commit no more. Harmless if it is not held."""
        writer = writer_of(commit.origin)
        held = self._commits.get(writer, {}).pop(commit.sequence, None)
        if held is not None:
            self._bytes -= size_of(held)
            if not self._commits[writer]:
                del self._commits[writer]

    def forget(self, vector: Vector) -> None:
        """Let go of what ``vector`` includes."""
        for commits in list(self._commits.values()):
            reached = _reached(vector, commits)
            for commit in [each for each in commits.values() if each.sequence <= reached]:
                self.discard(commit)


def _reached(vector: Vector, commits: Mapping[int, Commit]) -> int:
    """How much of the writer of these ``vector`` includes."""
    return sequence_of(vector, next(iter(commits.values())).origin)


def size_of(commit: Commit) -> int:
    """How many bytes it takes to hold a commit."""
    return len(commit.update) + OVERHEAD_BYTES
