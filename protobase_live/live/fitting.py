"""The rows of a live query as a reader sees them who is not given those that do not fit their class."""

from __future__ import annotations

from dataclasses import replace

from protobase_live.handles import Loader
from protobase_live.query.result.diff import Diff, RowChange

PARTIAL = "~"
"""How a cursor begins next to which rows were left out, so that positions cannot be told from there on."""


class Fitting:
    """Turns differences of all rows of a query into those of the rows that fit."""

    def __init__(self, loader: Loader, count: int = 0) -> None:
        """``count`` rows are known already, all of which fit."""
        self._loader = loader
        self._fits = bytearray(b"\1" * count)
        """One for each row that fits, 0 for one that does not: counting bytes takes next to no time."""

    def __call__(self, diff: Diff) -> Diff:
        """The same difference as seen by somebody who is given only rows that fit.

        Raises IndexError for a difference that is not of these rows.
        """
        if diff.reset:
            self._fits.clear()
        seen = tuple(seen for change in diff.changes if (seen := self._seen(change)) is not None)
        partial = 0 in self._fits
        return replace(diff, changes=seen, cursor=PARTIAL + diff.cursor if partial else diff.cursor)

    def _seen(self, change: RowChange) -> RowChange | None:
        """What is seen of a change, if anything."""
        at = change.position
        fitted = fits = False
        previous = position = 0
        if change.kind != "insert":
            gone = at if change.previous is None else change.previous
            fitted, previous = bool(self._fits[gone]), self._visible(gone)
            del self._fits[gone]
        row = None
        if change.kind != "delete":
            row = self._loader.load_row(change.row)
            fits, position = self._loader.keeps(row), self._visible(at)
            self._fits.insert(at, fits)
        if fits and fitted:
            same = previous == position
            return RowChange("update" if same else "move", position, row, None if same else previous)
        if fits:
            return RowChange("insert", position, row)
        return RowChange("delete", previous) if fitted else None

    def _visible(self, position: int) -> int:
        """How many rows that fit are before a position."""
        return position - self._fits.count(0, 0, position)
