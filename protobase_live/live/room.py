"""How many rows all live queries of a database hold together."""

from __future__ import annotations

from collections.abc import Callable

from protobase_live.errors import Overloaded


class Room:
    """Counts rows, and has lingering views give way before it says no."""

    def __init__(self, most: int, give_way: Callable[[], bool]) -> None:
        """``give_way`` ends a view that nobody watches; false if there is none."""
        self._most = most
        self._give_way = give_way
        self._used = 0

    def take(self, rows: int) -> None:
        """So many rows more, fewer if it is negative. Raises Overloaded; they count all the same."""
        self._used += rows
        while rows > 0 and self._used > self._most:
            if not self._give_way():
                raise Overloaded(f"all live queries hold {self._most} rows already (all_view_rows)")
