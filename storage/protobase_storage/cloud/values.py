"""What slots and manifests are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..commit import Commit, Vector, join


@dataclass(frozen=True, slots=True)
class Piece:
    """Commits of one collection, in append order, in a part of an object."""

    key: str
    offset: int
    length: int
    checksum: int
    commits: int
    update_bytes: int
    vector: Vector


@dataclass(frozen=True, slots=True)
class SnapshotRef:
    """A snapshot's update: the first `length` bytes of an object."""

    key: str
    length: int
    checksum: int
    vector: Vector
    time: float


@dataclass(frozen=True, slots=True)
class Entry:
    """A collection in the catalogue: everything of it but what stands in the slots since.

    The commits in `pieces` are those that the snapshot does not cover. `damage` says why it cannot be loaded.
    """

    snapshot: SnapshotRef | None = None
    pieces: tuple[Piece, ...] = ()
    remains: bytes = b""
    damage: str | None = None

    @property
    def vector(self) -> dict[str, int]:
        """What is included."""
        vector = dict(self.snapshot.vector) if self.snapshot else {}
        for piece in self.pieces:
            vector = join(vector, piece.vector)
        return vector

    @property
    def keys(self) -> set[str]:
        """The objects that it needs."""
        keys = {piece.key for piece in self.pieces}
        return keys | {self.snapshot.key} if self.snapshot else keys


@dataclass(frozen=True, slots=True)
class Published:
    """A snapshot counts from here on, and the commits that it covers do not.

    `carried` are the commits of the former pieces that it does not cover.
    """

    collection: str
    snapshot: SnapshotRef
    carried: Piece | None


@dataclass(frozen=True, slots=True)
class Deleted:
    """A collection is forgotten from here on; `remains` are kept."""

    collection: str
    remains: bytes


@dataclass(frozen=True, slots=True)
class Damaged:
    """Something about a collection, which cannot be read any more."""

    collection: str
    detail: str


Effect = Commit | Published | Deleted | Damaged
"""What a slot does to a collection."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One entry of the write-ahead log: what one writer stored at once.

    `previous` is the hash of slot `number` - 1. `voids_previous`: the effects of that one do not count,
    because its writer had given it up before it learned that it had been created.
    """

    number: int
    epoch: int
    writer: bytes
    previous: bytes
    effects: tuple[Effect, ...] = ()
    voids_previous: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """All collections as the slots below `start` left them. `previous` is the hash of the last of these.

    `kept` are slots below `start` that are not deleted, `packs` the sizes in bytes of objects with pieces.
    """

    number: int
    epoch: int
    writer: bytes
    identity: str
    start: int = 1
    previous: bytes = b""
    kept: tuple[int, ...] = ()
    packs: Mapping[str, int] = field(default_factory=dict[str, int])
    collections: Mapping[str, Entry] = field(default_factory=dict[str, Entry])
