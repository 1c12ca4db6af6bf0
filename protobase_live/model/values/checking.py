"""What is a value, and its final form."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from datetime import date, datetime
from typing import Any, cast

from protobase_live.errors import ValidationError

MAX_QUOTED_CHARS = 80
"""How much of a name is shown."""

MAX_DEPTH = 64
"""Most lists and dicts inside each other."""

MAX_VALUE_BYTES = 1024 * 1024
"""Largest value, in bytes as MessagePack would take (roughly)."""

MAX_INT_BITS = 13_000
"""Largest int, in bits."""

MAX_ALIKE = 1_000
"""Most elements of a set, or keys, to which Python gives the same hash."""

EXPECTED = "None, bool, int, finite float, str, bytes, datetime, date, list or dict with str keys"
EXPECTED_ATOM = "None, bool, int, finite float, str, bytes, datetime, date or a tuple of these"


MAX_SAFE_INT = 2**53 - 1
"""Largest int that JavaScript and the document tell from its neighbours."""

type_of: Callable[[Any], Any] = type
"""`type`, for values that a type checker knows nothing about."""


def check(value: Any, where: str) -> Any:
    """The value in its final form: subclasses as their base, tuples as lists, zones as offsets.

    Raises ValidationError, which names ``where``, for anything that is no value or beyond a limit.
    """
    try:
        return Checker().value(value, 0)
    except Wrong as wrong:
        raise wrong.error(where) from None


def short(value: Any) -> str:
    """A value for a message: its repr, cut, and its type."""
    text = _cut(value)
    return f"{text if len(text) <= 80 else text[:77] + '...'} ({type(value).__name__})"


def quoted(text: str) -> str:
    """A name for a message or a repr: quoted, and cut where it is long."""
    return repr(text if len(text) <= MAX_QUOTED_CHARS else text[: MAX_QUOTED_CHARS - 3] + "...")


def _cut(value: Any) -> str:
    if isinstance(value, (str, bytes)):
        return repr(value[:80])
    if isinstance(value, int) and value.bit_length() > MAX_INT_BITS:
        return f"an int of {value.bit_length()} bits"
    try:
        return repr(value)
    except (RecursionError, ValueError):
        return "something"


class Wrong(Exception):
    """A value that cannot be stored; each container it is in adds its step to ``path``, inside out."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.path: list[str] = []

    def error(self, where: str) -> ValidationError:
        return ValidationError(f"{where}{''.join(reversed(self.path))} {self.reason}")


class Checker:
    """One check; keeps count of the size."""

    def __init__(self) -> None:
        self._size = 0

    def value(self, value: Any, depth: int) -> Any:
        kind = type_of(value)
        if measure := _SIZES.get(kind):
            self._grow(measure(value))
            return value
        if kind is list:
            return self._items(self.value, value, depth)
        if kind is dict:
            return self._dict(value, depth)
        return self._converted(self.value, base_value(value, EXPECTED), depth)

    def atom(self, value: Any, depth: int) -> Any:
        kind = type_of(value)
        if kind is float and (is_safe_int(value) or value == 0):
            return self.atom(int(value), depth)
        if measure := _SIZES.get(kind):
            self._grow(measure(value))
            return value
        if kind is list:
            return tuple(self._items(self.atom, value, depth))
        if kind is dict:
            raise Wrong(f"is {short(value)}; expected {EXPECTED_ATOM}")
        return self._converted(self.atom, base_value(value, EXPECTED_ATOM), depth)

    def _converted(self, check: Callable[[Any, int], Any], base: Any, depth: int) -> Any:
        if isinstance(base, date):
            self._grow(_DATE_BYTES)
            return base
        return check(base, depth)

    def _items(self, check: Callable[[Any, int], Any], value: list[Any], depth: int) -> list[Any]:
        self._enter(depth)
        done: list[Any] = []
        for index, item in enumerate(value):
            try:
                done.append(check(item, depth + 1))
            except Wrong as wrong:
                wrong.path.append(f"[{index}]")
                raise
        return done

    def _dict(self, value: dict[Any, Any], depth: int) -> dict[str, Any]:
        self._enter(depth)
        done: dict[str, Any] = {}
        for key, item in value.items():
            try:
                done[self._key(key)] = self.value(item, depth + 1)
            except Wrong as wrong:
                wrong.path.append(f"[{_cut(key)}]")
                raise
        return done

    def _key(self, key: Any) -> str:
        if not isinstance(key, str):
            raise Wrong(f"is under the key {short(key)}; a key is a str")
        return self.value(str.__str__(key), 0)

    def _enter(self, depth: int) -> None:
        if depth >= MAX_DEPTH:
            raise Wrong(f"is nested deeper than {MAX_DEPTH} levels")
        self._grow(1)

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > MAX_VALUE_BYTES:
            raise Wrong(f"makes it larger than {MAX_VALUE_BYTES} bytes")


_BASES: tuple[Any, ...] = (int, float, bytes, dict)


def base_value(value: Any, expected: str) -> Any:
    """The same value as the class that is stored. Raises Wrong when it is no value."""
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
    raise Wrong(f"is {short(value)}; expected {expected}")


def _bytes_of(text: str) -> int:
    if text.isascii():
        return len(text)
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise Wrong(f"is {short(text)}, which has a lone surrogate; use well-formed Unicode") from None


def _int_size(value: int) -> int:
    bits = value.bit_length()
    if bits > MAX_INT_BITS:
        raise Wrong(f"is an int of {bits} bits; at most {MAX_INT_BITS} are allowed")
    return 9 if bits < 64 else 8 + bits // 3


def _float_size(value: float) -> int:
    if not math.isfinite(value):
        raise Wrong(f"is {value}; expected a finite float")
    return 9


_SIZES: dict[Any, Callable[[Any], int]] = {
    type(None): lambda value: 1,
    bool: lambda value: 1,
    int: _int_size,
    float: _float_size,
    str: lambda value: 1 + _bytes_of(value),
    bytes: lambda value: 1 + len(value),
}
"""How large a scalar is, in bytes; raises Wrong for one that cannot be stored."""

_DATE_BYTES = 40


def require_unlike(atoms: Collection[Any], where: str) -> None:
    """Raise ValidationError if too many of them have the same hash.

    Making a set of them takes time that grows with the square of their number. Numbers and tuples of them can
    be chosen so; texts and bytes cannot, because their hashes are random.
    """
    if len(atoms) > MAX_ALIKE:
        most = max(Counter(map(hash, atoms)).values())
        if most > MAX_ALIKE:
            raise ValidationError(
                f"{where}: {most} have the same hash; at most {MAX_ALIKE} may: a set of these takes too long"
            )


def is_safe_int(value: float) -> bool:
    """Whether a float is the number that JavaScript has for an int (-0.0 is none)."""
    is_negative_zero = value == 0 and math.copysign(1, value) < 0
    return -MAX_SAFE_INT <= value <= MAX_SAFE_INT and value.is_integer() and not is_negative_zero


_CONTAINERS = frozenset({dict, list, set})


def copy(value: Any) -> Any:
    """A deep copy of a value or answer."""
    kind = type_of(value)
    if kind is dict:
        return {key: copy(item) if item.__class__ in _CONTAINERS else item for key, item in value.items()}
    if kind is list:
        return [copy(item) if item.__class__ in _CONTAINERS else item for item in value]
    return set(value) if kind is set else value
