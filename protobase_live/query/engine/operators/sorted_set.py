"""A set in order, of which there may be one a row."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar

from sortedcontainers import SortedList

MAX_PLAIN = 500
"""Most elements held in a plain list, where moving them is still cheaper than bookkeeping."""

T = TypeVar("T", bound=Any)


class SortedSet(Generic[T]):
    """Different elements in order; adding and removing costs O(log n). A small one is a plain list, because
    the containers of sortedcontainers take half a kilobyte even when they are empty.
    """

    __slots__ = ("_elements",)

    def __init__(self, elements: Iterable[T] = ()) -> None:
        self._elements: list[T] | SortedList[T] = sorted(elements)

    def __iter__(self) -> Iterator[T]:
        return iter(self._elements)

    def __len__(self) -> int:
        return len(self._elements)

    def __getitem__(self, index: int) -> T:
        return self._elements[index]

    def add(self, element: T) -> None:
        """Put in what is not in it."""
        if isinstance(self._elements, SortedList):
            self._elements.add(element)
            return
        insort(self._elements, element)
        if len(self._elements) > MAX_PLAIN:
            self._elements = SortedList(self._elements)

    def remove(self, element: T) -> None:
        """Take out what is in it."""
        if isinstance(self._elements, SortedList):
            self._elements.remove(element)
        else:
            del self._elements[bisect_left(self._elements, element)]
