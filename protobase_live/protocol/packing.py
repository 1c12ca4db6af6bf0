"""MessagePack with types, and what is to be in it: arrays, texts, numbers, bytes, maps with texts as keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import msgpack  # pyright: ignore[reportMissingTypeStubs]

from protobase_live.errors import ProtocolError

_packb = cast("Callable[[object], bytes]", msgpack.packb)  # pyright: ignore[reportUnknownMemberType]
_unpackb = cast("Callable[..., Any]", msgpack.unpackb)  # pyright: ignore[reportUnknownMemberType]


def pack(value: object) -> bytes:
    """The bytes of what is made of plain types."""
    return _packb(value)


def unpack(data: bytes) -> Any:
    """The value in ``data``, with tuples as arrays. Raises ProtocolError."""
    try:
        return _unpackb(data, use_list=False)
    except (ValueError, TypeError, msgpack.UnpackException) as error:  # pyright: ignore[reportUnknownMemberType]
        raise ProtocolError(f"no MessagePack: {error}") from error


def as_text(value: Any) -> str:
    """``value``, if it is a text. Raises TypeError."""
    if not isinstance(value, str):
        raise TypeError(f"a text is expected, not {type(value).__name__}")
    return value


def as_bytes(value: Any) -> bytes:
    """``value``, if these are bytes. Raises TypeError."""
    if not isinstance(value, bytes):
        raise TypeError(f"bytes are expected, not {type(value).__name__}")
    return value


def as_number(value: Any) -> int:
    """``value``, if it is a whole number of at least 0. Raises TypeError."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        told = value if isinstance(value, int) else type(value).__name__  # which may be of any length
        raise TypeError(f"a whole number is expected, not {told}")
    return value


def as_vector(value: Any) -> dict[str, int]:
    """``value``, if it is a version vector. Raises TypeError or AttributeError."""
    return {as_text(origin): as_number(sequence) for origin, sequence in value.items()}
