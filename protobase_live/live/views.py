"""All queries of a database, run once or live, over what its collections have shown.

A collection's actor begins here when the first query asks for it, and from then on tells what it shows, in
the same breath in which it shows it. So a query sees everything that anybody was acknowledged, and never a
part of a transaction.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain

from protobase_actors import Clock, Timer
from protobase_live.errors import (
    Closed,
    Overloaded,
    ProtoBaseError,
    Unavailable,
)
from protobase_live.live.limits import DEFAULT_VIEW_LIMITS, ViewLimits
from protobase_live.live.room import Room
from protobase_live.live.runner import Runner
from protobase_live.live.show import Show, Together
from protobase_live.live.shown import Shown
from protobase_live.live.turnstile import Turnstile
from protobase_live.live.view import View
from protobase_live.names import KEY_FIELD
from protobase_live.query.access import Selection
from protobase_live.query.diff import Diff
from protobase_live.query.explanation import Explanation
from protobase_live.query.operators.operator import RecordChange, Row
from protobase_live.query.operators.source import Source
from protobase_live.query.plan import Plan, plan_fetch, plan_push, sources
from protobase_live.query.query import Query
from protobase_live.query.table import Table
from protobase_storage import Vector

FILL_ROWS = 32
"""Records that a view takes in at once when it is filled; a join may make many rows of each."""

TRIES = 5
"""How often a query asks for collections that fail or are put aside before it can begin."""


class Subscription:
    """One who watches a view. `pull` gives everything new as one difference, the first at once."""

    def __init__(self, view: View, since: str | None, leave: Callable[[], None]) -> None:
        self._view = view
        self._position = None if since is None else view.position(since)
        self._first = True
        self._leave = leave
        self._closed = False

    async def pull(self) -> Diff:
        """What happened since the last pull. Raises Closed after `close`, and what ended the view."""
        while (diff := self.poll()) is None:
            if self._closed:
                raise Closed("the live query was closed")
            await self._view.news.wait()
        return diff

    def poll(self) -> Diff | None:
        """What there is now; None if there is nothing new. Raises what ended the view."""
        if self._closed:
            return None
        if (failure := self._view.failure) is not None:
            raise type(failure)(str(failure))
        if not self._first and self._position == self._view.end:
            return None
        diff = self._view.since(self._position)
        self._position, self._first = self._view.end, False
        return diff

    def close(self) -> None:
        """Watch no more. Harmless when closed."""
        if not self._closed:
            self._closed = True
            self._leave()
            self._view.news.wake()


class Views:
    """What the collections of one database have shown, and the views over it."""

    def __init__(
        self, begin: Callable[[str], Awaitable[object]], clock: Clock, limits: ViewLimits | None = None
    ) -> None:
        """``begin`` has a collection's actor call `begin` here."""
        self._ask_to_begin = begin
        self._clock = clock
        self._limits = limits or DEFAULT_VIEW_LIMITS
        self._shown: dict[str, Shown] = {}
        self._queues: dict[str, deque[tuple[Show, Together | None]]] = {}
        self._views: dict[str, View] = {}
        self._opening: dict[str, asyncio.Task[View]] = {}
        self._expiries: dict[View, Timer] = {}
        self._waiting: Counter[str] = Counter()
        self._turnstile = Turnstile()
        self._runner = Runner(self._limits, self._turnstile)
        self._room = Room(self._limits.all_view_rows, self._drop_lingering)
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
        if table.name not in self._shown and not self._closed:
            self._shown[table.name] = Shown(table, vector, indexes)

    def busy(self, collection: str) -> bool:
        """Whether the collection has to stay in memory."""
        shown = self._shown.get(collection)
        return shown is not None and shown.busy

    def take(self, show: Show, together: Together | None = None) -> None:
        """A collection shows a commit: at once, or, if it is part of something larger, with all of that."""
        queue = self._queues.setdefault(show.collection, deque())
        queue.append((show, together))
        if len(queue) == 1:
            self._advance(show.collection)

    def complete(self, together: Together) -> None:
        """Show all parts of a transaction, if no more is to come, and what waited behind them."""
        if together.missing:
            return
        parts, together.parts = together.parts, {}
        for collection in parts:
            self._queues[collection].popleft()
        self._show(parts.values())
        for collection in parts:
            self._advance(collection)

    def _advance(self, collection: str) -> None:
        queue = self._queues.get(collection)
        while queue:
            show, together = queue[0]
            if together is not None:
                together.arrive(self, show)
                self.complete(together)
                return
            queue.popleft()
            self._show([show])

    def _show(self, shows: Iterable[Show]) -> None:
        """Something is shown, all of it at once."""
        concerned: dict[View, dict[str, list[RecordChange]]] = {}
        causes: dict[str, Vector] = {}
        for collection, records, vector, indexes in shows:
            shown = self._shown.get(collection)
            if shown is None:
                continue
            changes = shown.apply(records, vector)
            causes[collection] = vector
            if indexes is not None:
                shown.declare(indexes)
            for view, found in shown.routes.concerned(changes).items():
                concerned.setdefault(view, {})[collection] = found
        for view, found in concerned.items():
            self._show_view(view, found, {name: causes[name] for name in found})

    def end(self, collection: str) -> None:
        """The collection stops or has failed: who watches it has to begin again."""
        shown = self._shown.pop(collection, None)
        for _, together in self._queues.pop(collection, ()):
            if together is not None and together.parts.pop(collection, None) is None:
                together.give_up()
        if shown is None:
            return
        shown.close()
        for view in shown.routes.views():
            self._drop(view, Unavailable(f"collection {collection!r} is loaded again; watch again"))

    # queries

    async def query(self, query: Query) -> list[Row]:
        """The rows of a query now. Nothing of them may be changed.

        Raises LimitExceeded, Unavailable and what loading a collection raises.
        """
        return await self._runner.run(partial(self._plan, query), partial(self._begun, query.collections))

    def _plan(self, query: Query) -> Plan | None:
        if any(name not in self._shown for name in query.collections):
            return None
        return plan_fetch(query, self._tables_now(query))

    async def explain(self, query: Query) -> Explanation:
        """How `query` would be answered, once the declared indexes are built."""
        await self._tables(query)
        for name in query.collections:
            if shown := self._shown.get(name):
                await shown.built()
        return plan_fetch(query, await self._tables(query)).explain()

    async def subscribe(self, query: Query, since: str | None = None) -> Subscription:
        """Watch a query, after the cursor ``since`` or from its rows as they are now.

        Raises Overloaded, LimitExceeded, ValidationError, Unavailable and what loading a collection raises.
        """
        view = self._views.get(query.canonical) or await self._opened(query)
        subscription = Subscription(view, since, partial(self._left, view))
        view.subscriptions += 1
        if expiry := self._expiries.pop(view, None):
            expiry.cancel()
        return subscription

    def close(self) -> None:
        """End all live queries."""
        self._closed = True
        for task in list(self._opening.values()):
            task.cancel()
        for view in list(self._views.values()):
            self._drop(view, Closed("the database was closed"))
        for shown in self._shown.values():
            shown.close()
        self._shown.clear()

    # inside

    async def _tables(self, query: Query) -> Mapping[str, Table]:
        """The tables of all that the query reads, as of this very moment: use them before waiting again."""
        await self._begun(query.collections)
        return self._tables_now(query)

    def _tables_now(self, query: Query) -> Mapping[str, Table]:
        for name in query.collections:
            self._shown[name].used = True
        return {name: self._shown[name].table for name in query.collections}

    async def _begun(self, collections: Iterable[str]) -> None:
        for _ in range(TRIES):
            if self._closed:
                raise Closed("the database is closed")
            missing = [name for name in collections if name not in self._shown]
            if not missing:
                return
            await asyncio.gather(*(self._ask_to_begin(name) for name in missing))
        raise Unavailable(f"{', '.join(sorted(collections))}: does not stay in memory; try again")

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
        if not task.cancelled():
            task.exception()  # whoever waits is told; if nobody does any more, nobody needs to know

    async def _open(self, query: Query) -> View:
        await self._tables(query)
        tree = plan_push(query)
        uses: dict[str, list[Source]] = {name: [] for name in query.collections}
        for source in sources(tree):
            uses[source.collection].append(source)
        view = View(
            query,
            tree,
            lambda: {name: self._shown[name].vector for name in uses if name in self._shown},
            retained=self._limits.retained_changes,
            max_rows=self._limits.view_rows,
            room=self._room,
        )
        rows = {name: _rows(each, self._shown[name].table) for name, each in uses.items()}
        for name, each in uses.items():
            self._shown[name].routes.add(view, [source.equalities for source in each])
        try:
            await self._fill(view, rows)
        except BaseException:
            self._forget(view)
            raise
        self._views[query.canonical] = view
        self._linger(view)
        return view

    async def _fill(self, view: View, rows: Mapping[str, Sequence[Row]]) -> None:
        for name, found in sorted(
            rows.items(), key=lambda each: len(each[1])
        ):  # so joins make the least at once
            for start in range(0, len(found), FILL_ROWS):
                some = [(row[KEY_FIELD], None, row) for row in found[start : start + FILL_ROWS]]
                async with self._turnstile:
                    view.fill({name: some})
                if view.failure is not None:
                    raise view.failure
        view.open()

    def _show_view(
        self, view: View, changes: Mapping[str, list[RecordChange]], causes: Mapping[str, Vector]
    ) -> None:
        try:
            view.show(changes, causes)
        except ProtoBaseError as error:
            self._drop(view, error)
        except Exception as error:  # the collections and all other views must not suffer from it
            self._drop(view, Unavailable(f"the live query failed: {error!r}"))

    def _left(self, view: View) -> None:
        view.subscriptions -= 1
        self._linger(view)

    def _linger(self, view: View) -> None:
        """A view that nobody watches goes away after a while."""
        canonical = view.query.canonical
        if not (view.subscriptions or self._waiting[canonical] or view.failure or view in self._expiries):
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
            if shown := self._shown.get(name):
                shown.routes.remove(view)


def _rows(sources: Sequence[Source], table: Table) -> list[Row]:
    """The rows that any of the sources may want, reached in the cheapest way."""
    found = [Selection(source.condition).access(table).read() for source in sources]
    if len(found) == 1:
        return list(found[0])
    return list({row[KEY_FIELD]: row for row in chain(*found)}.values())
