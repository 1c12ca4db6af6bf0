"""Cursors of live queries: how far the rows have seen each collection, as an opaque text.

It is URL-safe base64 of MessagePack: ``[digest of the query, {collection: version vector}]``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, cast

from protobase_live import values
from protobase_live.cursor import MAX_CURSOR_CHARS
from protobase_live.errors import ProtoBaseError, ValidationError
from protobase_storage import Vector

Vectors = Mapping[str, Vector]
"""A version vector for each collection that a query reads."""


def encode_cursor(query: str, vectors: Vectors) -> str:
    """The cursor of the query with the canonical form ``query``."""
    plain = {name: dict(vector) for name, vector in vectors.items()}
    packed = values.pack([values.digest(query), plain])
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def decode_cursor(query: str, text: str) -> Vectors | None:
    """What ``text`` has seen, None if it is another query's. Raises ValidationError if it is no cursor."""
    try:
        if len(text) > MAX_CURSOR_CHARS:
            raise ValueError
        digest, vectors = values.unpack(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        for vector in vectors.values():
            _check_vector(vector)
    except (ValueError, TypeError, AttributeError, binascii.Error, ProtoBaseError) as error:
        raise ValidationError(f"not a live query's cursor: {text[:40]!r}; pass one it gave") from error
    return cast(Vectors, vectors) if digest == values.digest(query) else None


def _check_vector(vector: Any) -> None:
    for origin, sequence in vector.items():
        if not isinstance(origin, str) or not isinstance(sequence, int) or sequence < 0:
            raise TypeError
