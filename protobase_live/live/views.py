"""All queries of a database, run once or live, over what its collections have shown.

A collection's actor begins here when the first query asks for it, and from then on tells what it shows, in
the same breath in which it shows it. So a query sees everything that anybody was acknowledged, and never a
part of a transaction.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain

from protobase_actors import Clock, Timer, mark_heard
from protobase_live.errors import (
    Closed,
    Overloaded,
    ProtoBaseError,
    Unavailable,
)
from protobase_live.live.holding import Holding
from protobase_live.live.level import Level, Stored
from protobase_live.live.limits import DEFAULT_VIEW_LIMITS, ViewLimits
from protobase_live.live.revisions import Revisions
from protobase_live.live.room import Room
from protobase_live.live.runner import Runner
from protobase_live.live.share import Share, of_identity
from protobase_live.live.table_change import JointChange, TableChange
from protobase_live.live.turnstile import Turnstile
from protobase_live.live.view import View
from protobase_live.live.watched_table import WatchedTable
from protobase_live.live.watcher import Watcher
from protobase_live.model.arrival import Arrival
from protobase_live.model.names import KEY_FIELD
from protobase_live.query.engine.access import Selection
from protobase_live.query.engine.effort import multiplied
from protobase_live.query.engine.operator import Row
from protobase_live.query.engine.operators.source import Source
from protobase_live.query.engine.plan import Plan, makes_values, plan_fetch, plan_push, sources
from protobase_live.query.engine.table import Table
from protobase_live.query.explanation import Explanation
from protobase_live.query.language.query import Query
from protobase_storage import Vector

FILL_ROWS = 32
"""Most records that a view takes in at once when it is filled."""

JOINED_ROWS = 2_000
"""Rows that a join should make of these at once, some 20 ms."""

CATCH_UP = 16
"""How often in one step it takes in so many of those that changed meanwhile: more than a slice of a large
transaction brings, so that it is done some time."""

TRIES = 5
"""How often a query asks for collections that fail or are put aside before it can begin."""


class Views:
    """What the collections of one database have shown, and the views over it."""

    def __init__(
        self,
        begin: Callable[[str], Awaitable[object]],
        clock: Clock,
        arrival: Callable[[], Arrival],
        limits: ViewLimits | None = None,
        stored: Stored | None = None,
    ) -> None:
        """``begin`` has a collection's actor call `begin` here; ``arrival`` makes the wait of one reader.
        ``stored`` is given where others store, too.
        """
        self._ask_to_begin = begin
        self._clock = clock
        self.arrival = arrival
        self._limits = limits or DEFAULT_VIEW_LIMITS
        self._watched: dict[str, WatchedTable] = {}
        self._begun_tables = 0
        self._level = None if stored is None else Level(self._watched, stored, arrival)
        self._views: dict[str, View] = {}
        self._opening: dict[str, asyncio.Task[View]] = {}
        self._expiries: dict[View, Timer] = {}
        self._waiting: Counter[str] = Counter()
        self._turnstile = Turnstile()
        self._revisions = Revisions(self._watched, self._turnstile, self._fail)
        self._runner = Runner(self._limits, self._turnstile)
        give_way = self._drop_lingering
        self._rows = Room(self._limits.all_view_rows, "rows", "all_view_rows", give_way)
        self._bytes = Room(self._limits.all_view_bytes, "bytes", "all_view_bytes", give_way)
        self._closed = False

    @property
    def count(self) -> int:
        """Live queries that are kept up now."""
        return len(self._views)

    # from the collections' actors

    def table(self, collection: str) -> Table:
        """An empty table, for a collection to fill before it begins."""
        return Table(collection)

    def begin(self, table: Table, vector: Vector, indexes: Iterable[str]) -> None:
        """This is what a collection has shown so far; ``table`` is given away."""
        if table.name not in self._watched and not self._closed:
            self._begun_tables += 1
            how = self._limits.retained_changes, self._begun_tables
            self._watched[table.name] = WatchedTable(table, vector, indexes, *how)

    def watchers(self, collection: str) -> int:
        """How many watch live queries that read the collection."""
        watched = self._watched.get(collection)
        return 0 if watched is None else sum(view.watchers for view in watched.routes.views())

    def busy(self, collection: str) -> bool:
        """Whether the collection has to stay in memory; see `WatchedTable.is_needed`."""
        watched = self._watched.get(collection)
        return watched is not None and watched.is_needed()

    def take(
        self, change: TableChange, joint_change: JointChange | None = None
    ) -> asyncio.Future[None] | None:
        """See `Revisions.take`: None if it was shown at once, else a future that is done when it is."""
        return self._revisions.take(change, joint_change)

    def end(self, collection: str) -> None:
        """The collection stops or has failed: who watches it has to begin again."""
        watched = self._watched.pop(collection, None)
        self._revisions.end(collection)
        if watched is None:
            return
        watched.close()
        for view in watched.routes.views():
            self._drop(view, Unavailable(f"collection {collection!r} is loaded again; watch again"))

    # queries

    def share(self) -> Share:
        """The queries of one client among many: what it takes is bounded."""
        return Share(self, self._limits, of_identity(self._limits))

    async def query(self, query: Query) -> list[Row]:
        """The rows of a query now. Nothing of them may be changed.

        Raises LimitExceeded, Unavailable and what loading a collection raises.
        """
        return await self._runner.run(partial(self._plan, query), partial(self._begun, query.collections))

    def _plan(self, query: Query) -> Plan | None:
        names = query.collections
        if any(name not in self._watched for name in names) or self._revisions.changing(names):
            return None
        return plan_fetch(query, self._tables_now(query))

    async def explain(self, query: Query) -> Explanation:
        """How `query` would be answered, once the declared indexes are built."""
        await self._tables(query)
        for name in query.collections:
            if watched := self._watched.get(name):
                await watched.built()
        return plan_fetch(query, await self._tables(query)).explain()

    async def watch(self, query: Query, since: str | None = None, arrival: Arrival | None = None) -> Watcher:
        """Watch a query, after the cursor ``since`` or from its rows as they are now.

        A reader that begins again goes on with its ``arrival``.

        Raises Overloaded, LimitExceeded, ValidationError, Unavailable and what loading a collection raises.
        """
        view = self._views.get(query.canonical) or await self._opened(query)
        collections = {name: self._watched[name] for name in query.collections if name in self._watched}
        leave, arrival = partial(self._left, view), arrival or self.arrival()
        watcher = Watcher(view, since, leave, collections, arrival)
        view.watchers += 1
        if expiry := self._expiries.pop(view, None):
            expiry.cancel()
        return watcher

    def close(self) -> None:
        """End all live queries."""
        self._closed = True
        for task in list(self._opening.values()):
            task.cancel()
        for view in list(self._views.values()):
            self._drop(view, Closed("the database was closed"))
        for watched in self._watched.values():
            watched.close()
        self._watched.clear()

    # inside

    async def _tables(self, query: Query) -> Mapping[str, Table]:
        """The tables of all that the query reads, as of this very moment: use them before waiting again."""
        await self._begun(query.collections)
        return self._tables_now(query)

    def _tables_now(self, query: Query) -> Mapping[str, Table]:
        for name in query.collections:
            self._watched[name].used = True
        return {name: self._watched[name].table for name in query.collections}

    async def _begun(self, collections: Collection[str]) -> None:
        """Wait until the tables are there and can be read."""
        await self._ready(collections, self._revisions.changing)

    async def _ready(self, collections: Collection[str], busy: Callable[[Collection[str]], bool]) -> None:
        tries = 0
        while not self._closed:
            missing = [name for name in collections if name not in self._watched]
            if missing and tries < TRIES:
                tries += 1
                await asyncio.gather(*(self._ask_to_begin(name) for name in missing))
            elif missing:
                raise Unavailable(f"{', '.join(sorted(collections))}: does not stay in memory; try again")
            elif busy(collections):
                await self._revisions.ended()
            elif self._level is not None and (late := self._level.late(collections)):
                await self._level.bring(late)
            else:
                return
        raise Closed("the database is closed")

    async def _opened(self, query: Query) -> View:
        """The view of a query, made if nobody else is making it."""
        canonical = query.canonical
        self._waiting[canonical] += 1
        try:
            return await self._opened_once(query)
        finally:
            self._waiting[canonical] -= 1
            if not self._waiting[canonical]:
                del self._waiting[canonical]
            if view := self._views.get(canonical):
                self._linger(view)

    async def _opened_once(self, query: Query) -> View:
        task = self._opening.get(query.canonical)
        if task is None:
            if len(self._views) + len(self._opening) >= self._limits.views and not self._drop_lingering():
                raise Overloaded(f"there are {self._limits.views} live queries already (views)")
            task = asyncio.get_running_loop().create_task(self._open(query))
            self._opening[query.canonical] = task
            task.add_done_callback(partial(self._is_open, query.canonical))
        await asyncio.wait([task])  # whoever gives up must not end it for the others
        if task.cancelled():
            raise Closed("the database was closed")
        return task.result()

    def _is_open(self, canonical: str, task: asyncio.Task[View]) -> None:
        del self._opening[canonical]
        mark_heard(task)

    async def _open(self, query: Query) -> View:
        await self._ready(query.collections, self._revisions.busy)
        self._tables_now(query)
        tree = plan_push(query)
        uses: dict[str, list[Source]] = {name: [] for name in query.collections}
        for source in sources(tree):
            uses[source.collection].append(source)
        view = View(
            query,
            tree,
            lambda: {name: self._watched[name].vector for name in uses if name in self._watched},
            retained=self._limits.retained_changes,
            holding=Holding(self._limits, self._rows, self._bytes, weighs=makes_values(tree)),
        )
        rows = {name: _rows(each, self._watched[name].table) for name, each in uses.items()}
        for name, each in uses.items():
            self._watched[name].routes.add(view, [source.equalities for source in each])
        try:
            await self._fill(view, rows)
        except BaseException:
            self._forget(view)
            raise
        self._views[query.canonical] = view
        self._linger(view)
        return view

    async def _fill(self, view: View, rows: Mapping[str, Sequence[Row]]) -> None:
        smallest_first = sorted(
            rows.items(), key=lambda each: len(each[1])
        )  # so joins make the least at once
        for name, found in smallest_first:
            start, count = 0, FILL_ROWS
            while start < len(found):
                some = [(row[KEY_FIELD], None, row) for row in found[start : start + count]]
                async with self._turnstile:
                    view.fill({name: some})
                    start, count = start + count, _next_count(count)
                if view.failure is not None:
                    raise view.failure
        settling, settled = view.settle(), False
        while not settled:
            async with self._turnstile:
                settled = next(settling, view) is view
        while view.waiting > FILL_ROWS:
            async with self._turnstile:
                for _ in range(CATCH_UP):
                    view.catch_up(FILL_ROWS)
            if view.failure is not None:
                raise view.failure
        view.open()

    def _fail(self, view: View, error: Exception) -> None:
        """What goes wrong in a view concerns those who watch it."""
        known = isinstance(error, ProtoBaseError)
        self._drop(view, error if known else Unavailable(f"the live query failed: {error!r}"))

    def _left(self, view: View) -> None:
        view.watchers -= 1
        self._linger(view)

    def _linger(self, view: View) -> None:
        """A view that nobody watches goes away after a while."""
        canonical = view.query.canonical
        if not (view.watchers or self._waiting[canonical] or view.failure or view in self._expiries):
            gone = partial(self._drop, view, Closed("nobody watched"))
            self._expiries[view] = self._clock.call_later(self._limits.linger_seconds, gone)
            if len(self._expiries) > self._limits.lingering_views:
                self._drop_lingering()

    def _drop_lingering(self) -> bool:
        """End the view that nobody has watched for the longest time; false if there is none."""
        view = next(iter(self._expiries), None)
        if view is not None:
            self._drop(view, Closed("nobody watched"))
        return view is not None

    def _drop(self, view: View, error: ProtoBaseError) -> None:
        self._forget(view)
        if expiry := self._expiries.pop(view, None):
            expiry.cancel()
        view.fail(error)

    def _forget(self, view: View) -> None:
        view.release()
        if self._views.get(view.query.canonical) is view:
            del self._views[view.query.canonical]
        for name in view.query.collections:
            if watched := self._watched.get(name):
                watched.routes.remove(view)


def _next_count(count: int) -> int:
    """How many records a view takes in at once after ``count``: fewer where a join made many rows of them."""
    if multiplied() > JOINED_ROWS:
        return max(1, count // 2)
    return min(FILL_ROWS, 2 * count) if multiplied() < JOINED_ROWS // 4 else count


def _rows(sources: Sequence[Source], table: Table) -> list[Row]:
    """The rows that any of the sources may want, reached in the cheapest way."""
    selections = [Selection(source.condition, guard=source.guard) for source in sources]
    found = [each.access(table).read() for each in selections]
    if len(found) == 1:
        return list(found[0])
    return list({row[KEY_FIELD]: row for row in chain(*found)}.values())
