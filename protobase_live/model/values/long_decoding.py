"""Values of long MessagePack, with pauses: one message may bring thousands of records."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any, cast

import msgpack  # pyright: ignore[reportMissingTypeStubs]
from msgpack.exceptions import UnpackException  # pyright: ignore[reportMissingTypeStubs]

from protobase_live.errors import ValidationError
from protobase_live.model.values.checking import MAX_VALUE_BYTES
from protobase_live.model.values.decoding import decode, unpack_raw
from protobase_live.model.values.encoding import TAG

STEP_BYTES = 16 * 1024
"""About how many bytes are read without a pause; a byte may be a value."""

MAX_WHOLE_BYTES = 2 * MAX_VALUE_BYTES
"""Longest value that is read in one go where it is not taken apart: what is longer cannot be stored."""

MAX_TAKEN_APART = 8
"""How many levels of lists and dicts are taken apart. Each needs as much memory as the message has bytes."""

_packer: Any = cast(Any, msgpack).Packer()


def unpack_in_steps(data: bytes) -> Generator[None, None, Any]:
    """`unpack`, with pauses. Raises ValidationError where it is no MessagePack, or no value."""
    try:
        return (yield from _read(memoryview(data), 0))
    except (ValueError, TypeError, UnpackException) as error:
        raise ValidationError(f"not MessagePack: {error or type(error).__name__}") from error


def _read(data: memoryview, depth: int) -> Generator[None, None, Any]:
    if len(data) <= STEP_BYTES:
        return decode(unpack_raw(data), depth)
    if depth < MAX_TAKEN_APART:
        if _is_list(data[0]):
            return (yield from _read_items(data, depth))
        if _is_map(data[0]):
            return (yield from _read_map(data, depth))
    return _read_whole(data, depth)


def _read_whole(data: memoryview, depth: int) -> Any:
    if (_is_list(data[0]) or _is_map(data[0])) and len(data) > MAX_WHOLE_BYTES:
        raise ValidationError(f"a value is larger than {MAX_VALUE_BYTES} bytes")
    return decode(unpack_raw(data), depth)


def _read_map(data: memoryview, depth: int) -> Generator[None, None, Any]:
    scanner = _scanner(data)
    if scanner.read_map_header() == 2:  # as every tag has
        parts = [part for _, part in _portions(scanner, data, 4, longest=0)]
        found = {bytes(key): part for key, part in zip(parts[::2], parts[1::2], strict=True)}
        if _TAG in found:
            content = found.get(_CONTENT)
            if content is None or found[_TAG] != _DICT or not _is_map(content[0]):
                return _read_whole(data, depth)
            return (yield from _read_dict(content, depth + 1))
    value = yield from _read_dict(data, depth)
    if TAG in value:
        raise ValidationError(f"a tag has two fields, not {len(value)}")
    return value


def _read_dict(data: memoryview, depth: int) -> Generator[None, None, dict[str, Any]]:
    flat = yield from _read_items(data, depth)
    keys = flat[::2]
    if not all(type(key) is str for key in keys):
        raise ValidationError("a key of a dict is not a str")
    return dict(zip(keys, flat[1::2], strict=True))


def _read_items(data: memoryview, depth: int) -> Generator[None, None, list[Any]]:
    """The items of a list, or the keys and values of a dict in turn."""
    scanner, found = _scanner(data), list[Any]()
    count = scanner.read_array_header() if _is_list(data[0]) else 2 * scanner.read_map_header()
    for number, part in _portions(scanner, data, count, STEP_BYTES):
        yield
        if number == 1:
            found.append((yield from _read(part, depth + 1)))
        else:
            items = unpack_raw(_packer.pack_array_header(number) + bytes(part))
            found += [decode(item, depth + 1) for item in items]
    if scanner.tell() != len(data):
        raise ValidationError(f"{len(data) - scanner.tell()} bytes behind a value")
    return found


def _portions(scanner: Any, data: memoryview, count: int, longest: int) -> Iterator[tuple[int, memoryview]]:
    """The next objects, as many at a time as have ``longest`` bytes together, at least one."""
    start = before = scanner.tell()
    number = 0
    for _ in range(count):
        scanner.skip()
        end = scanner.tell()
        if number and end - start > longest:
            yield number, data[start:before]
            start, number = before, 0
        before = end
        number += 1
    if number:
        yield number, data[start:before]


def _scanner(data: memoryview) -> Any:
    scanner: Any = cast(Any, msgpack).Unpacker(max_buffer_size=len(data))
    scanner.feed(data)
    return scanner


def _is_list(byte: int) -> bool:
    """Whether a list begins with this byte of MessagePack."""
    return byte & 0xF0 == 0x90 or byte in (0xDC, 0xDD)


def _is_map(byte: int) -> bool:
    """Whether a map begins with this byte of MessagePack."""
    return byte & 0xF0 == 0x80 or byte in (0xDE, 0xDF)


_TAG, _CONTENT, _DICT = (_packer.pack(text) for text in (TAG, "v", "dict"))
