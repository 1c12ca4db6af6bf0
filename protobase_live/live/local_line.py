"""A live query in the program that holds the database."""

from __future__ import annotations

from dataclasses import replace

from protobase_live.errors import Unavailable
from protobase_live.live.live import Hear
from protobase_live.live.views import Subscription, Views
from protobase_live.query.diff import Diff
from protobase_live.query.query import Query
from protobase_live.values import copy


class LocalLine:
    """The line of a `Live` to the views of a database. It survives a collection that fails."""

    def __init__(self, views: Views, query: Query) -> None:
        self._views = views
        self._query = query
        self._hear: Hear | None = None
        self._subscription: Subscription | None = None
        self._cursor: str | None = None

    async def open(self, hear: Hear, since: str | None) -> None:
        """Raises ValidationError, Overloaded, LimitExceeded, Unavailable, Closed."""
        self._hear, self._cursor = hear, since
        await self._begin()

    def poll(self) -> None:
        """See Line."""
        if self._subscription is not None and (diff := self._subscription.poll()) is not None:
            self._tell(diff)

    async def more(self) -> None:
        """See Line."""
        if self._subscription is None:
            await self._begin()
            return
        try:
            self._tell(await self._subscription.pull())
        except Unavailable:  # the collection is loaded again: go on, or start anew where that cannot be
            self.close()
            await self._begin()

    def close(self) -> None:
        """Harmless when closed."""
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None

    async def _begin(self) -> None:
        subscription = self._subscription = await self._views.subscribe(self._query, self._cursor)
        try:
            self._tell(await subscription.pull())
        except BaseException:
            self.close()
            raise

    def _tell(self, diff: Diff) -> None:
        """The rows belong to the view: what is given away is a copy."""
        assert self._hear is not None
        self._cursor = diff.cursor
        changes = (replace(change, row=copy(change.row)) for change in diff.changes)
        self._hear(replace(diff, changes=tuple(changes)))
