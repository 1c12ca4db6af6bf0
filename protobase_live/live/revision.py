"""One whole that is shown: what a commit did, or the commits of a transaction over several collections.

It is taken in by slices, between which others run, and nobody sees a part of it. First the views take in what
concerns them and tell nobody; queries go on reading the tables as they were. Then the tables are changed, and
queries on them wait. At last, in one go, everybody is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from protobase_live.live.table_change import TableChange
from protobase_live.live.view import View
from protobase_live.live.view_cursor import Step
from protobase_live.live.watched_table import WatchedTable
from protobase_live.query.engine.operator import RecordChange
from protobase_storage import Vector

PORTION = 128
"""Records that a view or a table takes in at once; a join may make many rows of each."""

SLICE = 500
"""Records taken in by a table or a view, and rows that this changed, between two pauses: a few ms."""


class Revision:
    """Shows in `steps`; between two of them the collections may end and views may be dropped."""

    def __init__(
        self,
        changes: Sequence[TableChange],
        watched: Mapping[str, WatchedTable],
        drop: Callable[[View, Exception], None],
    ) -> None:
        """``watched`` are the collections that queries know; ``drop`` is told of a view that fails."""
        self.collections = frozenset(change.collection for change in changes)
        self.applying = False
        """Whether the tables are being changed: then nobody may read them."""
        self._parts = [
            (change, watched[change.collection]) for change in changes if change.collection in watched
        ]
        self._watched = watched
        self._drop = drop
        self._causes: dict[View, dict[str, Step]] = {}
        self._much = any(len(change.records) > PORTION for change in changes)
        self._work = 0
        """How much was done since the last pause."""

    @property
    def reach(self) -> set[str]:
        """The collections whose shows concern views that this one concerns, its own included."""
        found = set(self.collections)
        for _, watched in self._parts:
            found.update(name for view in watched.routes.views() for name in view.query.collections)
        return found

    def steps(self) -> Iterator[None]:
        """Show it all; each pause comes after some milliseconds of work.

        What is little is shown without a pause. What is much begins with one: who was told of what was shown
        before, and reads the rows of a live query, does so before parts of this are in it.
        """
        if self._much:
            yield
        taken = [list[list[RecordChange]]() for _ in self._parts]
        for (change, watched), changes in zip(self._parts, taken, strict=True):
            yield from self._push(change, watched, changes)
        self.applying = True
        for (_, watched), changes in zip(self._parts, taken, strict=True):
            yield from self._apply(watched, changes)
        self._tell()

    def _push(
        self, change: TableChange, watched: WatchedTable, taken: list[list[RecordChange]]
    ) -> Iterator[None]:
        """Have the views take in what concerns them, a few records at a time, and note it in ``taken``."""
        for start in range(0, len(change.records), PORTION):
            changes = watched.table.changes(change.records[start : start + PORTION])
            taken.append(changes)
            concerned = watched.routes.concerned(changes)
            if not self._much and sum(map(len, concerned.values())) >= SLICE:
                self._much = True
                yield
            yield from self._worked(len(changes))
            for view, found in concerned.items():
                if view.failure is None:
                    yield from self._worked(self._push_to(view, change, found, watched.vector))

    def _apply(self, watched: WatchedTable, taken: list[list[RecordChange]]) -> Iterator[None]:
        """Change a table."""
        for changes in taken:
            watched.table.take(changes)
            yield from self._worked(len(changes) * (1 + len(watched.table.indexes)))

    def _push_to(self, view: View, change: TableChange, changes: list[RecordChange], before: Vector) -> int:
        """Have a view take in changes; how much work that was."""
        self._causes.setdefault(view, {})[change.collection] = Step(before, change.vector)
        try:
            return len(changes) + view.take({change.collection: changes})
        except Exception as error:  # the collections and all other views must not suffer from it
            self._drop(view, error)
            return len(changes)

    def _worked(self, work: int) -> Iterator[None]:
        """Pause if it is time to."""
        self._work += work
        if self._much and self._work >= SLICE:
            self._work = 0
            yield

    def _tell(self) -> None:
        """All is taken in: let it be seen, in one go."""
        for change, watched in self._parts:
            watched.advance(change.vector)
            if change.indexes is not None and self._watched.get(change.collection) is watched:
                watched.declare(change.indexes)
        for view, causes in self._causes.items():
            if view.failure is None:
                view.tell(causes)
