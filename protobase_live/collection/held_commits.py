"""Commits of other nodes that lack something they were made on, until it comes."""

from __future__ import annotations

from protobase_storage import Commit, Vector, follows, node_of, sequence_of

OVERHEAD_BYTES = 500
"""What holding a commit costs beside its update."""


class HeldCommits:
    """The commits that one collection holds; each follows one that is not here."""

    def __init__(self, most_bytes: int) -> None:
        """``most_bytes`` bounds what is held. What is more is let go of: who sent it sends it again."""
        self._most_bytes = most_bytes
        self._bytes = 0
        self._commits: dict[str, dict[int, Commit]] = {}
        """By node and sequence."""

    def __len__(self) -> int:
        return sum(map(len, self._commits.values()))

    def add(self, commit: Commit) -> None:
        """Hold a commit, once however often it comes."""
        size = size_of(commit)
        of_node = self._commits.setdefault(node_of(commit.origin), {})
        if commit.sequence not in of_node and self._bytes + size <= self._most_bytes:
            of_node[commit.sequence] = commit
            self._bytes += size

    def take_next(self, vector: Vector) -> Commit | None:
        """A commit that follows ``vector``, held no more; None if there is none."""
        # One look at each node is enough: of what it has sent only its next commit can follow.
        for node, commits in self._commits.items():
            commit = commits.get(sequence_of(vector, node) + 1)
            if commit is not None and follows(vector, commit):
                self.discard(commit)
                return commit
        return None

    def discard(self, commit: Commit) -> None:
        """Hold a commit no more. Harmless if it is not held."""
        node = node_of(commit.origin)
        held = self._commits.get(node, {}).pop(commit.sequence, None)
        if held is not None:
            self._bytes -= size_of(held)
            if not self._commits[node]:
                del self._commits[node]

    def forget(self, vector: Vector) -> None:
        """Let go of what ``vector`` includes."""
        for node, commits in list(self._commits.items()):
            for commit in [each for each in commits.values() if each.sequence <= sequence_of(vector, node)]:
                self.discard(commit)


def size_of(commit: Commit) -> int:
    """How many bytes it takes to hold a commit."""
    return len(commit.update) + OVERHEAD_BYTES
