"""The rows of a live query as its reader has them, and what the reader has not seen yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from protobase_live.live.row_folding import folded
from protobase_live.query.result.diff import Diff, RowChange, inserts

_Step = tuple[int | None, int | None, int, Any]
"""Where a change took a row from and where it put one, the row's handle, and the row before."""


class LiveRows:
    """The rows of a live query, and what its reader has not seen of their changes, folded into one.

    It holds one difference as it came, and how to undo it; from the second on only which rows the reader has
    seen, so that a reader that never comes back costs no more than the rows once more.
    """

    def __init__(self, load: Callable[[Any], Any], rows: Sequence[Any] = ()) -> None:
        """``load`` makes of a row what the reader wants, and does not fail; ``rows`` are known already."""
        self._load = load
        self.rows: list[Any] = list(rows)
        self.cursor = ""
        self._handles: list[int] = list(range(len(self.rows)))
        self._last_handle = len(self.rows)
        self._pending: Diff | None = None
        self._undo: list[_Step] = []
        self._seen: list[int] | None = None
        self._seen_rows: list[Any] = []
        self._touched: set[int] = set()

    @property
    def pending(self) -> bool:
        """Whether the reader has something to see."""
        return self._pending is not None or self._seen is not None

    def hear(self, diff: Diff) -> None:
        """Take in a difference. Raises IndexError for one that does not fit the rows."""
        diff = replace(diff, changes=tuple(map(self._loaded, diff.changes)))
        self.cursor = diff.cursor
        if not diff.changes and not diff.reset:
            return
        if diff.reset:
            self._reset(diff)
            return
        first = not self.pending
        if self._pending is not None and not self._pending.reset:
            self._look_back()
        changes = tuple(map(self._apply, diff.changes))
        if first:
            self._pending = replace(diff, changes=changes)
        else:
            self._undo.clear()

    def take(self) -> Diff:
        """Everything that the reader has not seen, as one difference. There has to be something."""
        pending, seen = self._pending, self._seen
        if pending is not None and pending.reset:
            pending = Diff(inserts(self.rows), True, self.cursor)
        elif pending is None:
            assert seen is not None
            changes = folded(seen, self._seen_rows, self._handles, self.rows, self._touched)
            pending = Diff(changes, False, self.cursor)
        self.forget()
        return pending

    def forget(self) -> None:
        """The reader knows the rows as they are."""
        self._pending = self._seen = None
        self._seen_rows = []
        self._undo.clear()
        self._touched.clear()

    def _reset(self, diff: Diff) -> None:
        self.rows[:] = [change.row for change in diff.changes]
        self._handles = [self._handle() for _ in self.rows]
        self._undo.clear()
        self._pending, self._seen = replace(diff, changes=()), None

    def _look_back(self) -> None:
        """A second difference comes: find out which rows the reader has seen, before the first one."""
        seen, rows = list(self._handles), list(self.rows)
        for removed, inserted, handle, row in reversed(self._undo):
            if removed is not None and removed == inserted:
                rows[removed] = row
                continue
            if inserted is not None:
                del seen[inserted], rows[inserted]
            if removed is not None:
                seen.insert(removed, handle)
                rows.insert(removed, row)
        self._seen, self._seen_rows, self._pending = seen, rows, None

    def _handle(self) -> int:
        self._last_handle += 1
        return self._last_handle

    def _apply(self, change: RowChange) -> RowChange:
        """Apply one change; the same change, a delete with its row."""
        if change.kind == "update":
            return self._update(change)
        removed = change.position if change.kind == "delete" else change.previous
        inserted = None if change.kind == "delete" else change.position
        handle, before = (self._handle(), None) if removed is None else self._remove(removed)
        self._undo.append((removed, inserted, handle, before))
        if inserted is None:
            return replace(change, row=before)
        self._handles.insert(inserted, handle)
        self.rows.insert(inserted, change.row)
        if removed is not None:
            self._touched.add(handle)
        return change

    def _update(self, change: RowChange) -> RowChange:
        at = change.position
        handle = self._handles[at]
        self._undo.append((at, at, handle, self.rows[at]))
        self._touched.add(handle)
        self.rows[at] = change.row
        return change

    def _remove(self, at: int) -> tuple[int, Any]:
        return self._handles.pop(at), self.rows.pop(at)

    def _loaded(self, change: RowChange) -> RowChange:
        return change if change.kind == "delete" else replace(change, row=self._load(change.row))
