"""The one order of all values, in which queries sort, compare, group and join.

None comes first, then booleans, numbers, texts, bytes, dates, datetimes (those without a zone first), lists,
dicts and sets. Numbers compare by amount, so 1 equals 1.0, and neither equals True. Texts compare by code
point, lists item by item, dicts as their items sorted by key, sets as their sorted elements. A field that is
missing counts as None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any, cast

from protobase_live.model.values.checking import MAX_SAFE_INT

SortKey = tuple[Any, ...]
"""Stands for a value: hashable, comparable with every other one, and equal for equal values."""

NONE: SortKey = (0,)
"""The sort key of None, which comes first."""

BOOL, NUMBER, TEXT, BYTES, DATE, NAIVE, AWARE, LIST, DICT, SET = range(1, 11)
"""What a sort key begins with, by type; datetimes without a zone are of another than those with one."""

LARGE = 2**61 - 1
"""What is smaller, and no fraction, has a hash of its own in Python."""

_EPOCH = datetime(1970, 1, 1)
_EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)
_END: SortKey = (1,)
"""Greater than everything that `descending` makes, so that what is longer comes before what begins it. Texts
and bytes end with something like that, too."""

_TEXT_DOWNWARD = bytes(max(0, 0xFE - byte) for byte in range(256))
_BYTES_DOWNWARD = bytes(0xFF - byte for byte in range(256))


def sort_key(value: Any) -> SortKey:
    """The key of a value (see :mod:`protobase_live.model.values`), which says where it stands."""
    if value is None:
        return NONE
    return _KEYS[value.__class__](value)


def has_forms(key: SortKey) -> bool:
    """Whether values that have this key may be stored otherwise than others that have it: one instant in two
    zones, 0 and -0.0, a large int and the float, and what holds these.
    """
    kind, *content = key
    if kind == NUMBER:
        return content[0] == 0 or abs(content[0]) > MAX_SAFE_INT
    if kind in (LIST, DICT, SET):
        return any(map(has_forms, content[0]))
    return kind == AWARE


def descending(key: SortKey) -> SortKey:
    """The key that sorts the other way round among keys made so: None last."""
    rank, *rest = key
    return (-rank, *map(_reversed, rest))


def _reversed(part: Any) -> Any:
    if isinstance(part, str):  # the order of UTF-8 is that of the code points, and no byte of it is 0xFF
        return part.encode(errors="surrogatepass").translate(_TEXT_DOWNWARD) + b"\xff"
    if isinstance(part, bytes):
        return part.translate(_BYTES_DOWNWARD).decode("latin-1") + "\u0100"
    if isinstance(part, tuple):
        return (*map(descending, cast("tuple[SortKey, ...]", part)), _END)
    return -part


class _LargeNumber(int):
    """A number with a random hash: Python gives numbers from `LARGE` on the hash of a smaller one.

    To group, join or make distinct by many that have the same takes time that grows with the square of their
    number.
    """

    __slots__ = ()

    def __hash__(self) -> int:
        return hash(self.to_bytes(self.bit_length() // 8 + 1, "little", signed=True))


def _number_key(value: float) -> SortKey:
    return NUMBER, value if -LARGE < value < LARGE else _LargeNumber(value)


def _datetime_key(value: datetime) -> SortKey:
    aware = value.tzinfo is not None
    since = value - (_EPOCH_UTC if aware else _EPOCH)
    return AWARE if aware else NAIVE, (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _dict_key(value: Mapping[Any, Any]) -> SortKey:
    return DICT, tuple(
        part for pair in sorted((sort_key(k), sort_key(v)) for k, v in value.items()) for part in pair
    )


def _items_key(value: Any) -> SortKey:
    return LIST, tuple(map(sort_key, value))


def _set_key(value: Any) -> SortKey:
    return SET, tuple(sorted(map(sort_key, value)))


_KEYS: Mapping[Any, Callable[[Any], SortKey]] = {
    bool: lambda value: (BOOL, value),
    int: _number_key,
    float: _number_key,
    str: lambda value: (TEXT, value),
    bytes: lambda value: (BYTES, value),
    date: lambda value: (DATE, value.toordinal()),
    datetime: _datetime_key,
    list: _items_key,
    tuple: _items_key,
    dict: _dict_key,
    set: _set_key,
    frozenset: _set_key,
}
