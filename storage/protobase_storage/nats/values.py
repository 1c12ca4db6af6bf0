"""What messages say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..commit import Commit, Vector


@dataclass(frozen=True, slots=True)
class Pieces:
    """Bytes that are too many for a message: in messages of their own with these `numbers`, under an `id`."""

    id: str
    numbers: tuple[int, ...]
    length: int
    checksum: int


Body = bytes | Pieces
"""Bytes, or where they are."""


def length_of(body: Body) -> int:
    """How many bytes they are."""
    return len(body) if isinstance(body, bytes) else body.length


@dataclass(frozen=True, slots=True)
class Published:
    """A snapshot counts from here on, and the commits that it covers do not; `remains` are still kept.

    Messages with numbers below `keep` may be gone; 0: all before this one.
    """

    vector: Vector
    time: float
    update: Body
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
