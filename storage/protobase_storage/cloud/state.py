"""Everything durable, as the one writer knows it: the catalogue, and the commits of the slots since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from ..commit import Commit, covers, join
from ..errors import CollectionCorrupt
from .values import Damaged, Deleted, Effect, Entry, Published


@dataclass(slots=True)
class Stored:
    """A collection: its entry, and in append order the commits since that its snapshot does not cover."""

    entry: Entry = field(default_factory=Entry)
    tail: list[Commit] = field(default_factory=list[Commit])
    vector: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def is_deleted(self) -> bool:
        """Whether nothing but remains is left."""
        entry = self.entry
        return not (entry.snapshot or entry.pieces or self.tail or entry.damage)

    @property
    def snapshot_bytes(self) -> int:
        """Bytes of the snapshot's update."""
        return self.entry.snapshot.length if self.entry.snapshot else 0

    @property
    def log_commits(self) -> int:
        """Commits that the snapshot does not cover."""
        return sum(piece.commits for piece in self.entry.pieces) + len(self.tail)

    @property
    def log_bytes(self) -> int:
        """Bytes of their updates."""
        tail = sum(len(commit.update) for commit in self.tail)
        return sum(piece.update_bytes for piece in self.entry.pieces) + tail

    def check(self, name: str) -> None:
        """Raises `CollectionCorrupt` if it is known to be damaged."""
        if self.entry.damage is not None:
            raise CollectionCorrupt(name, self.entry.damage)


class State:
    """The collections by name. Changed by effects that are durable, and by nothing else."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self.collections = {name: Stored(entry, [], entry.vector) for name, entry in entries.items()}

    def apply(self, effects: Iterable[Effect]) -> None:
        """Take the effects of a slot, in order."""
        for effect in effects:
            self._apply(effect)

    def _apply(self, effect: Effect) -> None:
        name = effect.collection
        if isinstance(effect, Deleted):
            self.collections.pop(name, None)
            if effect.remains:
                self.collections[name] = Stored(Entry(remains=effect.remains))
            return
        stored = self.collections.setdefault(name, Stored())
        match effect:
            case Commit():
                stored.tail.append(effect)
                stored.vector = join(stored.vector, {effect.origin: effect.sequence})
            case Published():
                _publish(stored, effect)
            case Damaged(_, detail):
                stored.entry = replace(stored.entry, damage=detail)

    @property
    def bytes(self) -> int:
        """Bytes of the snapshots and pieces that count."""
        entries = [stored.entry for stored in self.collections.values()]
        snapshots = sum(entry.snapshot.length for entry in entries if entry.snapshot)
        return snapshots + sum(piece.length for entry in entries for piece in entry.pieces)


def _publish(stored: Stored, effect: Published) -> None:
    pieces = (effect.carried,) if effect.carried else ()
    stored.entry = replace(stored.entry, snapshot=effect.snapshot, pieces=pieces)
    stored.tail = [commit for commit in stored.tail if not covers(effect.snapshot.vector, commit)]
    stored.vector = join(stored.vector, effect.snapshot.vector)
