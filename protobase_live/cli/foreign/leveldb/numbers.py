"""Numbers, byte strings and checksums as LevelDB writes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import google_crc32c

_crc32c = cast("Callable[[bytes], int]", google_crc32c.value)  # pyright: ignore[reportUnknownMemberType]

MASK = 0xA282EAD8
"""Added to a turned checksum, so that one of bytes that hold checksums is none of theirs."""


def varint(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins at ``at``, and where it ends. Raises IndexError at the end of the data."""
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at


def prefixed(data: bytes, at: int) -> tuple[bytes, int]:
    """The bytes behind their length, and where they end. Raises IndexError if they are not all there."""
    length, at = varint(data, at)
    if at + length > len(data):
        raise IndexError(f"{length} bytes are announced, {len(data) - at} are there")
    return data[at : at + length], at + length


def masked_crc(data: bytes) -> int:
    """The checksum that stands beside ``data``."""
    crc = _crc32c(data)
    return ((crc >> 15 | crc << 17) + MASK) & 0xFFFFFFFF
