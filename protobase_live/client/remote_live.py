"""A live query over the wire."""

from __future__ import annotations

import asyncio
from typing import Any

from protobase_live.client.link import Link
from protobase_live.errors import Closed, ProtoBaseError, ProtocolError
from protobase_live.live.live import Hear
from protobase_live.protocol.live.client_events import Differed, News
from protobase_live.protocol.live.server_messages import RowChangeForm
from protobase_live.query.result.diff import Diff, RowChange


class RemoteLine:
    """The line of a `Live` to a server. It goes on by itself, after whatever loss of the connection.

    It holds nothing: a difference is heard when it has come, whether somebody waits for it or not.
    """

    def __init__(self, link: Link, form: Any) -> None:
        """``form`` is that of a query."""
        self._link = link
        self._form = form
        self._hear: Hear | None = None
        self._id: int | None = None
        self._heard = asyncio.Event()  # remembers what nobody waited for
        self._end: ProtoBaseError | None = None

    async def open(self, hear: Hear, since: str | None) -> None:
        """Raises ValidationError, Overloaded, LimitExceeded, Unavailable, Closed."""
        self._hear = hear
        form = self._form
        self._id = self._link.subscribe(lambda session: session.watch(form, since), self)
        try:
            await self._link.within_call(self.more())
        except BaseException:
            self.close()
            raise

    def poll(self) -> None:
        """Everything that has come was heard. Raises what ended it."""
        if self._end is not None:
            raise self._end

    async def more(self) -> None:
        """See Line."""
        if self._end is None:
            await self._heard.wait()
            self._heard.clear()
        if self._end is not None:
            raise self._end

    def close(self) -> None:
        """Harmless when closed; whoever waits gets Closed."""
        if self._id is not None:
            self._link.unsubscribe(self._id)
        self.fail(Closed("the live query was closed"))

    # from the link

    def hear(self, news: News) -> None:
        """A difference has come."""
        if not isinstance(news, Differed) or self._hear is None:
            return
        try:
            self._hear(Diff(tuple(map(_change, news.changes)), news.reset, news.cursor))
        except IndexError:
            self.fail(ProtocolError("a difference does not fit the rows that it is for"))
            self.close()
        self._heard.set()

    def fail(self, error: ProtoBaseError) -> None:
        """The view is over."""
        self._end = self._end or error
        self._heard.set()


def _change(form: RowChangeForm) -> RowChange:
    """The change of its form; a deleted row is not told again."""
    match form:
        case ["delete", at]:
            return RowChange("delete", at)
        case ["move", previous, at, row]:
            return RowChange("move", at, row, previous)
        case [kind, at, row]:
            return RowChange(kind, at, row)
        case _:
            raise ProtocolError(f"no change of rows: {form!r}")
