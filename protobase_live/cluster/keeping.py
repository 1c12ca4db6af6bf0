"""What the logs keep for other nodes when they are folded, so that a node that was away needs no snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from protobase_live.collection.former import history_of
from protobase_storage import Commit, Loaded, Vector, covers, includes

if TYPE_CHECKING:  # a database that has no links starts without what goes through them
    from protobase_live.cluster.outgoing import Outgoing

OVERHEAD_BYTES = 200
"""What a commit in a log costs beside its update, when it is stored and when it is loaded."""


class Keeping:
    """How far all other nodes are, as far as that is known, be they linked now or not."""

    def __init__(self, most_bytes: int, most_nodes: int) -> None:
        """``most_bytes`` of one log are kept; ``most_nodes`` that are not linked are remembered."""
        self.configured = 1
        """How many nodes the cluster has, this one included, as far as it is told so."""
        self._most_bytes = most_bytes
        self._most_nodes = most_nodes
        self._nodes: dict[str, Outgoing] = {}
        """By node, who was linked last at the end: what it has said, in its last link."""
        self._kept: dict[str, int] = {}
        """Bytes that the log of a collection keeps for them, where it does."""

    @property
    def nodes(self) -> Sequence[str]:
        """The other nodes that were linked with this one since it has started, as far as is remembered."""
        return list(self._nodes)

    @property
    def bytes(self) -> int:
        """Bytes that all logs keep for other nodes alone, as of when each was folded."""
        return sum(self._kept.values())

    def met(self, node: str, outgoing: Outgoing) -> None:
        """Another node is linked, and says how far it is."""
        if (former := self._nodes.pop(node, None)) is not None:
            outgoing.follow(former)
        self._nodes[node] = outgoing
        if len(self._nodes) > self._most_nodes:
            del self._nodes[next(iter(self._nodes))]

    def left_in_log(self, collection: str, stored: Loaded, retained: int) -> int:
        """How many of the newest commits of a log folding leaves there, at least ``retained``."""
        commits = stored.commits
        left = retained
        for position in self._positions(collection, stored):
            lacking = _behind(commits, position)
            if lacking > left and _bytes(commits[-lacking:]) <= self._most_bytes:
                left = lacking
        self.forget(collection)
        if left > retained:
            self._kept[collection] = _bytes(commits[len(commits) - left : len(commits) - retained])
        return left

    def forget(self, collection: str) -> None:
        """The log of a collection has been replaced by something else."""
        self._kept.pop(collection, None)

    def _positions(self, collection: str, stored: Loaded) -> list[Vector]:
        """How far those nodes are at least that can go on from the log.

        Of one that has not been linked since this node started nothing is known: it may need all of it.
        """
        here = history_of(stored.remains)
        folded: Vector = stored.snapshot.vector if stored.snapshot else {}
        told = [each.position(collection, here, folded) for each in self._nodes.values()]
        unheard = [folded] if len(self._nodes) < self.configured - 1 else []
        return [each for each in told if each is not None] + unheard


def _behind(commits: Sequence[Commit], vector: Vector) -> int:
    """How many of the newest commits there are from the first on that a vector lacks."""
    if includes(vector, Loaded(None, tuple(commits)).vector):
        return 0
    return next((len(commits) - at for at, each in enumerate(commits) if not covers(vector, each)), 0)


def _bytes(commits: Sequence[Commit]) -> int:
    return sum(len(each.update) + OVERHEAD_BYTES for each in commits)
