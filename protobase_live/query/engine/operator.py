"""What every operator is: a node of a query's tree that can fetch its rows and push a difference on.

Invariants, which `tests/protobase_live/query` checks for every operator:

1. An *item* is ``(identity, rank, row)``. No two items of one operator have the same identity.
2. Items stand in the order of ``(rank, identity)``, which is total: identities of one operator are
   comparable, and so are ranks. Ranks come from `OrderBy`; before it and after what mixes rows, the rank is
   ``()``.
3. A row is never changed once it was passed on. A changed row is another item with the same identity.
4. A *delta* holds at most one pair ``(before, after)`` for an identity; ``before`` is exactly what was passed
   on last (None: nothing), ``after`` what holds from now on (None: nothing), and they differ.
5. `push` is given what one show changed in all collections at once, and answers with its whole effect.
   Between two pushes, what the deltas add up to is what `fetch` gives on the same records.
6. Only `push` has a memory. An operator is made for `fetch` or for `push`, never for both.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Any, ClassVar

from protobase_live.model.values import same

Identity = Any
"""What tells an item from the others of its operator, hashable and comparable; in a source a record's key."""

Rank = tuple[Any, ...]
Row = dict[str, Any]
Item = tuple[Identity, Rank, Row]
Pair = tuple[Item | None, Item | None]
Delta = list[Pair]

RecordChange = tuple[str, Row | None, Row | None]
"""A record's key, its row before and after; None for absent."""

Changes = Mapping[str, Iterable[RecordChange]]
"""What one show changed, by collection; at most one change a key."""

BATCH_ROWS = 512
"""About how many rows `fetch` looks at before it gives its caller a chance to pause."""


class Operator(ABC):
    """A node of the tree; ``inputs`` are the nodes it takes rows from."""

    inputs: tuple[Operator, ...] = ()
    name: ClassVar[str]
    """What `explain` calls it."""

    @property
    def sorted(self) -> bool:
        """Whether `fetch` gives items in order."""
        return False

    @property
    def makes_values(self) -> bool:
        """Whether its rows may hold texts that it joins or values that it collects."""
        return False

    @property
    def detail(self) -> str:
        """What `explain` says besides the name."""
        return ""

    @abstractmethod
    def fetch(self) -> Iterator[list[Item]]:
        """All items, in batches of about BATCH_ROWS; an empty batch only gives a chance to pause."""

    @abstractmethod
    def push(self, changes: Changes) -> Delta:
        """What ``changes`` change here. Called with every record at first, as inserts, in any portions."""

    def hold_back(self) -> None:
        """Before the first push: hold back, until `let_go`, what nearly every record would change anew."""
        for input in self.inputs:
            input.hold_back()

    def let_go(self) -> bool:
        """Have the next push show a part of what is held back; whether there is such a part."""
        return any(input.let_go() for input in self.inputs)


def items_of(batches: Iterable[list[Item]]) -> Iterator[Item]:
    """The items of all batches."""
    for batch in batches:
        yield from batch


def in_batches(items: list[Item]) -> Iterator[list[Item]]:
    """``items``, a batch at a time."""
    for start in range(0, len(items), BATCH_ROWS):
        yield items[start : start + BATCH_ROWS]


def net(before: Mapping[Identity, Item], after: Mapping[Identity, Item]) -> Delta:
    """The delta from some items to others; what is the same in both has no part in it."""
    delta: Delta = [(old, new) for key, old in before.items() if not alike(old, new := after.get(key))]
    delta += [(None, new) for key, new in after.items() if key not in before]
    return delta


def alike(one: Item | None, other: Item | None) -> bool:
    """Whether two items with one identity have the same rank and row; True is not 1."""
    if one is None or other is None or one is other:
        return one is other
    return one[1] == other[1] and same(one[2], other[2])


place: Callable[[Item], tuple[Rank, Identity]] = itemgetter(1, 0)
"""What items are ordered by."""
