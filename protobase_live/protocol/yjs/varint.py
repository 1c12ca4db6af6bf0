"""Variable-length unsigned integers and byte strings of lib0, the encoding under Yjs.

Seven bits a byte, least significant group first; the high bit says that another byte follows.
lib0 refuses integers above 2**53 - 1 (JavaScript's largest exact integer), and so do we.
"""

from collections.abc import Iterable
from operator import length_hint

from protobase_live.errors import ProtocolError

MAX_VARUINT = 2**53 - 1
"""Largest integer a JavaScript peer reads exactly."""

MAX_VARUINT_BYTES = 8
"""Bytes that `MAX_VARUINT` takes; a longer integer is malformed, even if its value is small."""


def read_varuint(data: bytes | bytearray, pos: int) -> tuple[int, int]:
    """Return the integer at `pos` and the position after it.

    Raises:
        ProtocolError: the data ends inside the integer, or it exceeds `MAX_VARUINT`.
    """
    value = shift = 0
    for end, byte in enumerate(data[pos : pos + MAX_VARUINT_BYTES], pos + 1):
        value |= (byte & 0x7F) << shift
        if byte < 0x80 and value <= MAX_VARUINT:
            return value, end
        shift += 7
    complete = len(data) - pos >= MAX_VARUINT_BYTES
    raise ProtocolError(f"integer at byte {pos} {'exceeds 2**53 - 1' if complete else 'is cut off'}")


def read_varuints(data: bytes | bytearray, pos: int, count: int) -> tuple[list[int], int]:
    """Up to `count` integers from `pos` on, fewer if the data ends, and the position after them.

    It does not look at how large and how long they are.
    """
    values: list[int] = []
    value = shift = 0
    chunk = data[pos : pos + count * MAX_VARUINT_BYTES]
    left = iter(chunk)
    for byte in left:
        if byte < 0x80:
            values.append(value | byte << shift)
            if len(values) == count:
                break
            value = shift = 0
        else:
            value |= (byte & 0x7F) << shift
            shift += 7
    return values, pos + len(chunk) - length_hint(left)


def read_bytes(data: bytes, pos: int) -> tuple[bytes, int]:
    """Return the length-prefixed byte string at `pos` and the position after it.

    Raises:
        ProtocolError: the length is malformed or reaches beyond the data.
    """
    length, start = read_varuint(data, pos)
    end = start + length
    if end > len(data):
        raise ProtocolError(f"{length} bytes announced at byte {pos}, {len(data) - start} present")
    return data[start:end], end


def varuint(value: int) -> bytes:
    """Encode a non-negative integer up to `MAX_VARUINT`.

    Raises:
        ValueError: the integer is negative or too large.
    """
    if 0 <= value < 0x80:
        return value.to_bytes(1)
    if not 0 <= value <= MAX_VARUINT:
        raise ValueError(f"{value} is not between 0 and 2**53 - 1")
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def varuints(values: Iterable[int]) -> bytes:
    """Encode many non-negative integers, one behind the other."""
    out = bytearray()
    append = out.append
    for value in values:
        while value >= 0x80:
            append(value & 0x7F | 0x80)
            value >>= 7
        append(value)
    return bytes(out)


def prefixed(data: bytes) -> bytes:
    """Encode a byte string with its length before it."""
    return varuint(len(data)) + data
