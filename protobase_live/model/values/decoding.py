"""Values again, from what is in a document, in MessagePack or in JSON."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any, cast

import msgpack  # pyright: ignore[reportMissingTypeStubs]
from msgpack.exceptions import UnpackException  # pyright: ignore[reportMissingTypeStubs]

from protobase_live.errors import ValidationError
from protobase_live.model.values.checking import (
    EXPECTED,
    MAX_DEPTH,
    MAX_SAFE_INT,
    is_safe_int,
    require_unlike,
    short,
    type_of,
)
from protobase_live.model.values.encoding import TAG, check_atom, packed_atom, packed_text

MAX_INT_DIGITS = 4_000
"""Most digits of a tagged int that are read."""

MAX_WIRE_DEPTH = 2 * MAX_DEPTH + 32
"""Most nested lists and dicts of a packed value: tags double the depth, and a message is around it."""

unpack_raw: Callable[[bytes | memoryview], Any] = cast(Any, msgpack).unpackb
"""What MessagePack holds, tags as the dicts that they are. Raises ValueError, TypeError, UnpackException."""

_DIGITS = re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII)
_KEY_CACHE = 8192
_AS_STORED = frozenset({type(None), bool, int, str})
_NUMBERS = frozenset({float})
_NATIVE = frozenset({bool, int, float, bytes})


def from_doc(stored: Any) -> Any:
    """The value of what is in the document. Never fails, whatever a Yjs client has put there.

    A malformed tag is read as the dict it is, NaN and infinity as None, and so is what is nested deeper
    than MAX_WIRE_DEPTH.
    """
    return _read(stored, 0)


def unpack(data: bytes) -> Any:
    """The value of MessagePack bytes. Raises ValidationError when they are none."""
    try:
        raw = unpack_raw(data)
    except (ValueError, TypeError, UnpackException) as error:
        raise ValidationError(f"not MessagePack: {error or type(error).__name__}") from error
    return decode(raw, 0)


def from_json(value: Any) -> Any:
    """The value of what `json.loads` gives. Raises ValidationError when it is none."""
    return decode(value, 0)


def _read(stored: Any, depth: int) -> Any:
    kind = type_of(stored)
    if kind is float:
        return _read_float(stored)
    if kind is str or kind is bool or kind is int:
        return stored
    if kind is bytearray or kind is bytes:
        return bytes(stored)
    if kind is list:
        return _read_list(stored, depth) if depth < MAX_WIRE_DEPTH else None
    if kind is dict:
        return _read_dict(stored, depth) if depth < MAX_WIRE_DEPTH else None
    return None


def _read_float(stored: float) -> int | float | None:
    if is_safe_int(stored):
        return int(stored)
    return stored if math.isfinite(stored) else None


def _read_list(stored: list[Any], depth: int) -> list[Any]:
    """The list as it is read; the very same one, not a copy, where that is no other: it may hold millions."""
    kinds: set[Any] = set(map(type_of, stored))
    if kinds <= _AS_STORED:
        return stored
    if kinds <= _NUMBERS:
        return [int(n) if n.is_integer() and 0 < n <= MAX_SAFE_INT else _read_float(n) for n in stored]
    return [_read(item, depth + 1) for item in stored]


def _read_dict(stored: dict[str, Any], depth: int) -> Any:
    if TAG in stored:
        name, content = _parts(stored)
        if name == "dict" and type(content) is dict and TAG in content:
            return _read_items(cast("dict[str, Any]", content), depth + 1)
        if name in _SCALARS:
            try:
                return _SCALARS[name](content)
            except (ValueError, TypeError, OverflowError):
                pass  # not ours: read below as the dict it is
    return _read_items(stored, depth)


def _read_items(stored: dict[str, Any], depth: int) -> dict[str, Any]:
    return {key: _read(stored[key], depth + 1) for key in sorted(stored)}


def decode(raw: Any, depth: int) -> Any:
    """The value of what MessagePack or JSON gives, which is so deep within others. Raises ValidationError."""
    if depth > MAX_WIRE_DEPTH:
        raise ValidationError(f"a value is nested deeper than {MAX_WIRE_DEPTH} levels")
    kind = type_of(raw)
    if kind is str:
        return _well_formed(raw)
    if kind is dict:
        return _decode_dict(raw, depth)
    if kind is list:
        return [decode(item, depth + 1) for item in raw]
    if kind is float and not math.isfinite(raw):
        raise ValidationError(f"a value is {raw}; expected a finite float")
    if raw is None or kind in _NATIVE:
        return raw
    raise ValidationError(f"a value is {short(raw)}; expected {EXPECTED}")


def _decode_dict(raw: dict[Any, Any], depth: int) -> Any:
    if TAG not in raw:
        return _decode_items(raw, depth)
    name, content = _parts(raw)
    try:
        if name in _SCALARS:
            return _SCALARS[name](content)
        if name == "dict":
            return _decode_items(content, depth + 1)
        if name == "set":
            return set(_unlike([_atom(item, depth) for item in content]))
        if name == "map":
            keys = _unlike([_atom(key, depth) for key, _ in content])
            return dict(zip(keys, [decode(item, depth + 2) for _, item in content], strict=True))
    except (ValueError, TypeError, OverflowError, AttributeError) as error:
        raise ValidationError(f"a malformed {name}: {short(content)}") from error
    raise ValidationError(f"a malformed tag: {short(raw)}")


def _decode_items(raw: dict[Any, Any], depth: int) -> dict[str, Any]:
    if not all(type(key) is str for key in raw):
        raise ValidationError(f"a key of {short(raw)} is not a str")
    return {_well_formed(key): decode(item, depth + 1) for key, item in raw.items()}


def _atom(raw: Any, depth: int) -> Any:
    return check_atom(decode(raw, depth + 2), "an element or key")


def _unlike(atoms: list[Any]) -> list[Any]:
    require_unlike(atoms, "elements or keys")
    return atoms


def _well_formed(text: str) -> str:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValidationError(f"{short(text)} has a lone surrogate; use well-formed Unicode") from None
    return text


def _parts(tagged: Mapping[str, Any]) -> tuple[str, Any]:
    """The type and content of a tag; the type is "" when it is none."""
    name = tagged[TAG]
    return (name, tagged["v"]) if len(tagged) == 2 and "v" in tagged and isinstance(name, str) else ("", None)


def _parse_int(content: Any) -> int:
    if len(content) > MAX_INT_DIGITS or not _DIGITS.fullmatch(content):
        raise ValueError(content)
    return int(content)


_SCALARS: dict[str, Callable[[Any], Any]] = {
    "int": _parse_int,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "bytes": lambda content: base64.b64decode(content, validate=True),
}


@lru_cache(_KEY_CACHE)
def text_key(text: str) -> Any:
    """The atom that `key_text` gave ``text`` for. Raises ValidationError for any other text."""
    try:
        packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise ValidationError(f"{short(text)} is not the text of a key") from error
    atom, canonical = packed_atom(unpack(packed), "a key")
    if packed_text(canonical) != text:
        raise ValidationError(f"{short(text)} is not the canonical text of the key {short(atom)}")
    return atom
