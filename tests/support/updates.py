"""Yjs updates made struct by struct: what no client's library would write."""

from __future__ import annotations

import struct

CLIENT = 7
"""Whose structs they are."""


def number(value: int) -> bytes:
    """A variable-length integer."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def string(text: str) -> bytes:
    """Text with its length before it."""
    data = text.encode("utf-8", "surrogatepass")
    return number(len(data)) + data


def any_value(value: object) -> bytes:
    """A value as lib0 writes it."""
    if isinstance(value, str):
        return b"\x77" + string(value)
    if isinstance(value, list):
        return b"\x75" + number(len(value)) + b"".join(map(any_value, value))
    if isinstance(value, dict):
        entries = (string(key) + any_value(each) for key, each in value.items())
        return b"\x76" + number(len(value)) + b"".join(entries)
    if value is None or isinstance(value, bool):
        return {None: b"\x7e", True: b"\x78", False: b"\x79"}[value]
    assert isinstance(value, int)
    return b"\x7b" + struct.pack(">d", value)


def deleted(count: int) -> tuple[int, bytes]:
    return 1, number(count)


def binary(data: bytes) -> tuple[int, bytes]:
    return 3, number(len(data)) + data


def characters(text: str) -> tuple[int, bytes]:
    return 4, string(text)


def embed(json: str) -> tuple[int, bytes]:
    return 5, string(json)


def format_mark(name: str, json: str) -> tuple[int, bytes]:
    return 6, string(name) + string(json)


def shared(number_of_type: int, tag: str | None = None) -> tuple[int, bytes]:
    """0 array, 1 map, 2 text, 3 element, 4 fragment, 6 XML text."""
    return 7, bytes([number_of_type]) + (string(tag) if tag is not None else b"")


def values(*given: object) -> tuple[int, bytes]:
    return 8, number(len(given)) + b"".join(map(any_value, given))


def subdocument(guid: str) -> tuple[int, bytes]:
    return 9, string(guid) + any_value({})


def item(
    content: tuple[int, bytes],
    parent: str | int | None = None,
    key: str | None = None,
    left: int | None = None,
) -> bytes:
    """A struct: in the root or under the clock ``parent``, or after the clock ``left``."""
    kind, body = content
    if left is not None:
        return bytes([kind | 0x80]) + number(CLIENT) + number(left) + body
    head = bytes([kind | (0x20 if key is not None else 0)])
    if isinstance(parent, str):
        place = b"\x01" + string(parent)
    else:
        assert parent is not None
        place = b"\x00" + number(CLIENT) + number(parent)
    return head + place + (string(key) if key is not None else b"") + body


def update(*items: bytes, clock: int = 0) -> bytes:
    """One update of the client with these structs from ``clock`` on."""
    return b"\x01" + number(len(items)) + number(CLIENT) + number(clock) + b"".join(items) + b"\x00"
