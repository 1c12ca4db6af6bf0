"""What messages say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..commit import Commit, Vector


class Gone(Exception):
    """A message, pieces or an object are not there any more: others have folded or deleted the collection
    meanwhile, or they were taken away. Its text says what is missing."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """Bytes that are too many for a message: in messages of their own with these `numbers`, under an `id`."""

    id: str
    numbers: tuple[int, ...]
    length: int
    checksum: int


@dataclass(frozen=True, slots=True)
class Stowed:
    """Bytes that are an object of the bucket, under an `id`. The message with this `number` notes that such
    an object may be there."""

    id: str
    number: int
    length: int
    checksum: int

    @property
    def numbers(self) -> tuple[int, ...]:
        """Of the messages that belong to it."""
        return (self.number,)


Body = bytes | Pieces
"""Bytes, or where they are."""

Place = Pieces | Stowed
"""Where bytes are that do not stand in the message itself."""

Update = bytes | Place
"""The bytes of a snapshot, or where they are."""


def length_of(update: Update) -> int:
    """How many bytes they are."""
    return len(update) if isinstance(update, bytes) else update.length


@dataclass(frozen=True, slots=True)
class Published:
    """A snapshot counts from here on, and the commits that it covers do not; `remains` are still kept.

    Messages with numbers below `keep` may be gone; 0: all before this one.
    """

    vector: Vector
    time: float
    update: Update
    remains: bytes
    keep: int = 0


@dataclass(frozen=True, slots=True)
class Deleted:
    """What came before is forgotten from here on; `remains` are kept."""

    remains: bytes


Effect = Commit | Published | Deleted
"""What a message does to its collection."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A message under a collection's subject: what one writer stored at once.

    `previous` is the number of the message before it under the subject, 0 for the first; `tag` is what the
    writer knows it by. `effects` are what it does, or where that is.
    """

    previous: int
    tag: bytes
    effects: Sequence[Effect] | Pieces
