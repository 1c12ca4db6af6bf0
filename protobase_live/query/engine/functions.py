"""What the operators of expressions do to values, where generated code does not do it by itself.

See :mod:`protobase_live.query.ast.expressions` for the meaning, :mod:`.code` for who calls this.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from protobase_live.model import values
from protobase_live.model.values.checking import is_safe_int
from protobase_live.query.ast.ordering import SortKey, descending, sort_key
from protobase_live.query.engine.effort import make, seek, spend
from protobase_live.query.engine.patterns import matcher

NUMBERS = (int, float)
"""The classes of numbers; a bool is none."""

EMPTY: Mapping[str, Any] = {}
"""Where the fields of what is no dict are looked up."""

ELEMENT_STEPS = 50
"""What comparing a value with an element of a list costs, in steps of matching."""

KEY_STEPS = 100
"""What each value within a list, dict or set costs of which the sort key is made."""

_PLAIN = frozenset({int, float, str, bool, bytes})
_LISTS = (list, tuple)
_SETS = (set, frozenset)
_WHOLES = frozenset({*_LISTS, *_SETS, dict})


def deep(row: Any, path: tuple[str, ...]) -> Any:
    """What stands at ``path`` in ``row``; None where something on the way is missing or no dict."""
    for name in path:
        if row.__class__ is not dict:
            return None
        row = row.get(name)
    return row


def key(value: Any) -> SortKey:
    """The sort key of a value. Raises LimitExceeded where too much was compared since others have run."""
    if value.__class__ in _WHOLES:
        spend(KEY_STEPS * _count(value))
    return sort_key(value)


def _count(whole: Any) -> int:
    """How many values are in a list, dict or set."""
    items = whole.values() if whole.__class__ is dict else whole
    return len(whole) + sum([_count(each) for each in items if each.__class__ in _WHOLES])


# comparisons


def equal(one: Any, other: Any) -> bool:
    """Whether two values are equal; True is not 1."""
    kind = one.__class__
    if kind is other.__class__ and kind in _PLAIN:
        return one == other
    return key(one) == key(other)


def less(one: Any, other: Any) -> bool:
    """Whether ``one`` is of the type of ``other`` and comes before it."""
    kind = one.__class__
    if kind is other.__class__ and kind in _PLAIN:
        return one < other
    a, b = key(one), key(other)
    return a[0] == b[0] and a < b


def at_most(one: Any, other: Any) -> bool:
    """Whether ``one`` is of the type of ``other`` and does not come behind it."""
    kind = one.__class__
    if kind is other.__class__ and kind in _PLAIN:
        return one <= other
    a, b = key(one), key(other)
    return a[0] == b[0] and a <= b


def within(value: Any, items: Any) -> bool:
    """Whether ``value`` equals one of ``items``, a list or set; False for anything else."""
    return items.__class__ not in (str, dict) and contains(items, value)


def contains(whole: Any, item: Any) -> bool:
    """Whether a text holds a text, a list or set an element, a dict a key."""
    kind = whole.__class__
    if kind is str:
        seek(whole)
        return item.__class__ is str and item in whole
    is_list = kind in _LISTS
    if not is_list and kind not in _SETS and kind is not dict:
        return False
    if item.__class__ in _WHOLES:
        return _any_equal(whole, item)
    if is_list:
        spend(ELEMENT_STEPS * len(whole))
    # What is equal here is equal to Python, too; the other way round it is not so for 1 and True alone.
    if item not in whole:
        return False
    if item.__class__ is str or (is_list and whole[whole.index(item)].__class__ is item.__class__):
        return True
    return _any_equal(whole, item)


def _any_equal(items: Any, item: Any) -> bool:
    wanted = key(item)
    spend(KEY_STEPS * len(items))
    return any(key(each) == wanted for each in items)


def starts_with(text: Any, prefix: Any) -> bool:
    """Whether a text begins with another."""
    return text.__class__ is str and prefix.__class__ is str and text.startswith(prefix)


def like(text: Any, pattern: Any) -> bool:
    """Whether a text fits a pattern."""
    return text.__class__ is str and pattern.__class__ is str and matcher(pattern)(text)


# arithmetic


def add(one: Any, other: Any) -> Any:
    """The sum of two numbers, or two texts joined."""
    if one.__class__ is str and other.__class__ is str:
        return one + other if len(one) + len(other) <= values.MAX_VALUE_BYTES else None
    return _computed(lambda a, b: a + b, one, other)


def joined(one: Any, other: Any) -> Any:
    """As `add`, where the result is kept. Raises LimitExceeded for more bytes than the query may make."""
    if one.__class__ is str and other.__class__ is str:
        make(len(one) + len(other))
    return add(one, other)


def subtract(one: Any, other: Any) -> Any:
    """The difference of two numbers."""
    return _computed(lambda a, b: a - b, one, other)


def multiply(one: Any, other: Any) -> Any:
    """The product of two numbers."""
    return _computed(lambda a, b: a * b, one, other)


def divide(one: Any, other: Any) -> Any:
    """The quotient of two numbers; None by zero."""
    return _computed(lambda a, b: a / b, one, other)


def modulo(one: Any, other: Any) -> Any:
    """What dividing two numbers leaves, with the sign of the divisor; None by zero."""
    return _computed(lambda a, b: a % b, one, other)


def negative(value: Any) -> Any:
    """The number with its sign turned."""
    return number(0 - value) if value.__class__ in NUMBERS else None


def number(value: Any) -> Any:
    """A computed number as a value: an int where it is integral, None where it is no value."""
    if value.__class__ is int:
        return value if value.bit_length() <= values.MAX_INT_BITS else None
    if is_safe_int(value):
        return int(value)
    return value if math.isfinite(value) else None


def _computed(operation: Callable[[Any, Any], Any], one: Any, other: Any) -> Any:
    if one.__class__ not in NUMBERS or other.__class__ not in NUMBERS:
        return None
    try:
        return number(operation(one, other))
    except (ZeroDivisionError, OverflowError):
        return None


# sorting


def downward(value: Any) -> SortKey:
    """The key by which values sort from the last to the first."""
    return descending(key(value))
