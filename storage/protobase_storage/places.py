"""Places in logs behind which readers go on: who reads a long log in portions reads no row of it twice."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from .commit import Vector, includes

PLACES_KEPT = 1_000
"""Places that are remembered, those of the last readers; another one is found by reading from the start."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reader is in a log."""

    read: int = 0
    """Up to this position the vector covers the whole log."""
    compared: int = 0
    """Up to this position no commit is in the place of one that the vector has on another timeline."""


class Places:
    """By collection id and vector, where its readers are.

    A log only grows behind it, and never by what the vector covers; a collection made anew has another id.
    """

    def __init__(self) -> None:
        self._places: OrderedDict[_Key, Place] = OrderedDict()

    def of(self, collection: int, vector: Vector) -> Place:
        """The place; if it is not known, the furthest of who has no more, or the start of the log."""
        if (place := self._places.get(_Key.of(collection, vector))) is not None:
            return place
        others = (place for key, place in self._places.items() if key.has_no_more(collection, vector))
        return Place(read=max((place.read for place in others), default=0))

    def keep(self, collection: int, vector: Vector, place: Place) -> None:
        """Who has a vector goes on from there."""
        key = _Key.of(collection, vector)
        self._places[key] = place
        self._places.move_to_end(key)
        if len(self._places) > PLACES_KEPT:
            self._places.popitem(last=False)


@dataclass(frozen=True, slots=True)
class _Key:
    collection: int
    positions: frozenset[tuple[str, int]]

    @classmethod
    def of(cls, collection: int, vector: Vector) -> _Key:
        return cls(collection, frozenset(vector.items()))

    def has_no_more(self, collection: int, vector: Vector) -> bool:
        """Whether `vector` covers all that this one does, whatever the timelines."""
        return self.collection == collection and includes(vector, dict(self.positions))
