"""Cursors of live queries: how far the rows have seen each collection, as an opaque text.

It is `opaque` text of ``[digest of the query, {collection: version vector}]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from protobase_live.errors import ValidationError
from protobase_live.model import values
from protobase_live.model.cursor import MAX_CURSOR_CHARS, UNREADABLE, opaque, read_opaque, read_vector
from protobase_storage import Vector, includes, sequence_of

Vectors = Mapping[str, Vector]
"""A version vector for each collection that a query reads."""


class Step(NamedTuple):
    """How far one collection was before something was shown, and with it."""

    before: Vector
    after: Vector

    @property
    def brought(self) -> Vector:
        """Up to where it brought commits, of those nodes of which it brought any."""
        return {
            origin: sequence
            for origin, sequence in self.after.items()
            if sequence_of(self.before, origin) < sequence
        }


Steps = Mapping[str, Step]
"""What was shown as one, by collection."""


def has_all(seen: Vectors, steps: Steps) -> bool:
    """Whether somebody who has seen this much has seen all that these brought."""
    return all(name in seen and includes(seen[name], step.brought) for name, step in steps.items())


def has_none(seen: Vectors, steps: Steps) -> bool:
    """Whether somebody who has seen this much has seen nothing of what these brought."""
    return all(
        sequence_of(seen.get(name, {}), origin) <= sequence_of(step.before, origin)
        for name, step in steps.items()
        for origin in step.brought
    )


def encode_cursor(query: str, vectors: Vectors) -> str:
    """The cursor of the query with the canonical form ``query``."""
    return opaque([values.digest(query), {name: dict(vector) for name, vector in vectors.items()}])


def decode_cursor(query: str, text: str) -> Vectors | None:
    """What ``text`` has seen, None if it is another query's. Raises ValidationError if it is no cursor."""
    digest, seen = _read(text)
    return seen if digest == values.digest(query) else None


def vectors_of(text: str) -> Vectors:
    """What ``text`` has seen, whichever query's it is. Raises ValidationError if it is no cursor."""
    return _read(text)[1]


def _read(text: str) -> tuple[object, Vectors]:
    try:
        if len(text) > MAX_CURSOR_CHARS:
            raise ValueError
        digest, vectors = read_opaque(text)
        return digest, {name: read_vector(vector) for name, vector in vectors.items()}
    except UNREADABLE as error:
        raise ValidationError(f"not a live query's cursor: {text[:40]!r}; pass one it gave") from error
