"""A stream of one collection's changes, from the feed while it keeps up and from the log when it does not."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from types import TracebackType

from protobase_actors import OrderedSet, in_steps, mark_heard
from protobase_live.changes.entry import is_told
from protobase_live.changes.feed import Feed, Subscribed
from protobase_live.changes.replay import recall, replay
from protobase_live.errors import Closed
from protobase_live.model.arrival import Arrival
from protobase_live.model.change import Change
from protobase_live.model.cursor import NO_PART, Cursor
from protobase_live.model.operations import Target
from protobase_live.model.values import copy, quoted
from protobase_storage import Loaded, covers, sequence_of


class ChangeStream:
    """``async with collection.changes(since=cursor) as changes: async for change in changes: ...``

    Misses nothing and repeats nothing, also if several tasks read it, and however often they give up. It
    costs memory only for the changes of the commit it is in: a slow reader is served from the log. It
    survives a restart of the collection's actor.
    """

    def __init__(
        self,
        collection: str,
        since: str | None,
        subscribe: Callable[[object], Awaitable[Subscribed]],
        unsubscribe: Callable[[object], None],
        load: Callable[[], Awaitable[Loaded]],
        arrival: Arrival,
        require_home: Callable[[], None],
        opened: Callable[[], Sequence[Target]] = tuple,
    ) -> None:
        """``subscribe`` begins at the collection's actor, ``unsubscribe`` ends, both with a name for the
        beginning; ``load`` reads the log, ``opened`` says which structures are told even if nobody registered
        them. ``arrival`` is how long ``since`` may be ahead of this node. ``require_home`` raises in another
        event loop than the database's, where not even an end can be told to the actor.
        """
        self._collection = collection
        self._since = self._position = Cursor.decode(since) if since is not None else None
        self._seen: str | None = None
        self.see(None)
        self._subscribe = subscribe
        self._unsubscribe = unsubscribe
        self._load = load
        self._arrival = arrival
        self._require_home = require_home
        self._ahead = False
        """Whether other nodes have yet to send what the position names."""
        self._opened = opened
        self._subscribed: Subscribed | None = None
        self._beginning: object = None
        self._index = 0
        self._replay: AsyncGenerator[tuple[tuple[Change, ...], Cursor]] | None = None
        self._changes: deque[Change] = deque()
        self._taking: asyncio.Task[None] | None = None
        """Reads the log, or has failed to and not been heard."""
        self._waiting: OrderedSet[asyncio.Future[None]] = OrderedSet()
        """Of those who wait for the feed."""
        self._entered = self._closed = False

    def __repr__(self) -> str:
        return f"<ChangeStream of {quoted(self._collection)}>"

    def see(self, part: str | None) -> None:
        """Before it is entered: only this part of the collection is seen by who reads, None: all of it.

        If it goes on from a cursor of another part, it begins with a reset: in what was seen there something
        may be missing, and too much be known.
        """
        if self._since is None:
            return
        if self._since.is_start or self._since.part == part:
            self._position, self._seen = replace(self._since, part=None), self._since.encode()
        else:  # until the reset was given, its cursor says that it was not, too
            self._position = replace(self._since, part=NO_PART)
            self._seen = self._position.encode()

    async def __aenter__(self) -> ChangeStream:
        if self._entered:
            raise Closed("a change stream is entered once; ask for another")
        self._require_home()
        self._entered = True
        await self._attach()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the stream; a reader that waits gets Closed."""
        if not self._closed:
            self._require_home()
            self._closed = True
            if self._taking is not None:
                self._taking.cancel()
            for news in self._waiting:
                if not news.done():
                    news.set_result(None)
            self._detach()

    @property
    def cursor(self) -> str:
        """Resumes right after the last change that was given."""
        if self._seen is None:
            raise Closed("a stream has a cursor once it is entered: use 'async with'")
        return self._seen

    def __aiter__(self) -> ChangeStream:
        return self

    async def __anext__(self) -> Change:
        (change,) = await self.batch(1)
        return replace(change, before=copy(change.before), after=copy(change.after))

    async def batch(self, limit: int) -> list[Change]:
        """Wait for at least one change and give at most ``limit``.

        Their values are the collection's own, which others read, too: they are not to be changed.

        Raises Closed before the block and after its end.
        """
        if not self._entered:
            raise Closed("the change stream is not open: use 'async with'")
        self._require_home()
        while not self._changes:
            if self._closed:
                raise Closed("the change stream was closed")
            await self._come()
        taken = [self._changes.popleft() for _ in range(min(limit, len(self._changes)))]
        self._seen = taken[-1].cursor
        if not self._changes:
            self._settle()
        return taken

    async def _come(self) -> None:
        """Wait for what comes next, or the end. Any number of tasks may do so, and give up, at any time.

        Raises what is in the way.
        """
        subscribed = self._subscribed
        if subscribed is not None and self._taking is None and self._follows:
            await self._from_feed(subscribed)
            return
        taking = self._taking
        if taking is None:  # of the stream, not of who waits: he may give up long before it is done
            taking = self._taking = asyncio.get_running_loop().create_task(self._more())
            taking.add_done_callback(mark_heard)
        await asyncio.wait([taking])
        if self._taking is taking:
            self._taking = None
        if not taking.cancelled():  # else the stream was closed
            taking.result()

    @property
    def _follows(self) -> bool:
        """Whether it goes on in the feed."""
        return not self._ahead and self._replay is None

    async def _more(self) -> None:
        """Take in the next changes of the log, or go on in the feed."""
        while not (self._changes or self._closed):
            if self._subscribed is None:
                await self._attach()
            elif self._ahead:
                await self._arrival.wait(partial(self._reach, self._subscribed))
                self._detach()  # and begin where the collection is now
            elif self._replay is not None:
                await self._from_log(self._replay)
            else:
                return

    async def _reach(self, subscribed: Subscribed) -> None:
        """Look at what comes until all that the position names is here, or the feed does not go on."""
        assert self._position is not None
        here, index = subscribed.vector, subscribed.index
        for origin, sequence in self._position.reach.items():
            while sequence_of(here, origin) < sequence:
                entry = await subscribed.feed.get(index)
                if entry is None:
                    if subscribed.feed.closed:
                        self._arrival.end()
                    return
                here, index = entry.vector, index + 1

    async def _from_log(self, log: AsyncGenerator[tuple[tuple[Change, ...], Cursor]]) -> None:
        try:
            found = await anext(log, None)
        except BaseException:  # the replay is over where it failed: begin again from the position
            self._detach()
            raise
        if found is None:
            self._replay = None
        else:
            self._take(*found)

    async def _from_feed(self, subscribed: Subscribed) -> None:
        feed, index = subscribed.feed, self._index
        if feed.awaits(index):
            await self._news(feed)
            return
        entry = None if feed.closed else feed.peek(index)
        if entry is None:  # too slow for the feed, or its actor is gone
            self._detach()
            return
        assert self._position is not None
        if not covers(self._position.vector, entry.commit):
            changes = await in_steps(entry.changes_in_steps())
            if self._subscribed is not subscribed or self._index != index:
                return  # another task was here first
            self._take(tuple(changes[self._position.seen_of(entry.commit) :]), Cursor(entry.vector))
        self._index = index + 1

    async def _news(self, feed: Feed) -> None:
        news = feed.news()
        self._waiting.add(news)
        try:
            await news
        finally:
            self._waiting.discard(news)
            feed.forget(news)

    def _take(self, changes: tuple[Change, ...], position: Cursor) -> None:
        self._position = position
        self._changes.extend(change for change in changes if is_told(change.structure))
        if not self._changes:
            self._settle()

    def _settle(self) -> None:
        assert self._position is not None
        self._seen = self._position.encode()

    async def _attach(self) -> None:
        self._beginning = beginning = object()
        try:
            subscribed = await self._subscribe(beginning)
            await self._begin(subscribed)
        except BaseException:
            self._unsubscribe(beginning)
            raise
        if self._closed:
            self._unsubscribe(beginning)
            return
        self._subscribed = subscribed

    async def _begin(self, subscribed: Subscribed) -> None:
        self._index = subscribed.index
        here = Cursor(subscribed.vector)
        if self._position is None:
            self._position = here
            self._settle()
        self._ahead = self._arrival.awaits((here.vector, self._position.reach))
        if not self._ahead:
            if self._position != here:
                await self._resume(subscribed, self._position)
            self._arrival.end()  # what was here once does not come a second time

    async def _resume(self, subscribed: Subscribed, position: Cursor) -> None:
        """Go on in the feed if the position is there, else in the log.

        The log takes a document of its own. So one stream at a time puts what it finds into the feed, where
        those that wait for it look first.
        """
        feed, room = subscribed.feed, subscribed.room
        index = feed.find(position, subscribed.index)
        if index is None:
            async with feed.recalling:
                if (index := feed.find(position, subscribed.index)) is None:
                    gap = feed.gap(subscribed.index, subscribed.vector)
                    loaded, opened = await self._load(), self._opened()
                    entries = await recall(loaded, position, gap.vector, opened, feed.capacity, room)
                    feed.recall(gap, entries)
                    index = feed.find(position, subscribed.index)
                    if index is None:
                        self._replay = replay(
                            self._collection, loaded, position, subscribed.vector, opened, room
                        )
        if index is not None:
            self._index = index

    def _detach(self) -> None:
        if self._subscribed is not None:
            self._unsubscribe(self._beginning)
            self._subscribed = None
            self._replay = None
