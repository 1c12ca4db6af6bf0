"""Through which states a collection has come here. Another node may have shown commits in another order."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from protobase_live.live.view_cursor import Step
from protobase_storage import Vector, join, sequence_of


@dataclass(slots=True)
class _Stretch:
    """Commits that were shown one after the other, or as one."""

    brought: Vector
    one_by_one: bool
    """They are of one node, and it has been at each of them."""


class Path:
    """The vectors of what was shown, in order; commits of one node in a row take no more room than one."""

    def __init__(self, vector: Vector, most: int) -> None:
        """It begins at ``vector``, and remembers ``most`` stretches."""
        self._begin = vector
        self._end = vector
        self._most = most
        self._stretches: deque[_Stretch] = deque()

    def advance(self, vector: Vector) -> None:
        """So much was shown by now."""
        if not (brought := Step(self._end, vector).brought):
            return
        one = len(brought) == 1 and all(n == sequence_of(self._end, each) + 1 for each, n in brought.items())
        self._end = vector
        last = self._stretches[-1] if self._stretches else None
        if one and last is not None and last.one_by_one and last.brought.keys() == brought.keys():
            last.brought = brought
            return
        self._stretches.append(_Stretch(brought, one))
        if len(self._stretches) > self._most:
            self._begin = join(self._begin, self._stretches.popleft().brought)

    def leads_through(self, vector: Vector) -> bool:
        """Whether exactly this was shown at some time, as far as that is remembered."""
        here = self._begin
        for stretch in self._stretches:
            if here == vector or (stretch.one_by_one and _is_within(vector, here, stretch.brought)):
                return True
            here = join(here, stretch.brought)
        return here == vector


def _is_within(vector: Vector, here: Vector, brought: Vector) -> bool:
    """Whether ``vector`` is ``here`` with the first of the commits of one node that came then."""
    ((origin, last),) = brought.items()
    sequence = vector.get(origin, 0)
    return sequence_of(here, origin) < sequence <= last and join(here, {origin: sequence}) == vector
