"""Cursors of live queries: how far the rows have seen each collection, as an opaque text.

It is `opaque` text of ``[digest of the query, {collection: version vector}]``.
"""

from __future__ import annotations

from collections.abc import Mapping

from protobase_live.errors import ValidationError
from protobase_live.model import values
from protobase_live.model.cursor import MAX_CURSOR_CHARS, UNREADABLE, opaque, read_opaque, read_vector
from protobase_storage import Vector

Vectors = Mapping[str, Vector]
"""A version vector for each collection that a query reads."""


def encode_cursor(query: str, vectors: Vectors) -> str:
    """The cursor of the query with the canonical form ``query``."""
    return opaque([values.digest(query), {name: dict(vector) for name, vector in vectors.items()}])


def decode_cursor(query: str, text: str) -> Vectors | None:
    """What ``text`` has seen, None if it is another query's. Raises ValidationError if it is no cursor."""
    try:
        if len(text) > MAX_CURSOR_CHARS:
            raise ValueError
        digest, vectors = read_opaque(text)
        seen = {name: read_vector(vector) for name, vector in vectors.items()}
    except UNREADABLE as error:
        raise ValidationError(f"not a live query's cursor: {text[:40]!r}; pass one it gave") from error
    return seen if digest == values.digest(query) else None
