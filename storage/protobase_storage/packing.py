"""MessagePack with types: the library has none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import msgpack  # pyright: ignore[reportMissingTypeStubs]

_packb = cast(Callable[[object], bytes], msgpack.packb)  # pyright: ignore[reportUnknownMemberType]
_unpackb = cast(Callable[..., Any], msgpack.unpackb)  # pyright: ignore[reportUnknownMemberType]


def pack(value: object) -> bytes:
    """`value`, made of plain types, as MessagePack."""
    return _packb(value)


def unpack(data: bytes) -> Any:
    """The value in `data`; arrays become tuples."""
    return _unpackb(data, use_list=False)
