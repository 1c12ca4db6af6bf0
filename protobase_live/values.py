"""What users may store, and the forms it takes in a document, in MessagePack and in JSON.

A value is None, a bool, an int, a finite float, a str, bytes, a datetime, a date, a list of values or a
dict of values with str keys. Answers may also hold a set, and a dict whose keys are atoms. An **atom** is
what a set may hold and a hash dictionary may have as a key: a value that is no list or dict, or a tuple of
atoms.

What a form cannot hold by itself is tagged: ``{"@": <type>, "v": <content>}``.

=============  =======================================  ========  ===========  ====
type           content                                  document  MessagePack  JSON
=============  =======================================  ========  ===========  ====
``int``        decimal digits                           beyond ±(2**53-1)  beyond 64 bits  beyond ±(2**53-1)
``datetime``   ISO 8601                                 always    always       always
``date``       ISO 8601                                 always    always       always
``bytes``      base64                                   native    native       always
``dict``       a dict that has itself the key ``"@"``   always    always       always
``set``        its elements, sorted by `key_text`       never     always       always
``map``        [key, value] pairs of a dict whose keys  never     always       always
               are not all str, sorted by `key_text`
=============  =======================================  ========  ===========  ====

JavaScript has one number type, so 1.0 and 1 are one value: integral floats are written as integers.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple, cast

import msgpack  # pyright: ignore[reportMissingTypeStubs]
from msgpack.exceptions import UnpackException  # pyright: ignore[reportMissingTypeStubs]

from protobase_live.errors import ValidationError

MAX_DEPTH = 64
"""Most lists and dicts inside each other."""

MAX_VALUE_BYTES = 1024 * 1024
"""Largest value, in bytes as MessagePack would take (roughly)."""

MAX_INT_BITS = 13_000
"""Largest int, in bits."""

MAX_INT_DIGITS = 4_000
"""Most digits of a tagged int that are read."""

MAX_ATOM_BYTES = 512
"""Largest atom, in bytes of MessagePack."""

MAX_WIRE_DEPTH = 2 * MAX_DEPTH + 32
"""Most nested lists and dicts of a packed value: tags double the depth, and a message is around it."""

EXPECTED = "None, bool, int, finite float, str, bytes, datetime, date, list or dict with str keys"
EXPECTED_ATOM = "None, bool, int, finite float, str, bytes, datetime, date or a tuple of these"

_type_of: Callable[[Any], Any] = type
_packb: Callable[[Any], bytes] = cast(Any, msgpack).packb
_unpackb: Callable[[bytes], Any] = cast(Any, msgpack).unpackb

_TAG = "@"
_SAFE = 2**53 - 1
_DIGITS = re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII)
_KEY_CACHE = 8192


# checking


def check(value: Any, where: str) -> Any:
    """The value in its final form: subclasses as their base, tuples as lists, zones as offsets.

    Raises ValidationError, which names ``where``, for anything that is no value or beyond a limit.
    """
    try:
        return _Checker().value(value, 0)
    except _Wrong as wrong:
        raise wrong.error(where) from None


def check_atom(value: Any, where: str) -> Any:
    """The atom in its final form: lists as tuples, integral floats as ints. Raises ValidationError."""
    atom, _ = _packed_atom(value, where)
    return atom


def _packed_atom(value: Any, where: str) -> tuple[Any, bytes]:
    try:
        atom = _Checker().atom(value, 0)
    except _Wrong as wrong:
        raise wrong.error(where) from None
    packed = pack(atom)
    if len(packed) > MAX_ATOM_BYTES:
        raise ValidationError(f"{where} has {len(packed)} bytes packed; at most {MAX_ATOM_BYTES} are allowed")
    return atom, packed


def short(value: Any) -> str:
    """A value for a message: its repr, cut, and its type."""
    text = _cut(value)
    return f"{text if len(text) <= 80 else text[:77] + '...'} ({type(value).__name__})"


def _cut(value: Any) -> str:
    if isinstance(value, (str, bytes)):
        return repr(value[:80])
    if isinstance(value, int) and value.bit_length() > MAX_INT_BITS:
        return f"an int of {value.bit_length()} bits"
    try:
        return repr(value)
    except (RecursionError, ValueError):
        return "something"


class _Wrong(Exception):
    """A value that cannot be stored; each container it is in adds its step to ``path``, inside out."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.path: list[str] = []

    def error(self, where: str) -> ValidationError:
        return ValidationError(f"{where}{''.join(reversed(self.path))} {self.reason}")


class _Checker:
    """One check; keeps count of the size."""

    def __init__(self) -> None:
        self._size = 0

    def value(self, value: Any, depth: int) -> Any:
        if type(value) not in _EXACT:
            value = _base(value, EXPECTED)
        kind = _type_of(value)
        if kind is list:
            return self._list(value, depth)
        if kind is dict:
            return self._dict(value, depth)
        return self._scalar(kind, value)

    def atom(self, value: Any, depth: int) -> Any:
        if type(value) not in _EXACT:
            value = _base(value, EXPECTED_ATOM)
        kind = _type_of(value)
        if kind is list:
            return tuple(self._items(self.atom, value, depth))
        if kind is dict:
            raise _Wrong(f"is {short(value)}; expected {EXPECTED_ATOM}")
        if kind is float:
            value = int(value) if _is_int(value) or value == 0 else value
        return self._scalar(_type_of(value), value)

    def _list(self, value: list[Any], depth: int) -> list[Any]:
        return self._items(self.value, value, depth)

    def _items(self, check: Callable[[Any, int], Any], value: list[Any], depth: int) -> list[Any]:
        self._enter(depth)
        done: list[Any] = []
        for index, item in enumerate(value):
            try:
                done.append(check(item, depth + 1))
            except _Wrong as wrong:
                wrong.path.append(f"[{index}]")
                raise
        return done

    def _dict(self, value: dict[Any, Any], depth: int) -> dict[str, Any]:
        self._enter(depth)
        done: dict[str, Any] = {}
        for key, item in value.items():
            try:
                done[self._key(key)] = self.value(item, depth + 1)
            except _Wrong as wrong:
                wrong.path.append(f"[{_cut(key)}]")
                raise
        return done

    def _key(self, key: Any) -> str:
        if not isinstance(key, str):
            raise _Wrong(f"is under the key {short(key)}; a key is a str")
        return self._scalar(str, str.__str__(key))

    def _enter(self, depth: int) -> None:
        if depth >= MAX_DEPTH:
            raise _Wrong(f"is nested deeper than {MAX_DEPTH} levels")
        self._grow(1)

    def _scalar(self, kind: Any, value: Any) -> Any:
        if kind is str:
            self._grow(1 + _bytes_of(value))
        elif kind is bytes:
            self._grow(1 + len(value))
        elif kind is int:
            self._grow(_int_size(value))
        else:
            if kind is float and not math.isfinite(value):
                raise _Wrong(f"is {value}; expected a finite float")
            self._grow(9)
        return value

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > MAX_VALUE_BYTES:
            raise _Wrong(f"makes it larger than {MAX_VALUE_BYTES} bytes")


_EXACT: frozenset[type] = frozenset({type(None), bool, int, float, str, bytes, list, dict})

_BASES: tuple[Any, ...] = (int, float, bytes, dict)


def _base(value: Any, expected: str) -> Any:
    """The same value as the class that is stored. Raises _Wrong when it is no value."""
    if isinstance(value, datetime):
        return datetime.fromisoformat(value.isoformat())  # a zone becomes its offset
    if isinstance(value, date):
        return date(value.year, value.month, value.day)
    if isinstance(value, str):
        return str.__str__(value)
    for base in _BASES:
        if isinstance(value, base):
            return base(value)
    if isinstance(value, (list, tuple)):
        return list(cast("Iterable[Any]", value))
    raise _Wrong(f"is {short(value)}; expected {expected}")


def _bytes_of(text: str) -> int:
    if text.isascii():
        return len(text)
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise _Wrong(f"is {short(text)}, which has a lone surrogate; use well-formed Unicode") from None


def _int_size(value: int) -> int:
    bits = value.bit_length()
    if bits > MAX_INT_BITS:
        raise _Wrong(f"is an int of {bits} bits; at most {MAX_INT_BITS} are allowed")
    return 9 if bits < 64 else 8 + bits // 3


def _is_int(value: float) -> bool:
    """Whether a float is the number that JavaScript has for an int (-0.0 is none)."""
    return -_SAFE <= value <= _SAFE and value.is_integer() and (value != 0 or math.copysign(1, value) > 0)


# encoding


class _Form(NamedTuple):
    """What a form holds by itself."""

    low: int
    high: int
    holds_bytes: bool


_DOC = _Form(-_SAFE, _SAFE, True)
_PACK = _Form(-(2**63), 2**64 - 1, True)
_JSON = _Form(-_SAFE, _SAFE, False)


def to_doc(value: Any) -> Any:
    """What is stored in the document for a checked value."""
    return _encode(value, _DOC)


def pack(value: Any) -> bytes:
    """Canonical MessagePack: equal values have equal bytes, dicts are sorted by key (as UTF-8).

    Raises ValidationError for what is no value.
    """
    try:
        return _packb(_encode(value, _PACK))
    except (ValueError, OverflowError, RecursionError) as error:  # lone surrogates, nesting
        raise ValidationError(f"cannot pack {short(value)}: {error}") from error


def to_json(value: Any) -> Any:
    """The value as `json.dumps` takes it. Raises ValidationError for what is no value."""
    return _encode(value, _JSON)


def digest(value: Any) -> bytes:
    """8 bytes (BLAKE2b) that equal values share and others, in practice, do not."""
    return blake2b(pack(value), digest_size=8).digest()


def same(one: Any, other: Any) -> bool:
    """Whether two values are stored alike; unlike ``==``, True is not 1."""
    return one == other and pack(one) == pack(other)


def copy(value: Any) -> Any:
    """A deep copy of a value or answer."""
    kind = _type_of(value)
    if kind is dict:
        return {key: copy(item) for key, item in value.items()}
    if kind is list:
        return [copy(item) for item in value]
    return set(value) if kind is set else value


def _encode(value: Any, form: _Form) -> Any:
    kind = _type_of(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is int:
        return value if form.low <= value <= form.high else _tagged("int", str(value))
    if encode := _ENCODE.get(kind):
        return encode(value, form)
    for base, encode in _ENCODE.items():
        if isinstance(value, base):
            return encode(value, form)
    try:
        return _encode(_base(value, EXPECTED), form)
    except _Wrong as wrong:
        raise wrong.error("a value") from None


def _tagged(name: str, content: Any) -> dict[str, Any]:
    return {_TAG: name, "v": content}


def _encode_float(value: float, form: _Form) -> Any:
    if not math.isfinite(value):
        raise ValidationError(f"a value is {value}; expected a finite float")
    return int(value) if _is_int(value) else value


def _encode_bytes(value: bytes, form: _Form) -> Any:
    return value if form.holds_bytes else _tagged("bytes", base64.b64encode(value).decode())


def _encode_list(value: Iterable[Any], form: _Form) -> Any:
    return [_encode(item, form) for item in value]


def _encode_dict(value: Mapping[Any, Any], form: _Form) -> Any:
    if not all(isinstance(key, str) for key in value):
        pairs = sorted(value.items(), key=lambda pair: key_text(pair[0]))
        return _tagged("map", [[_encode(key, form), _encode(item, form)] for key, item in pairs])
    encoded = {key: _encode(value[key], form) for key in sorted(value)}
    return _tagged("dict", encoded) if _TAG in encoded else encoded


def _encode_set(value: Iterable[Any], form: _Form) -> Any:
    return _tagged("set", [_encode(item, form) for item in sorted(value, key=key_text)])


_ENCODE: dict[Any, Callable[[Any, _Form], Any]] = {
    dict: _encode_dict,
    list: _encode_list,
    tuple: _encode_list,
    float: _encode_float,
    bytes: _encode_bytes,
    datetime: lambda value, form: _tagged("datetime", value.isoformat()),
    date: lambda value, form: _tagged("date", value.isoformat()),
    set: _encode_set,
    frozenset: _encode_set,
}


# decoding


def from_doc(stored: Any) -> Any:
    """The value of what is in the document. Never fails, whatever a Yjs client has put there.

    A malformed tag is read as the dict it is, NaN and infinity as None, and so is what is nested deeper
    than MAX_WIRE_DEPTH.
    """
    return _read(stored, 0)


def unpack(data: bytes) -> Any:
    """The value of MessagePack bytes. Raises ValidationError when they are none."""
    try:
        raw = _unpackb(data)
    except (ValueError, TypeError, UnpackException) as error:
        raise ValidationError(f"not MessagePack: {error or type(error).__name__}") from error
    return _decode(raw, 0)


def from_json(value: Any) -> Any:
    """The value of what `json.loads` gives. Raises ValidationError when it is none."""
    return _decode(value, 0)


def _read(stored: Any, depth: int) -> Any:
    kind = _type_of(stored)
    if kind is float:
        if _is_int(stored):
            return int(stored)
        return stored if math.isfinite(stored) else None
    if kind is str or kind is bool or kind is int:
        return stored
    if kind is bytearray or kind is bytes:
        return bytes(stored)
    if kind is list:
        return [_read(item, depth + 1) for item in stored] if depth < MAX_WIRE_DEPTH else None
    if kind is dict:
        return _read_dict(stored, depth) if depth < MAX_WIRE_DEPTH else None
    return None


def _read_dict(stored: dict[str, Any], depth: int) -> Any:
    if _TAG in stored:
        name, content = _parts(stored)
        if name == "dict" and type(content) is dict and _TAG in content:
            return _read_items(cast("dict[str, Any]", content), depth + 1)
        if name in _SCALARS:
            try:
                return _SCALARS[name](content)
            except (ValueError, TypeError, OverflowError):
                pass  # not ours: read below as the dict it is
    return _read_items(stored, depth)


def _read_items(stored: dict[str, Any], depth: int) -> dict[str, Any]:
    return {key: _read(stored[key], depth + 1) for key in sorted(stored)}


def _decode(raw: Any, depth: int) -> Any:
    if depth > MAX_WIRE_DEPTH:
        raise ValidationError(f"a value is nested deeper than {MAX_WIRE_DEPTH} levels")
    kind = _type_of(raw)
    if kind is str:
        return _well_formed(raw)
    if kind is dict:
        return _decode_dict(raw, depth)
    if kind is list:
        return [_decode(item, depth + 1) for item in raw]
    if kind is float and not math.isfinite(raw):
        raise ValidationError(f"a value is {raw}; expected a finite float")
    if kind in _EXACT:
        return raw
    raise ValidationError(f"a value is {short(raw)}; expected {EXPECTED}")


def _decode_dict(raw: dict[Any, Any], depth: int) -> Any:
    if _TAG not in raw:
        return _decode_items(raw, depth)
    name, content = _parts(raw)
    try:
        if name in _SCALARS:
            return _SCALARS[name](content)
        if name == "dict":
            return _decode_items(content, depth + 1)
        if name == "set":
            return {_atom(item, depth) for item in content}
        if name == "map":
            return {_atom(key, depth): _decode(item, depth + 2) for key, item in content}
    except (ValueError, TypeError, OverflowError, AttributeError) as error:
        raise ValidationError(f"a malformed {name}: {short(content)}") from error
    raise ValidationError(f"a malformed tag: {short(raw)}")


def _decode_items(raw: dict[Any, Any], depth: int) -> dict[str, Any]:
    if not all(type(key) is str for key in raw):
        raise ValidationError(f"a key of {short(raw)} is not a str")
    return {_well_formed(key): _decode(item, depth + 1) for key, item in raw.items()}


def _atom(raw: Any, depth: int) -> Any:
    return check_atom(_decode(raw, depth + 2), "an element or key")


def _well_formed(text: str) -> str:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValidationError(f"{short(text)} has a lone surrogate; use well-formed Unicode") from None
    return text


def _parts(tagged: Mapping[str, Any]) -> tuple[str, Any]:
    """The type and content of a tag; the type is "" when it is none."""
    name = tagged[_TAG]
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


# keys


def key_text(atom: Any) -> str:
    """An atom as text that names it and no other: base64url, unpadded, of its canonical MessagePack.

    True and 1 have different texts; 1 and 1.0 have the same. Raises ValidationError for what is no atom.
    """
    return _text_of(_packed_atom(atom, "a key")[1])


@lru_cache(_KEY_CACHE)
def text_key(text: str) -> Any:
    """The atom that `key_text` gave ``text`` for. Raises ValidationError for any other text."""
    try:
        packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise ValidationError(f"{short(text)} is not the text of a key") from error
    atom, canonical = _packed_atom(unpack(packed), "a key")
    if _text_of(canonical) != text:
        raise ValidationError(f"{short(text)} is not the canonical text of the key {short(atom)}")
    return atom


def _text_of(packed: bytes) -> str:
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()
