"""Cursors: how far somebody has seen a collection, as an opaque text that is valid on every node.

A cursor is a version vector ``{origin: sequence}`` and, for somebody who stopped in the middle of a commit,
which commit that is and how many of its changes were seen. It travels as `opaque` text of ``[vector, 0]`` or
``[vector, seen, origin, sequence]``. Earlier versions left out the sequence, which is the next of that node;
still earlier ones the origin, too, so that nobody knows which commit it is.

Behind it stands, after a ``~``, which part of the collection was seen, if that was not all: who sees another
part has not seen what is before the cursor.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from protobase_live.errors import ProtoBaseError, ValidationError
from protobase_live.model import values
from protobase_live.model.arguments import check_since
from protobase_storage import Commit, Vector, join, sequence_of

MAX_CURSOR_CHARS = 64 * 1024
"""Longest cursor text that is accepted; a vector of a thousand origins fits."""

PART = "~"
"""Between a cursor and the part that was seen. No `opaque` text has it."""

NO_PART = ""
"""A part that nobody sees: of somebody who has begun to be told anew what there is."""

UNREADABLE = (ValueError, TypeError, AttributeError, binascii.Error, ProtoBaseError)
"""What reading a cursor raises if it is none."""


class Half(NamedTuple):
    """A commit of which only the first changes were seen."""

    origin: str
    sequence: int
    seen: int

    def is_of(self, commit: Commit) -> bool:
        """Whether it is this commit."""
        return (commit.origin, commit.sequence) == (self.origin, self.sequence)


@dataclass(frozen=True, slots=True)
class Cursor:
    """``vector``: the last sequence seen of each origin; ``half``: what was begun of a commit behind it.

    The changes of a commit depend on what it is applied to. So whoever goes on reads the rest of ``half``
    first, on what ``vector`` names and nothing else, wherever it stands in the log of the node that he asks.
    """

    vector: Vector = field(default_factory=dict[str, int])
    half: Half | None = None
    part: str | None = None
    """What stands for the part of the collection that was seen; None: all of it."""

    @property
    def is_start(self) -> bool:
        """Whether nothing was seen, of whatever part."""
        return not self.vector and self.half is None

    @property
    def reach(self) -> Vector:
        """All that it names: ``vector``, and the commit that was begun."""
        half = self.half
        return self.vector if half is None else join(self.vector, {half.origin: half.sequence})

    def encode(self) -> str:
        """The opaque text, the same for equal cursors."""
        half = self.half
        text = opaque([dict(self.vector), *([half.seen, half.origin, half.sequence] if half else [0])])
        return text if self.part is None else text + PART + self.part

    def seen_of(self, commit: Commit) -> int:
        """How many changes were seen of a commit that ``vector`` does not include."""
        return self.half.seen if self.half is not None and self.half.is_of(commit) else 0

    @classmethod
    def decode(cls, text: str) -> Cursor:
        """The cursor of ``text``. Raises ValidationError when it is none."""
        check_since(text)
        if len(text) > MAX_CURSOR_CHARS:
            raise ValidationError(f"a cursor has at most {MAX_CURSOR_CHARS} characters, not {len(text)}")
        whole, mark, part = text.partition(PART)
        try:
            vector, seen, *of = read_opaque(whole)
            pairs = read_vector(vector)
            half = _half(pairs, seen, *of) if _count(seen) else None
            return cls(pairs, half, part if mark else None)
        except UNREADABLE as error:
            raise ValidationError(f"not a cursor: {text[:40]!r}; pass one that a change carried") from error


def marked(cursor: str, part: str) -> str:
    """The text of a cursor that says which part was seen; one that says so already stays."""
    return cursor if PART in cursor else cursor + PART + part


def opaque(value: object) -> str:
    """A value as text: URL-safe base64 of MessagePack."""
    return base64.urlsafe_b64encode(values.pack(value)).rstrip(b"=").decode()


def read_opaque(text: str) -> Any:
    """The value of an `opaque` text. Raises one of `UNREADABLE` if it is none."""
    return values.unpack(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def read_vector(value: Any) -> dict[str, int]:
    """A version vector. Raises one of `UNREADABLE` if it is none."""
    return {_text(origin): _count(sequence) for origin, sequence in value.items()}


def _half(vector: Mapping[str, int], seen: int, origin: Any = "", sequence: Any = None) -> Half:
    following = sequence_of(vector, _text(origin)) + 1 if sequence is None else _count(sequence)
    return Half(_text(origin), following, seen)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError
    return value


START = Cursor().encode()
"""The cursor of somebody who has seen nothing."""
