"""Cursors: how far somebody has seen a collection, as an opaque text that is valid on every peer.

A cursor is a version vector ``{origin: sequence}`` and, for somebody who stopped in the middle of a
commit, how many changes of the next commit were seen and whose commit that is. It travels as URL-safe
base64 of MessagePack: ``[vector, 0]`` or ``[vector, seen, origin]``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from protobase_live import values
from protobase_live.errors import ProtoBaseError, ValidationError

MAX_CURSOR_CHARS = 64 * 1024
"""Longest cursor text that is accepted; a vector of a thousand origins fits."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """``vector``: the last sequence seen of each origin; ``skip``: changes seen of the commit after it, which
    is the next one of ``origin``.
    """

    vector: Mapping[str, int] = field(default_factory=dict[str, int])
    skip: int = 0
    origin: str = ""

    def encode(self) -> str:
        """The opaque text, the same for equal cursors."""
        half = [self.skip, self.origin] if self.skip else [0]
        packed = values.pack([dict(self.vector), *half])
        return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()

    @classmethod
    def decode(cls, text: str) -> Cursor:
        """The cursor of ``text``. Raises ValidationError when it is none."""
        if len(text) > MAX_CURSOR_CHARS:
            raise ValidationError(f"a cursor has at most {MAX_CURSOR_CHARS} characters, not {len(text)}")
        try:
            packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            vector, skip, *origin = values.unpack(packed)
            pairs = {_text(origin): _count(sequence) for origin, sequence in vector.items()}
            return cls(pairs, _count(skip), *map(_text, origin[:1]))
        except (ValueError, TypeError, AttributeError, binascii.Error, ProtoBaseError) as error:
            raise ValidationError(f"not a cursor: {text[:40]!r}; pass one that a change carried") from error


START = Cursor().encode()
"""The cursor of somebody who has seen nothing."""


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError
    return value
