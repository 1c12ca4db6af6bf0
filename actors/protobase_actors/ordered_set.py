"""A set that is gone through in the order in which its elements came."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class OrderedSet(Generic[T]):
    """What tasks, connections and the like are kept in.

    A plain set of objects is gone through in the order of their addresses, which is another one in each run:
    then one run cannot be had again.
    """

    __slots__ = ("_elements",)

    def __init__(self) -> None:
        self._elements: dict[T, None] = {}

    def add(self, element: T) -> None:
        """Add an element, at the end if it is new."""
        self._elements[element] = None

    def discard(self, element: T) -> None:
        """Remove an element if it is there."""
        self._elements.pop(element, None)

    def __iter__(self) -> Iterator[T]:
        return iter(self._elements)

    def __len__(self) -> int:
        return len(self._elements)

    def __contains__(self, element: object) -> bool:
        return element in self._elements
