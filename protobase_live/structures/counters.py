"""Counters: numbers that add up what is added concurrently.

A Y.Map of replica -> that replica's total (a PN-counter: nobody writes another's entry). An entry that is
no whole number, or a larger one than adding makes, does not count.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any, ClassVar

from pycrdt import Map

from protobase_live.model.values import MAX_INT_BITS, from_doc, to_doc
from protobase_live.structures.arguments import NOTHING, Argument, Signature, Signatures, integer
from protobase_live.structures.handle import Handle
from protobase_live.structures.kind import MARK, Args, Entry, FieldKind, whole_difference
from protobase_live.structures.raw import map_entries, map_entry

MAX_TOTAL_BITS = MAX_INT_BITS + 64
"""Largest total of one replica, in bits. However many of these add up, everybody can read the sum."""


class CounterKind(FieldKind):
    """``add(n)`` with n of any sign; ``value()``."""

    name = "counter"
    shared_type = Map
    actions: ClassVar[Signatures] = {"add": Signature(Argument("n", integer))}
    questions: ClassVar[Signatures] = {"value": NOTHING}
    plain_type = int
    whole = "value"

    def write(self, shared: Any, action: str, args: Args, replica: str) -> None:
        """See Kind."""
        (n,) = args
        shared[replica] = to_doc(whole_number(map_entry(shared, replica)) + n)

    def plain(self, shared: Any) -> int:
        """See Kind."""
        return self.plain_entries(map_entries(shared))

    def plain_entries(self, entries: Mapping[str, Any]) -> int:
        """The value of a counter with these native entries."""
        return sum(whole_number(total) for replica, total in entries.items() if replica != MARK)

    def fits(self, entries: Mapping[str, Any]) -> bool:
        """See Kind: every entry is a whole number."""
        return all(type(from_doc(entry)) is int for key, entry in entries.items() if key != MARK)

    def replay(self, value: Any, action: str, args: Args) -> int:
        """See Kind."""
        return self._given(value) + args[0]

    def answer(self, value: Any, method: str, args: Args) -> int:
        """See Kind."""
        return self._given(value)

    def differences(self, before: Any, after: Any) -> list[Entry]:
        """See Kind."""
        return whole_difference(before or 0, after or 0)

    def empty(self) -> Map[Any]:
        """See FieldKind."""
        return Map({MARK: self.name})

    def check_value(self, value: Any, where: str) -> int:
        """See FieldKind."""
        return integer(value, where)

    def assign(self, shared: Any, value: Any, replica: str) -> None:
        """See FieldKind."""
        if n := value - self.plain(shared):
            self.write(shared, "add", (n,), replica)


def whole_number(stored: Any) -> int:
    """The int that an entry holds, 0 for anything else and beyond `MAX_TOTAL_BITS`."""
    number = from_doc(stored)
    return number if type(number) is int and number.bit_length() <= MAX_TOTAL_BITS else 0


COUNTER = CounterKind()


class Counter(Handle):
    """A number that adds up what everybody adds."""

    kind = COUNTER.name
    behaviour = COUNTER

    def add(self, n: int = 1) -> Awaitable[None]:
        """Add ``n``, which may be negative."""
        return self._write("add", n)

    def value(self) -> Awaitable[int]:
        """The sum of everything added."""
        return self._read("value")
