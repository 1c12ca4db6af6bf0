"""Places in logs behind which readers go on: who reads a long log in portions reads no row of it twice."""

from __future__ import annotations

from collections import OrderedDict

from .commit import Vector

PLACES_KEPT = 1_000
"""Places that are remembered, those of the last readers; another one is found by reading from the start."""

_Key = tuple[int, frozenset[tuple[str, int]]]


class Places:
    """By collection id and vector, the position up to which that covers the whole log.

    A log only grows behind it, and never by what the vector covers; a collection made anew has another id.
    """

    def __init__(self) -> None:
        self._places: OrderedDict[_Key, int] = OrderedDict()

    def of(self, collection: int, vector: Vector) -> int:
        """The position, 0 if it is not known."""
        return self._places.get(_key(collection, vector), 0)

    def keep(self, collection: int, vector: Vector, position: int) -> None:
        """Everything up to a position was read, and is covered by a vector."""
        key = _key(collection, vector)
        self._places[key] = position
        self._places.move_to_end(key)
        if len(self._places) > PLACES_KEPT:
            self._places.popitem(last=False)


def _key(collection: int, vector: Vector) -> _Key:
    return collection, frozenset(vector.items())
