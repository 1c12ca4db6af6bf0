"""What a collection has come to on another node, for one that is behind its log there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from protobase_live.collection.former import History
from protobase_storage import Commit, Joint, Snapshot, Vector, sequence_of
from protobase_storage.commit import LEAP

_NO_UPDATE = b"\x00\x00"


@dataclass(frozen=True, slots=True)
class State:
    """It includes exactly the commits that ``vector`` covers, as updates in order."""

    collection: str
    history: History
    vector: Vector
    time: float
    """In Unix seconds."""
    updates: Sequence[bytes]

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(map(len, self.updates))


def leaps(snapshot: Snapshot, before: Vector, together: Sequence[str]) -> list[Commit]:
    """Commits that take a log from ``before`` to a snapshot, one for each node of which that has more.

    They leave out what is between: so several collections can be appended as one, which snapshots cannot. A
    log with leaps tells nobody what happened, and is folded at once. Until then they say which collections
    are taken ``together``: so whoever has begun to send one of them sees what belongs to it.
    """
    brought, of = snapshot.update, Joint(LEAP, tuple(together))
    found: list[Commit] = []
    for origin, sequence in snapshot.vector.items():
        if sequence > sequence_of(before, origin):
            place = origin, sequence, snapshot.collection
            found.append(Commit(*place, brought, (), snapshot.time, dict(before), of))
            brought = _NO_UPDATE
    return found
