"""Where what a collection has shown goes on to: the other nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from protobase_live.collection.former import History
from protobase_storage import Commit, Loaded, Vector


class Outlet(Protocol):
    """Is told in the event loop, and must neither wait nor raise."""

    def shown(self, collection: str, commits: Sequence[Commit], before: Vector) -> None:
        """These commits are durable and shown, in this order; ``before`` is what was shown before them."""
        ...

    def loaded(self, collection: str, history: History, vector: Vector, remains: bytes) -> None:
        """A collection was loaded: of this history, and as far as ``vector``, is durable here. ``remains`` is
        what the last deletion left.

        That can be more than was told before: what ended its actor may have come between a write and showing
        it, and of several writes that belong together the last one may have failed.
        """
        ...

    def left_in_log(self, collection: str, stored: Loaded, retained: int) -> int:
        """How many of the newest commits of a log stay there when it is folded.

        ``retained`` stay anyway; more do for nodes that lack them.
        """
        ...

    def replaced(self, collection: str, history: History) -> None:
        """What is durable of a collection has become something else, a snapshot or another history.

        ``history`` is the one that is there now.
        """
        ...

    def holds(self, collection: str, count: int) -> None:
        """So many commits of other nodes wait in a collection for what they lack."""
        ...
