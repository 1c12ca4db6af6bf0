"""Watching a live query."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from protobase_actors import in_steps
from protobase_live.errors import Closed
from protobase_live.live.view import View
from protobase_live.live.view_cursor import Vectors
from protobase_live.live.watched_table import WatchedTable
from protobase_live.model.arrival import Arrival
from protobase_live.query.result.diff import Diff, inserts_in_steps
from protobase_storage import Vector

T = TypeVar("T")


class Watcher:
    """One who watches a view. `pull` gives everything new as one difference.

    The first comes at once, or when what the cursor names has come here.
    """

    def __init__(
        self,
        view: View,
        since: str | None,
        leave: Callable[[], None],
        collections: Mapping[str, WatchedTable],
        arrival: Arrival,
    ) -> None:
        """``collections`` are those that the view reads; ``arrival`` is how long ``since`` may be ahead of
        them. Raises ValidationError if that is no cursor.
        """
        self._view = view
        self._seen = None if since is None else view.seen(since)
        self._collections = collections
        self._position = None if self._seen is None else self._find(self._seen)
        self._arrival = arrival
        self._first = True
        self._leave = leave
        self._closed = False

    async def pull(self) -> Diff:
        """What happened since the last pull. Raises Closed after `close`, and what ended the view."""
        await self._wait_for_news()
        return self._take(self._view.since(self._position))

    async def pull_in_steps(self) -> Diff:
        """`pull`, with pauses where many rows are told, for who does not `poll` meanwhile."""
        await self._wait_for_news()
        if self._position is not None and not self._view.is_forgotten(self._position):
            return self._take(self._view.since(self._position))
        rows, cursor = self._take(self._view.snapshot())
        return Diff(await in_steps(inserts_in_steps(rows)), True, cursor)

    def poll(self) -> Diff | None:
        """What there is now; None if there is nothing new. Raises what ended the view."""
        return self._take(self._view.since(self._position)) if self._has_news() else None

    async def _wait_for_news(self) -> None:
        """Wait until there is something to tell."""
        if self._first and self._seen is not None:
            await self._arrive(self._seen)
        while not self._has_news():
            if self._closed:
                raise Closed("the live query was closed")
            await self._view.wake_up.wait()

    def _has_news(self) -> bool:
        if self._closed:
            return False
        if (failure := self._view.failure) is not None:
            raise type(failure)(str(failure))
        return self._view.is_whole() and (self._first or self._position != self._view.end)

    def _take(self, told: T) -> T:
        """What the view has now is told."""
        self._position, self._first = self._view.end, False
        return told

    async def _arrive(self, seen: Vectors) -> None:
        """Wait for what the cursor names, if other nodes can still send it."""
        tables = self._tables_of(seen)
        if self._arrival.awaits(*((table.vector, wanted) for table, wanted in tables)):
            await self._arrival.wait(partial(_reach, tables))
            self._position = self._find(seen)
        self._arrival.end()

    def _find(self, seen: Vectors) -> int | None:
        """The position of who has seen this much, if the collections were shown here just so."""
        was_here = all(table.path.leads_through(vector) for table, vector in self._tables_of(seen))
        return self._view.position(seen) if was_here else None

    def _tables_of(self, seen: Vectors) -> list[tuple[WatchedTable, Vector]]:
        """The collections of which something was seen, each with how far."""
        return [(table, seen[name]) for name, table in self._collections.items() if name in seen]

    @property
    def closed(self) -> bool:
        """Whether nobody watches through it any more."""
        return self._closed or self._view.failure is not None

    @property
    def bytes(self) -> int:
        """What these hold beyond what was read."""
        return self._view.bytes

    @property
    def rows(self) -> int:
        """How many rows the view has now."""
        return self._view.rows

    def close(self) -> None:
        """Watch no more. Harmless when closed."""
        if not self._closed:
            self._closed = True
            self._leave()
            self._view.wake_up.wake()


async def _reach(tables: Sequence[tuple[WatchedTable, Vector]]) -> None:
    for table, wanted in tables:
        await table.reach(wanted)
