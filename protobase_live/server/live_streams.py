"""The change streams and views of one connection of the live door.

Each is pulled by a task of its own, which takes no more before its last frame went out. So a client that does
not read costs no memory: its streams wait in the log, and what happens to its views is folded together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import AbstractContextManager
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

from protobase_actors import WakeUp
from protobase_live.errors import Closed, ProtoBaseError, Unavailable
from protobase_live.model.change import Change
from protobase_live.model.names import check_collection
from protobase_live.protocol.live.client_messages import Opening
from protobase_live.protocol.live.codec import Frame
from protobase_live.protocol.live.encodings import Encoded, Encodings
from protobase_live.protocol.live.failure import Failure
from protobase_live.protocol.live.limits import LiveLimits
from protobase_live.protocol.live.server_messages import ChangeForm
from protobase_live.protocol.live.server_session import ServerSession
from protobase_live.protocol.live.stream_messages import More, Subscribe, Watch
from protobase_live.server.accounts import Account
from protobase_live.server.authority import Authority
from protobase_live.server.counters import Counters
from protobase_live.server.live_database import (
    ChangeStream,
    Database,
    Share,
    Watcher,
)
from protobase_live.server.named_queries import is_named
from protobase_live.server.seen import Seen

if TYPE_CHECKING:
    from protobase_live.query.language.query import Query
    from protobase_live.query.result.diff import RowChange

Send = Callable[[Frame], Awaitable[None]]

T = TypeVar("T")

Work = Callable[[], Coroutine[Any, Any, T]]
"""Something for a task, which may be cancelled before it begins: a coroutine would never be awaited then."""

Start = Callable[[Work[None]], asyncio.Task[None]]


class LiveStreams:
    """Opens, pulls and ends them."""

    def __init__(
        self,
        session: ServerSession,
        database: Database,
        send: Send,
        answer: Send,
        limits: LiveLimits,
        counters: Counters,
        seen: Seen,
        authority: Authority,
    ) -> None:
        """``send`` waits while the client does not read; ``answer`` does, too, for answers to requests.

        ``authority`` gives the queries that a client names.
        """
        self._authority = authority
        self._session = session
        self._database = database
        self._send = send
        self._answer = answer
        self._limits = limits
        self._counters = counters
        self._seen = seen
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._credit: dict[int, WakeUp] = {}
        self._errors: dict[int, ProtoBaseError] = {}
        """Why views end whose tasks were cancelled for it."""
        self.account: Account | None = None
        """Of whom they are; set before the first request."""

    @cached_property
    def share(self) -> Share:
        """The queries of this connection, from its first one on."""
        return self._database.views.share()

    def open(self, request: Opening, start: Start) -> None:
        """Carry out what opens a stream or view, in a task that ``start`` makes."""
        if isinstance(request, Subscribe):
            self._credit[request.id] = WakeUp()
        self._tasks[request.id] = start(partial(self._run, request))

    def more(self, message: More) -> None:
        """The session was granted credit for a stream."""
        if message.subscription in self._credit:
            self._credit[message.subscription].wake()

    async def unsubscribe(self, subscription: int) -> None:
        """End a stream or view; nothing is sent of it any more."""
        task = self._tasks.pop(subscription, None)
        if task is None:
            return  # it ended by itself: the messages crossed
        self._credit.pop(subscription, None)
        task.cancel()
        await asyncio.wait([task])
        self._session.unsubscribe(subscription)
        if self._session.is_waiting(subscription):
            unsubscribed = self._session.error(subscription, Closed("it was unsubscribed"))
            await self._answer(unsubscribed)

    async def _run(self, request: Opening) -> None:
        try:
            await (self._stream(request) if isinstance(request, Subscribe) else self._view(request))
        except ProtoBaseError as error:
            await self._fail(request.id, error)
        except asyncio.CancelledError:
            error, task = self._errors.pop(request.id, None), asyncio.current_task()
            if error is None or task is None or task.uncancel() > 0:
                raise  # somebody else's
            await self._fail(request.id, error)
        finally:
            self._errors.pop(request.id, None)

    async def _fail(self, id: int, error: ProtoBaseError) -> None:
        self._tasks.pop(id, None)  # before the client may use the id again
        self._credit.pop(id, None)
        self._counters.errors.add(Failure.of(error).code)
        if self._session.is_waiting(id):
            await self._answer(self._session.error(id, error))
        else:
            await self._send(self._session.ended(id, error))

    async def _stream(self, request: Subscribe) -> None:
        check_collection(request.collection)
        if request.since is None:  # else it waits for that
            await self._seen.arrive([request.collection])
        with self._holding([request.collection]):
            asked = request.collection, request.since, *request.structures
            async with self._database.changes(*asked) as stream:
                await self._answer(self._session.result(request.id, {"cursor": stream.cursor}))
                await self._pull_changes(request.id, stream)

    def use(self, collections: Iterable[str]) -> None:
        """The client uses these. Raises Overloaded where they are too many."""
        assert self.account is not None
        self.account.opened.use(collections)

    def _holding(self, collections: Iterable[str]) -> AbstractContextManager[None]:
        assert self.account is not None
        return self.account.opened.holding(collections)

    async def _pull_changes(self, id: int, stream: ChangeStream) -> None:
        """Pull only what the client has room for."""
        while True:
            while not (credit := self._session.credit(id)):
                await self._credit[id].wait()
            changes = await stream.batch(min(credit, self._limits.batch))
            for frame in self._session.changes(id, [self._encoded(change) for change in changes]):
                await self._send(frame)

    def _encoded(self, change: Change) -> Encoded:
        return self._session.encodings.of(change, lambda: change_form(change, self._limits.text_chars))

    async def _view(self, request: Watch) -> None:
        query = await self._authority.query_of(request.query)
        close = self._authority.open(query.collections, partial(self._reconsider, request, query))
        try:
            await self._watch(request, query)
        finally:
            close()

    async def _reconsider(self, request: Watch, query: Query) -> None:
        """End a view whose query the server has built of who asks, and would build otherwise now."""
        if not is_named(request.query) or request.id in self._errors:
            return
        try:
            if await self._authority.query_of(request.query) == query:
                return
            error: ProtoBaseError = Unavailable("what this query finds for you has changed; begin again")
        except ProtoBaseError as failure:
            error = failure
        self._errors[request.id] = error
        self._tasks[request.id].cancel()

    async def _watch(self, request: Watch, query: Query) -> None:
        if request.since is None:
            await self._seen.arrive(query.collections)
        with self._holding(query.collections):
            watcher = await self.share.watch(query, request.since)
            try:
                await self._answer(self._session.result(request.id))
                await self._pull_differences(request.id, watcher)
            finally:
                watcher.close()

    async def _pull_differences(self, id: int, watcher: Watcher) -> None:
        """Pull whatever there is; what happens until all of it went out is in the next difference."""
        while True:
            diff = await watcher.pull_in_steps()
            changes = (_encoded_row(change, self._session.encodings) for change in diff.changes)
            for frame in self._session.difference(id, diff.cursor, diff.reset, changes, len(diff.changes)):
                await self._send(frame)
                await asyncio.sleep(0)  # a client that reads fast lets `send` not wait at all


def change_form(change: Change, text_chars: int) -> ChangeForm:
    """A change of a text of more than ``text_chars`` is told as a splice: it comes with each keystroke."""
    form: dict[str, Any] = {
        "structure": change.structure,
        "kind": change.kind,
        "key": change.key,
        "before": change.before,
        "after": change.after,
        "cursor": change.cursor,
        "author": change.author,
    }
    if change.splice is None or len(change.before) + len(change.after) <= text_chars:
        return form
    return form | {
        "before": None,
        "after": None,
        "omitted": ["before", "after"],
        "splice": list(change.splice),
    }


def _encoded_row(change: RowChange, encodings: Encodings) -> bytes:
    """A `RowChangeForm`, encoded."""
    match change.kind:
        case "delete":
            return encodings.alone(["delete", change.position])
        case "move":
            return encodings.behind(["move", change.previous, change.position], change.row)
        case kind:
            return encodings.behind([kind, change.position], change.row)
