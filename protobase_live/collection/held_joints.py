"""Transactions of other nodes over several collections that cannot be shown before what they lack comes."""

from __future__ import annotations

from collections.abc import Mapping

from protobase_live.collection.former import History
from protobase_live.collection.held_commits import size_of
from protobase_storage import Commit, Joint, Vector, sequence_of

Parts = dict[str, Commit]
"""The commits of one transaction, by collection."""

NONE_KNOWN: Mapping[str, History] = {}


class HeldJoints:
    """The parts that have come of each transaction."""

    def __init__(self, most_bytes: int) -> None:
        """``most_bytes`` bounds what is held of all. What is more is let go of, a transaction as a whole: who
        sent it sends it again.
        """
        self._most_bytes = most_bytes
        self._bytes = 0
        self._joints: dict[Joint, Parts] = {}
        self._of: dict[str, dict[Joint, Commit]] = {}
        """The same by collection."""
        self._histories: dict[Joint, dict[str, History]] = {}
        """Which histories of their collections the parts are of, where that is known."""

    def __len__(self) -> int:
        return sum(map(len, self._joints.values()))

    def count(self, collection: str) -> int:
        """How many commits of a collection are held."""
        return len(self._of.get(collection, ()))

    def add(
        self, joint: Joint, parts: Mapping[str, Commit], histories: Mapping[str, History] = NONE_KNOWN
    ) -> None:
        """Hold these parts, of these ``histories``, with those that are held."""
        of = self.histories(joint) | {each: histories[each] for each in parts if each in histories}
        all_parts = self.take(joint) | dict(parts)
        size = _size(all_parts)
        if self._bytes + size > self._most_bytes:
            return
        self._bytes += size
        self._joints[joint], self._histories[joint] = all_parts, of
        for collection, commit in all_parts.items():
            self._of.setdefault(collection, {})[joint] = commit

    def forget(self, collection: str) -> None:
        """Let go of the transactions that have a part in a collection; they are sent again."""
        for joint in list(self._of.get(collection, ())):
            self.take(joint)

    def due(self, collection: str, vector: Vector) -> list[Joint]:
        """The transactions of whose part of this collection nothing lacks that its node made before."""
        return [
            joint
            for joint, commit in self._of.get(collection, {}).items()
            if commit.sequence <= sequence_of(vector, commit.origin) + 1
        ]

    def histories(self, joint: Joint) -> dict[str, History]:
        """Which histories of their collections the held parts are of, where that is known."""
        return dict(self._histories.get(joint, {}))

    def take(self, joint: Joint) -> Parts:
        """The parts of a transaction, held no more; none if it is not held."""
        parts = self._joints.pop(joint, {})
        self._histories.pop(joint, None)
        self._bytes -= _size(parts)
        for collection in parts:
            del self._of[collection][joint]
            if not self._of[collection]:
                del self._of[collection]
        return parts


def _size(parts: Mapping[str, Commit]) -> int:
    return sum(map(size_of, parts.values()))
