"""How much all live queries of a database hold together."""

from __future__ import annotations

from collections.abc import Callable

from protobase_live.errors import Overloaded


class Room:
    """Counts rows or bytes, and has lingering views give way before it says no."""

    def __init__(self, most: int, what: str, limit: str, give_way: Callable[[], bool]) -> None:
        """``what`` is counted; ``limit`` is the name of the limit whose value is ``most``; ``give_way`` ends
        a view that nobody watches, and is false if there is none.
        """
        self._most = most
        self._what = what
        self._limit = limit
        self._give_way = give_way
        self._used = 0

    def take(self, count: int) -> None:
        """So many more, fewer if it is negative. Raises Overloaded; they count all the same."""
        self._used += count
        while count > 0 and self._used > self._most:
            if not self._give_way():
                raise Overloaded(f"all live queries hold {self._most} {self._what} already ({self._limit})")
