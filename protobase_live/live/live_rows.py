"""The rows of a live query as its reader has them, and what the reader has not seen yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from protobase_live.query.diff import Diff, RowChange, inserts


class LiveRows:
    """The rows of a live query, and what its reader has not seen of their changes, folded into one.

    It holds one difference as it came; from the second on only which rows the reader has seen, so that a
    reader that never comes back costs no more than the rows once more.
    """

    def __init__(self, load: Callable[[Any], Any], rows: Sequence[Any] = ()) -> None:
        """``load`` makes of a row what the reader wants, and does not fail; ``rows`` are known already."""
        self._load = load
        self.rows: list[Any] = list(rows)
        self.cursor = ""
        self._handles: list[int] = list(range(len(self.rows)))
        self._last_handle = len(self.rows)
        self._pending: Diff | None = None
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
        if first:
            self._seen, self._seen_rows = list(self._handles), list(self.rows)
        changes = tuple(map(self._apply, diff.changes))
        if first:
            self._pending = replace(diff, changes=changes)
        elif self._pending is not None and not self._pending.reset:
            self._pending = None

    def take(self) -> Diff:
        """Everything that the reader has not seen, as one difference. There has to be something."""
        pending, seen = self._pending, self._seen
        if pending is not None and pending.reset:
            pending = Diff(inserts(self.rows), True, self.cursor)
        elif pending is None:
            assert seen is not None
            pending = Diff(self._folded(seen), False, self.cursor)
        self.forget()
        return pending

    def forget(self) -> None:
        """The reader knows the rows as they are."""
        self._pending = self._seen = None
        self._seen_rows = []
        self._touched.clear()

    def _reset(self, diff: Diff) -> None:
        self.rows[:] = [change.row for change in diff.changes]
        self._handles = [self._handle() for _ in self.rows]
        self._pending, self._seen = replace(diff, changes=()), None

    def _handle(self) -> int:
        self._last_handle += 1
        return self._last_handle

    def _apply(self, change: RowChange) -> RowChange:
        """Apply one change; the same change, a delete with its row."""
        rows, handles, at = self.rows, self._handles, change.position
        if change.kind == "delete":
            del handles[at]
            return replace(change, row=rows.pop(at))
        row = change.row
        if change.kind == "insert":
            handles.insert(at, self._handle())
            rows.insert(at, row)
        elif change.kind == "update":
            self._touched.add(handles[at])
            rows[at] = row
        else:
            assert change.previous is not None
            handle = handles.pop(change.previous)
            del rows[change.previous]
            handles.insert(at, handle)
            rows.insert(at, row)
            self._touched.add(handle)
        return change

    def _loaded(self, change: RowChange) -> RowChange:
        return change if change.kind == "delete" else replace(change, row=self._load(change.row))

    def _folded(self, seen: list[int]) -> tuple[RowChange, ...]:
        """The changes from the rows with the handles ``seen`` to those that are."""
        changes: list[RowChange] = []
        now = set(self._handles)
        for at in range(len(seen) - 1, -1, -1):
            if seen[at] not in now:
                changes.append(RowChange("delete", at, self._seen_rows[at]))
        working = [handle for handle in seen if handle in now]
        known = set(working)
        for index, handle in enumerate(self._handles):
            if handle in known and handle not in self._touched:
                continue
            before = self._handles[index - 1] if index else None
            if handle not in known:
                at = 0 if before is None else working.index(before) + 1
                changes.append(RowChange("insert", at, self.rows[index]))
            else:
                previous = working.index(handle)
                del working[previous]
                at = 0 if before is None else working.index(before) + 1
                kind = "update" if at == previous else "move"
                changes.append(RowChange(kind, at, self.rows[index], previous if kind == "move" else None))
            working.insert(at, handle)
        return tuple(changes)
