"""What one client may take of the queries of a database, so that others find room beside it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from protobase_live.errors import Overloaded
from protobase_live.live.limits import ViewLimits
from protobase_live.live.watcher import Watcher
from protobase_live.query.engine.operator import Row
from protobase_live.query.language.query import Query


class Queries(Protocol):
    """What there is a share of: the queries of a database (`Views`)."""

    async def query(self, query: Query) -> list[Row]:
        """The rows of a query now."""
        ...

    async def watch(self, query: Query, since: str | None = None) -> Watcher:
        """Watch a live query."""
        ...


@dataclass(frozen=True, slots=True)
class Portion:
    """How large a share is."""

    whose: str
    """What the names of its limits begin with."""
    views: int
    view_rows: int
    view_bytes: int
    queries: int


def of_connection(limits: ViewLimits) -> Portion:
    """That of one connection."""
    views, rows, size = limits.client_views, limits.client_view_rows, limits.client_view_bytes
    return Portion("client", views, rows, size, limits.client_queries)


def of_identity(limits: ViewLimits) -> Portion:
    """That of all connections of one client."""
    views, rows, size = limits.identity_views, limits.identity_view_rows, limits.identity_view_bytes
    return Portion("identity", views, rows, size, limits.identity_queries)


class Share:
    """The queries of one client: so many run at once, and rows of what it watches are counted."""

    def __init__(self, views: Queries, limits: ViewLimits, portion: Portion) -> None:
        self._views = views
        self._limits = limits
        self._portion = portion
        self._running = asyncio.Semaphore(portion.queries)
        self._watched: list[Watcher] = []

    def part(self) -> Share:
        """What one of its connections may take of it."""
        return Share(self, self._limits, of_connection(self._limits))

    async def query(self, query: Query) -> list[Row]:
        """See `Views.query`. Waits while the client's other queries take all it may have."""
        async with self._running:
            return await self._views.query(query)

    async def watch(self, query: Query, since: str | None = None) -> Watcher:
        """See `Views.watch`. Raises Overloaded, too, when the client watches more than it may."""
        async with self._running:
            watcher = await self._views.watch(query, since)
        try:
            self._add(watcher)
        except Overloaded:
            watcher.close()
            raise
        return watcher

    def _add(self, watcher: Watcher) -> None:
        self._watched = [each for each in self._watched if not each.closed]
        portion, watched = self._portion, [*self._watched, watcher]
        if len(watched) > portion.views:
            raise Overloaded(f"this client watches {portion.views} queries already ({portion.whose}_views)")
        if sum(each.rows for each in watched) > portion.view_rows:
            raise Overloaded(
                f"the live queries of this client have more than {portion.view_rows} rows with "
                f"this one ({portion.whose}_view_rows): end others first, or use where or limit"
            )
        if sum(each.bytes for each in watched) > portion.view_bytes:
            raise Overloaded(
                f"the live queries of this client hold more than {portion.view_bytes} bytes of joined texts "
                f"and collected values with this one ({portion.whose}_view_bytes): end others first"
            )
        self._watched = watched
