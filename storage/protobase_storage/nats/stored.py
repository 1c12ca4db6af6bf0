"""A collection as its messages tell it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..commit import Commit, Vector, covers, include, join
from .values import Deleted, Effect, Gone, Pieces, Place, Published, length_of


@dataclass(frozen=True, slots=True)
class Told:
    """A message with its effects, which may have been in `pieces`."""

    sequence: int
    previous: int
    tag: bytes
    effects: Sequence[Effect]
    pieces: Pieces | None = None

    @property
    def keep(self) -> int:
        """Messages with lower numbers count no more, and may be gone; 0: it says nothing of them."""
        return max((_keep_of(self.sequence, effect) for effect in self.effects), default=0)

    @property
    def places(self) -> list[Place]:
        """All of it that is in pieces, or in the bucket."""
        updates = [each.update for each in self.effects if isinstance(each, Published)]
        stowed = [each for each in updates if not isinstance(each, bytes)]
        return stowed if self.pieces is None else [self.pieces, *stowed]


@dataclass(slots=True)
class Stored:
    """What a collection is after the message with the number `sequence`."""

    collection: str
    sequence: int = 0
    snapshot: Published | None = None
    log: list[tuple[int, Commit]] = field(default_factory=list[tuple[int, Commit]])
    """The commits that the snapshot does not cover, with the numbers of their messages."""
    vector: dict[str, int] = field(default_factory=dict[str, int])
    remains: bytes = b""
    places: list[tuple[int, Place]] = field(default_factory=list[tuple[int, Place]])
    """All that is in pieces, or in the bucket, with the numbers of the messages that say so."""
    numbers: list[int] = field(default_factory=list[int])
    """Of all messages that there are."""
    keep: int = 1
    """From this number on all messages are there, and none behind it is a deletion."""
    _missing: int = 0
    """The highest number of a message that is not."""

    @property
    def commits(self) -> tuple[Commit, ...]:
        """The commits that the snapshot does not cover, in the stream's order."""
        return tuple(commit for _, commit in self.log)

    @property
    def is_deleted(self) -> bool:
        """Whether nothing but remains is left."""
        return self.snapshot is None and not self.log

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Bytes of the snapshot, commits in the log, and bytes of these."""
        snapshot = length_of(self.snapshot.update) if self.snapshot else 0
        return snapshot, len(self.log), sum(len(commit.update) for _, commit in self.log)

    def apply(self, told: Told) -> None:
        """Take the next message.

        One before it may be missing: what a snapshot covers is dropped in no order, and what could not be
        dropped is still there.
        """
        if told.previous != self.sequence:
            self._missing = told.previous
        self.sequence = told.sequence
        self.numbers.append(told.sequence)
        self.places += [(told.sequence, each) for each in told.places]
        self.keep = max(self.keep, told.keep)
        for effect in told.effects:
            self._apply(told.sequence, effect)

    def check(self) -> None:
        """Raises `Gone` where a message is missing that no snapshot covers which is among those taken."""
        if self._missing >= self.keep:
            raise Gone(f"message {self._missing} is missing")

    def keep_below(self, vector: Vector) -> int:
        """The lowest number that has to stay if a snapshot covers this."""
        return next((each for each, commit in self.log if not covers(vector, commit)), self.sequence + 1)

    def _apply(self, sequence: int, effect: Effect) -> None:
        match effect:
            case Commit():
                self.log.append((sequence, effect))
                self.vector = join(self.vector, {effect.origin: effect.sequence})
            case Published(vector, remains=remains, keep=keep):
                self.snapshot, self.remains = effect, remains
                # Of what is numbered below, a deletion may be gone and what it deleted still there.
                self.log = [
                    (number, each) for number, each in self.log if number >= keep and not covers(vector, each)
                ]
                self.vector = dict(vector)
                for _, commit in self.log:
                    include(self.vector, commit)
            case Deleted(remains):
                self.snapshot, self.log, self.vector, self.remains = None, [], {}, remains


def _keep_of(sequence: int, effect: Effect) -> int:
    match effect:
        case Commit():
            return 0
        case Published(keep=keep):
            return keep or sequence
        case Deleted():
            return sequence


def stored_of(collection: str, messages: Iterable[Told]) -> Stored:
    """What all messages tell that there are. Raises `Gone`."""
    stored = Stored(collection)
    for told in messages:
        stored.apply(told)
    stored.check()
    return stored
