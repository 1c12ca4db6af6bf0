"""Places in logs behind which readers go on: who reads a long log in portions reads no row of it twice."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from .commit import Vector

PLACES_KEPT = 1_000
"""Places that are remembered, those of the last readers; another one is found by reading from the start."""

_Key = tuple[int, frozenset[tuple[str, int]]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reader is in a log."""

    read: int = 0
    """Up to this position the vector covers the whole log."""
    compared: int = 0
    """Up to this position no commit is in the place of one that the vector has on another timeline."""


NO_PLACE = Place()


class Places:
    """By collection id and vector, where its readers are.

    A log only grows behind it, and never by what the vector covers; a collection made anew has another id.
    """

    def __init__(self) -> None:
        self._places: OrderedDict[_Key, Place] = OrderedDict()

    def of(self, collection: int, vector: Vector) -> Place:
        """The place, at the start of the log if it is not known."""
        return self._places.get(_key(collection, vector), NO_PLACE)

    def keep(self, collection: int, vector: Vector, place: Place) -> None:
        """Who has a vector goes on from there."""
        key = _key(collection, vector)
        self._places[key] = place
        self._places.move_to_end(key)
        if len(self._places) > PLACES_KEPT:
            self._places.popitem(last=False)


def _key(collection: int, vector: Vector) -> _Key:
    return collection, frozenset(vector.items())
