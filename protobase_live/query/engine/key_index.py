"""The index on keys, which every table has without a declaration."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from protobase_live.query.ast.ordering import TEXT, SortKey
from protobase_live.query.engine.index import KEY_PATH, Entry, Paths, Walk
from protobase_live.structures.key_order import KeyOrder

KEY_PATHS: Paths = (KEY_PATH,)


class KeyIndex:
    """As an `Index` on the key alone, of which nothing is made until somebody looks something up."""

    paths = KEY_PATHS

    def __init__(self, rows: Collection[str]) -> None:
        """``rows`` is the dict of rows by key; say with `add` and `discard` what becomes of it."""
        self._order = KeyOrder(rows)
        self.add = self._order.add
        self.discard = self._order.discard

    def stretch(self, low: Entry, high: Entry) -> tuple[int, int]:
        """Where the keys from ``low`` up to, not including, ``high`` start and stop."""
        start = self._position(low)
        return start, max(start, self._position(high))

    def keys(self, start: int, stop: int, walk: Walk = "up") -> Iterator[str]:
        """The keys of a stretch, lazily; nothing may change meanwhile."""
        return self._order.walk(start, stop, back=walk == "back")

    def _position(self, bound: Entry) -> int:
        first: SortKey = bound[0] if bound else ()
        if not first or first[0] < TEXT or (first[0] == TEXT and len(first) == 1):
            return 0
        if first[0] > TEXT:
            return len(self._order)
        return self._order.position(first[1], behind=len(first) > 2 or len(bound) > 1)
