"""A change stream over the wire."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import Any

from protobase_actors import WakeUp
from protobase_live.client.link import Link
from protobase_live.errors import Closed, ProtoBaseError
from protobase_live.handles.home_loop import HomeLoop
from protobase_live.model.arguments import check_since
from protobase_live.model.change import Change
from protobase_live.model.values import quoted
from protobase_live.protocol.live.client_events import Delivered, News, Opened
from protobase_live.protocol.live.server_messages import ChangeForm
from protobase_live.structures.splice import splice_of


class RemoteChangeStream:
    """``async with collection.changes(since=cursor) as changes: async for change in changes: ...``

    Misses nothing and repeats nothing, also when the connection is lost in between. It holds at most the
    credit that it gave the server; while it is not read, the server waits.
    """

    def __init__(self, link: Link, collection: str, since: str | None) -> None:
        """Raises ValidationError for a ``since`` that is no text: a server would close the connection."""
        if since is not None:
            check_since(since)
        self._link = link
        self._collection = collection
        self._since = since
        self._id: int | None = None
        self._held: deque[ChangeForm] = deque()
        self._cursor: str | None = None
        self._end: ProtoBaseError | None = None
        self._news = WakeUp()
        self._home = HomeLoop()

    def __repr__(self) -> str:
        return f"<RemoteChangeStream of {quoted(self._collection)}>"

    async def __aenter__(self) -> RemoteChangeStream:
        if self._id is not None:
            raise Closed("a change stream is entered once; ask for another")
        self._home.require()
        self._id = self._link.subscribe(
            lambda session: session.subscribe(self._collection, self._since), self
        )
        try:
            await self._link.within_call(self._until(lambda: self._cursor is not None))
        except BaseException:
            self._link.unsubscribe(self._id)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._home.require()
        if self._id is not None:
            self._link.unsubscribe(self._id)
        self._held.clear()
        self.fail(Closed("the change stream was closed"))

    @property
    def cursor(self) -> str:
        """Resumes right after the last change that was given."""
        if self._cursor is None:
            raise Closed("a stream has a cursor once it is entered: use 'async with'")
        return self._cursor

    def __aiter__(self) -> AsyncIterator[Change]:
        return self

    async def __anext__(self) -> Change:
        return (await self.batch(1))[0]

    async def batch(self, limit: int) -> list[Change]:
        """Wait for at least one change and give at most ``limit``.

        Raises Closed before the block and after its end, and what ended the stream.
        """
        if self._id is None:
            raise Closed("the change stream is not open: use 'async with'")
        self._home.require()
        await self._until(lambda: bool(self._held))
        taken = [self._held.popleft() for _ in range(min(limit, len(self._held)))]
        self._cursor = taken[-1]["cursor"]
        assert self._id is not None
        self._link.consumed(self._id, len(taken))
        return [_change(self._collection, form) for form in taken]

    # from the link

    def hear(self, news: News) -> None:
        """The stream was opened, or brought its next changes."""
        match news:
            case Opened():
                self._cursor = news.cursor
            case Delivered():
                self._held.extend(news.changes)
            case _:
                pass  # of views
        self._news.wake()

    def fail(self, error: ProtoBaseError) -> None:
        """The stream is over once what it holds was read."""
        self._end = self._end or error
        self._news.wake()

    async def _until(self, ready: Callable[[], bool]) -> None:
        while not ready():
            if self._end is not None:
                raise self._end
            await self._news.wait()


def _change(collection: str, form: ChangeForm) -> Change:
    """A change as it was told; that of a text says what was spliced, whether or not that was told."""
    told: Sequence[Any] | None = form.get("splice")
    splice = splice_of(form["key"], form["before"], form["after"]) if told is None else tuple(told)
    whole: dict[str, Any] = {**form, "omitted": tuple(form.get("omitted", ())), "splice": splice}
    return Change(collection=collection, **whole)
