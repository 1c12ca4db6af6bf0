"""How much one live query holds, within its own limits and those of all live queries together."""

from __future__ import annotations

from protobase_live.errors import LimitExceeded
from protobase_live.live.limits import ViewLimits
from protobase_live.live.room import Room
from protobase_live.model.values.weighing import weight
from protobase_live.query.engine.effort import Budget
from protobase_live.query.engine.operator import Delta, Item


class Holding:
    """Counts rows, and bytes where rows may hold more than what was read."""

    def __init__(
        self, limits: ViewLimits, rows: Room | None = None, size: Room | None = None, *, weighs: bool = True
    ) -> None:
        """``rows`` and ``size``, in bytes, are shared with other views; ``weighs``: bytes are counted."""
        self._limits = limits
        self._rooms = rows, size
        self._weighs = weighs
        self._budget = Budget(limits.view_bytes, "view_bytes")
        self._rows = 0
        self._bytes = 0

    @property
    def bytes(self) -> int:
        """What is held beyond what was read."""
        return self._bytes

    def take(self, delta: Delta) -> None:
        """Rows have come and gone. Raises LimitExceeded and Overloaded; they count all the same."""
        rows = sum((after is not None) - (before is not None) for before, after in delta)
        size = sum(_size(after) - _size(before) for before, after in delta) if self._weighs else 0
        self._rows += rows
        self._bytes += size
        self._check()
        for room, more in zip(self._rooms, (rows, size), strict=True):
            if room is not None:
                room.take(more)

    def release(self) -> None:
        """Count them no more, since the live query ends. Harmless when that was done."""
        for room, less in zip(self._rooms, (self._rows, self._bytes), strict=True):
            if room is not None:
                room.take(-less)
        self._rooms = None, None

    def budget(self) -> Budget:
        """What the next change may make, and what is remembered of all."""
        self._budget.used = 0
        return self._budget

    def _check(self) -> None:
        limits = self._limits
        if self._rows > limits.view_rows:
            raise LimitExceeded(f"a live query has at most {limits.view_rows} rows (view_rows): use limit")
        if self._bytes > limits.view_bytes:
            raise LimitExceeded(
                f"a live query that joins texts or collects values holds at most {limits.view_bytes} bytes "
                "(view_bytes): take fewer rows with where or limit, or select less of each"
            )


def _size(item: Item | None) -> int:
    return 0 if item is None else weight(item[1]) + weight(item[2])
