"""A live query in the program that holds the database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from protobase_actors import mark_heard
from protobase_live.errors import Closed, Unavailable
from protobase_live.live.live import Hear
from protobase_live.live.views import Views, Watcher
from protobase_live.model.values import copy
from protobase_live.query.language.query import Query
from protobase_live.query.result.diff import Diff


class EmbeddedLine:
    """The line of a `Live` to the views of a database. It survives a collection that fails."""

    def __init__(self, views: Views, query: Query, require_home: Callable[[], None]) -> None:
        """``require_home`` raises in another event loop than the database's."""
        self._views = views
        self._require_home = require_home
        self._query = query
        self._arrival = views.arrival()
        self._hear: Hear | None = None
        self._watcher: Watcher | None = None
        self._beginning: asyncio.Task[None] | None = None
        self._cursor: str | None = None
        self._closed = False

    async def open(self, hear: Hear, since: str | None) -> None:
        """Raises ValidationError, Overloaded, LimitExceeded, Unavailable, Closed."""
        self._require_home()
        self._hear, self._cursor = hear, since
        await self._begin()

    def poll(self) -> None:
        """See Line. Raises Unavailable while the collection is loaded again, and what ended the view."""
        try:
            if self._watcher is not None and (diff := self._watcher.poll()) is not None:
                self._tell(diff)
        except Unavailable:
            self._begin_again()
            raise

    async def more(self) -> None:
        """See Line."""
        try:
            if self._watcher is not None:
                self._tell(await self._watcher.pull())
                return
        except Unavailable:  # the collection is loaded again: go on, or start anew where that cannot be
            pass
        await asyncio.shield(self._begin_again())  # others may wait for it, too

    def close(self) -> None:
        """Harmless when closed."""
        self._closed = True
        self._let_go()

    def _let_go(self) -> None:
        if self._watcher is not None:
            self._watcher.close()
            self._watcher = None

    def _begin_again(self) -> asyncio.Task[None]:
        """Subscribe anew, in a task of its own, since a reader of `rows` does not wait."""
        if self._beginning is None or self._beginning.done():
            self._let_go()
            self._beginning = asyncio.get_running_loop().create_task(self._begin())
            self._beginning.add_done_callback(mark_heard)
        return self._beginning

    async def _begin(self) -> None:
        watcher = await self._views.watch(self._query, self._cursor, self._arrival)
        try:
            diff = await watcher.pull()
        except BaseException:
            watcher.close()
            raise
        if self._closed:
            watcher.close()
            raise Closed("the live query was closed")
        self._watcher = watcher
        self._tell(diff)

    def _tell(self, diff: Diff) -> None:
        """The rows belong to the view: what is given away is a copy."""
        assert self._hear is not None
        self._cursor = diff.cursor
        changes = (replace(change, row=copy(change.row)) for change in diff.changes)
        self._hear(replace(diff, changes=tuple(changes)))
