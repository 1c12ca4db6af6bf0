"""What a group remembers of its rows for each aggregate, so that rows can come and go.

An accumulator is told only of values that are not None. Results depend on which values there are, never on
the order in which they came and went.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from protobase_live.model.values import MAX_INT_BITS
from protobase_live.model.values.checking import MAX_SAFE_INT, is_safe_int
from protobase_live.model.values.weighing import weights
from protobase_live.query.ast.ordering import SortKey, sort_key
from protobase_live.query.engine.effort import make
from protobase_live.query.engine.operator import Identity, Item, Rank, place
from protobase_live.query.engine.operators.forms import Forms
from protobase_live.query.engine.operators.sorted_set import SortedSet

SCALE_BITS = 1074
"""Every float is a whole number of 2**-1074, the smallest one."""


class Accumulator(ABC):
    """The values of one aggregate in one group."""

    __slots__ = ()

    @abstractmethod
    def add(self, value: Any, item: Item) -> None:
        """``item``, which has come, has ``value``."""

    @abstractmethod
    def remove(self, value: Any, item: Item) -> None:
        """``item``, which has gone, had ``value``."""

    @abstractmethod
    def result(self) -> Any:
        """What the aggregate says of the values that there are."""


class Count(Accumulator):
    """How many values there are."""

    __slots__ = ("_count",)

    def __init__(self) -> None:
        self._count = 0

    def add(self, value: Any, item: Item) -> None:
        self._count += 1

    def remove(self, value: Any, item: Item) -> None:
        self._count -= 1

    def result(self) -> int:
        return self._count


class Sum(Accumulator):
    """The exact sum of the numbers.

    Integral floats up to MAX_SAFE_INT are ints, as everywhere. If all numbers are ints, so is the sum;
    otherwise it is the float next to the exact sum.
    """

    __slots__ = ("_count", "_float_count", "_floats", "_ints")

    def __init__(self) -> None:
        self._count = 0
        self._float_count = 0
        self._ints = 0
        self._floats = 0
        """The sum of those that are no ints, in units of 2**-SCALE_BITS."""

    def add(self, value: Any, item: Item) -> None:
        self._include(value, 1)

    def remove(self, value: Any, item: Item) -> None:
        self._include(value, -1)

    def _include(self, value: Any, sign: int) -> None:
        kind = value.__class__
        if kind is not int and kind is not float:
            return
        self._count += sign
        if kind is int or (abs(value) <= MAX_SAFE_INT and value.is_integer()):
            self._ints += sign * int(value)
        else:
            numerator, denominator = value.as_integer_ratio()
            self._float_count += sign
            self._floats += sign * numerator * ((1 << SCALE_BITS) // denominator)

    def result(self) -> int | float | None:
        if not self._count:
            return None
        if self._float_count:
            return self._quotient(1)
        return self._ints if self._ints.bit_length() <= MAX_INT_BITS else None

    def _quotient(self, divisor: int) -> int | float | None:
        """The sum divided by ``divisor`` and rounded; None if it is too large for a float."""
        try:
            found = ((self._ints << SCALE_BITS) + self._floats) / (divisor << SCALE_BITS)
        except OverflowError:
            return None
        return int(found) if is_safe_int(found) else found


class Average(Sum):
    """The mean of the numbers, rounded once."""

    __slots__ = ()

    def result(self) -> int | float | None:
        return self._quotient(self._count) if self._count else None


class Extreme(Accumulator):
    """The first or last value in the order of values."""

    __slots__ = ("_index", "_keys", "_values")

    def __init__(self, index: int) -> None:
        """``index``: 0 for the first, -1 for the last."""
        self._index = index
        self._values: dict[SortKey, Forms] = {}
        """The values that are there."""
        self._keys: SortedSet[SortKey] = SortedSet()

    def add(self, value: Any, item: Item) -> None:
        key = sort_key(value)
        known = self._values.get(key)
        if known is None:
            self._keys.add(key)
            known = self._values[key] = Forms()
        known.add(value)

    def remove(self, value: Any, item: Item) -> None:
        key = sort_key(value)
        known = self._values[key]
        known.remove(value)
        if not known.count:
            del self._values[key]
            self._keys.remove(key)

    def result(self) -> Any:
        return self._values[self._keys[self._index]].shown() if self._keys else None


class Collect(Accumulator):
    """All values, in the order of their items."""

    __slots__ = ("_places", "_values")

    def __init__(self) -> None:
        self._values: dict[tuple[Rank, Identity], Any] = {}
        self._places: SortedSet[tuple[Rank, Identity]] = SortedSet()

    def add(self, value: Any, item: Item) -> None:
        found = place(item)
        self._values[found] = value
        self._places.add(found)

    def remove(self, value: Any, item: Item) -> None:
        found = place(item)
        del self._values[found]
        self._places.remove(found)

    def result(self) -> list[Any]:
        """Raises LimitExceeded where the values have more bytes than the query may make."""
        make(weights(self._values.values()))
        return [self._values[found] for found in self._places]


class CountDistinct(Accumulator):
    """How many different values there are."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: Counter[SortKey] = Counter()

    def add(self, value: Any, item: Item) -> None:
        self._counts[sort_key(value)] += 1

    def remove(self, value: Any, item: Item) -> None:
        key = sort_key(value)
        self._counts[key] -= 1
        if not self._counts[key]:
            del self._counts[key]

    def result(self) -> int:
        return len(self._counts)


ACCUMULATORS: Mapping[str, Callable[[], Accumulator]] = {
    "count": Count,
    "sum": Sum,
    "avg": Average,
    "min": lambda: Extreme(0),
    "max": lambda: Extreme(-1),
    "collect": Collect,
    "count_distinct": CountDistinct,
}
"""What makes an empty accumulator, by the aggregate's name."""
