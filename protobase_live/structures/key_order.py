"""Keys in their order, so that a page of them takes as long as the page is large."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sortedcontainers import SortedList


class KeyOrder:
    """The order of a dict's keys: they are sorted when somebody asks for it first, and kept from then on."""

    def __init__(self, keys: Collection[str]) -> None:
        """``keys`` is the dict itself; tell `add` and `discard` what becomes of it, before or after."""
        self._keys = keys
        self._sorted: SortedList[str] | None = None

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: str) -> None:
        """There is one more key."""
        if self._sorted is not None:
            self._sorted.add(key)

    def discard(self, key: str) -> None:
        """There is one key less."""
        if self._sorted is not None:
            self._sorted.remove(key)

    def page(self, after: str | None, limit: int) -> list[str]:
        """The first ``limit`` keys behind ``after``, or of all if that is None."""
        start = 0 if after is None else self.position(after, behind=True)
        return list(self.walk(start, start + limit))

    def position(self, key: str, *, behind: bool = False) -> int:
        """How many keys come before this one, or with it if ``behind``. It need not be there."""
        known = self._in_order()
        return known.bisect_right(key) if behind else known.bisect_left(key)

    def walk(self, start: int, stop: int, *, back: bool = False) -> Iterator[str]:
        """The keys at these places, lazily; nothing may change meanwhile."""
        return self._in_order().islice(start, stop, reverse=back)

    def _in_order(self) -> SortedList[str]:
        if self._sorted is None:
            self._sorted = SortedList(self._keys)
        return self._sorted
