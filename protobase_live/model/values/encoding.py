"""The forms that values take in a document, in MessagePack and in JSON."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from hashlib import blake2b
from typing import Any, NamedTuple, cast

import msgpack  # pyright: ignore[reportMissingTypeStubs]

from protobase_live.errors import ValidationError
from protobase_live.model.values.checking import (
    EXPECTED,
    MAX_SAFE_INT,
    Checker,
    Wrong,
    base_value,
    is_safe_int,
    type_of,
)

TAG = "@"
"""The key that marks a tagged value."""

MAX_ATOM_BYTES = 512
"""Largest atom, in bytes of MessagePack."""

PORTION_ITEMS = 256
"""Items of a long list that are packed together."""

_WHOLLY_EQUAL = frozenset({type(None), bool, int, str, bytes, date})
"""Classes of values that are stored alike if they are equal."""

_TEXTS = frozenset({str})

_packb: Callable[[Any], bytes] = cast(Any, msgpack).packb


class _Form(NamedTuple):
    """What a form holds by itself."""

    low: int
    high: int
    holds_bytes: bool
    is_canonical: bool = True
    """Whether dicts are sorted by key, so that equal values have one form."""


_DOC = _Form(-MAX_SAFE_INT, MAX_SAFE_INT, True)
_PACK = _Form(-(2**63), 2**64 - 1, True)
_JSON = _Form(-MAX_SAFE_INT, MAX_SAFE_INT, False)


_PACK_AS_WRITTEN = _PACK._replace(is_canonical=False)
_JSON_AS_WRITTEN = _JSON._replace(is_canonical=False)


def to_doc(value: Any) -> Any:
    """What is stored in the document for a checked value."""
    return _encode(value, _DOC)


def pack(value: Any, *, as_written: bool = False) -> bytes:
    """Canonical MessagePack: equal values have equal bytes, dicts are sorted by key (as UTF-8).

    ``as_written`` leaves dicts in their order. Raises ValidationError for what is no value, which it does not
    quote: it may be a message, with a secret in it.
    """
    try:
        return _packb(_encode(value, _PACK_AS_WRITTEN if as_written else _PACK))
    except (ValueError, OverflowError, RecursionError) as error:  # lone surrogates, nesting
        raise ValidationError(f"a value cannot be packed: {error}") from error


def to_json(value: Any, *, as_written: bool = False) -> Any:
    """The value as `json.dumps` takes it, dicts sorted by key unless they stay ``as_written``.

    Raises ValidationError for what is no value.
    """
    return _encode(value, _JSON_AS_WRITTEN if as_written else _JSON)


def digest(value: Any) -> bytes:
    """8 bytes (BLAKE2b) that equal values share and others, in practice, do not."""
    return blake2b(pack(value), digest_size=8).digest()


def digest_packed(packed: Iterable[bytes]) -> bytes:
    """`digest` of a value that is packed already, in portions."""
    found = blake2b(digest_size=8)
    for portion in packed:
        found.update(portion)
    return found.digest()


def portions(value: Any) -> Iterator[bytes]:
    """What `pack` gives, in portions; those of a long list are made one at a time."""
    if type(value) is not list or len(cast("list[Any]", value)) <= PORTION_ITEMS:
        yield pack(value)
        return
    items = cast("list[Any]", value)
    yield list_head(len(items))
    for start in range(0, len(items), PORTION_ITEMS):
        some = items[start : start + PORTION_ITEMS]
        yield pack(some)[len(list_head(len(some))) :]


def list_head(count: int) -> bytes:
    """How a list of so many items begins in MessagePack."""
    if count < 2**4:
        return bytes([0x90 | count])
    return b"\xdc" + count.to_bytes(2, "big") if count < 2**16 else b"\xdd" + count.to_bytes(4, "big")


def same(one: Any, other: Any) -> bool:
    """Whether two values are stored alike. Unlike with ``==``, True is not 1, 0 is not -0.0, a large int is
    not the float, and a datetime not the same instant in another zone. 1.0 is 1: both are stored as an
    integer.
    """
    return one is other or (one == other and _alike(one, other))


def _alike(one: Any, other: Any) -> bool:
    """Whether two values that are equal are stored alike; so what is in them is equal, too."""
    kind = type_of(one)
    if kind in _WHOLLY_EQUAL and kind is type_of(other):
        return True
    if kind is dict:
        return _alike_dicts(one, other)
    if kind is list or kind is tuple:
        return all(item is its or _alike(item, its) for item, its in zip(one, other, strict=True))
    if kind is set or kind is frozenset:
        return _alike_atoms(one, other)
    if kind is datetime:
        return one.utcoffset() == other.utcoffset()
    return (kind is bool) == (type(other) is bool) and _stays_float(one) == _stays_float(other)


def _alike_dicts(one: dict[Any, Any], other: dict[Any, Any]) -> bool:
    """The same of two dicts; their keys may be atoms."""
    for key, item in one.items():
        if item is not (its := other[key]) and not _alike(item, its):
            return False
    return _TEXTS.issuperset(map(type_of, one)) or _alike_atoms(one, other)


def _alike_atoms(one: Iterable[Any], other: Iterable[Any]) -> bool:
    """The same of the elements of two sets, or the keys of two dicts."""
    equals = {atom: atom for atom in one}
    return all(_alike(equals[atom], atom) for atom in other)


def _stays_float(value: Any) -> bool:
    """Whether it is a number that is not stored as an integer."""
    return value.__class__ is float and not is_safe_int(value)


def _encode(value: Any, form: _Form) -> Any:
    kind = type_of(value)
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
        return _encode(base_value(value, EXPECTED), form)
    except Wrong as wrong:
        raise wrong.error("a value") from None


def _tagged(name: str, content: Any) -> dict[str, Any]:
    return {TAG: name, "v": content}


def _encode_float(value: float, form: _Form) -> Any:
    if not math.isfinite(value):
        raise ValidationError(f"a value is {value}; expected a finite float")
    return int(value) if is_safe_int(value) else value


def _encode_bytes(value: bytes, form: _Form) -> Any:
    return value if form.holds_bytes else _tagged("bytes", base64.b64encode(value).decode())


def _encode_list(value: Iterable[Any], form: _Form) -> Any:
    return [_encode(item, form) for item in value]


def _encode_dict(value: Mapping[Any, Any], form: _Form) -> Any:
    if not all(isinstance(key, str) for key in value):
        pairs = sorted(value.items(), key=lambda pair: key_text(pair[0]))
        return _tagged("map", [[_encode(key, form), _encode(item, form)] for key, item in pairs])
    encoded = {key: _encode(value[key], form) for key in (sorted(value) if form.is_canonical else value)}
    return _tagged("dict", encoded) if TAG in encoded else encoded


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


# keys


def check_atom(value: Any, where: str) -> Any:
    """The atom in its final form: lists as tuples, integral floats as ints. Raises ValidationError."""
    atom, _ = packed_atom(value, where)
    return atom


def packed_atom(value: Any, where: str) -> tuple[Any, bytes]:
    """The atom in its final form, and packed. Raises ValidationError, which names ``where``."""
    try:
        atom = Checker().atom(value, 0)
    except Wrong as wrong:
        raise wrong.error(where) from None
    packed = pack(atom)
    if len(packed) > MAX_ATOM_BYTES:
        raise ValidationError(f"{where} has {len(packed)} bytes packed; at most {MAX_ATOM_BYTES} are allowed")
    return atom, packed


def key_text(atom: Any) -> str:
    """An atom as text that names it and no other: base64url, unpadded, of its canonical MessagePack.

    True and 1 have different texts; 1 and 1.0 have the same. Raises ValidationError for what is no atom.
    """
    return packed_text(packed_atom(atom, "a key")[1])


def packed_text(packed: bytes) -> str:
    """What `key_text` makes of a packed atom."""
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()
