"""One connection of the live door: carries out what its client asks for.

Memory is bounded by pulling: requests are answered by at most ``requests`` tasks, each change stream and
each view is pulled by one task that waits until its last frame went out, and news of presence is merged until
it can be sent. A client that does not read stops its own tasks, and then the reading of its own messages.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any

from websockets.exceptions import ConnectionClosed

from protobase_actors import Clock, OrderedSet, WakeUp, in_steps, within
from protobase_live.errors import Overloaded, ProtoBaseError, Unavailable
from protobase_live.model.names import check_collection
from protobase_live.protocol.live.client_messages import (
    ClusterRequest,
    CommitRequest,
    Hello,
    Join,
    Leave,
    QueryRequest,
    ReadRequest,
    Renew,
    Request,
    SetPresence,
)
from protobase_live.protocol.live.client_messages import (
    Seen as SeenRequest,
)
from protobase_live.protocol.live.codec import Frame
from protobase_live.protocol.live.collection_messages import (
    BackupRequest,
    CollectionsRequest,
    DropRequest,
    EraseRequest,
    RestoreRequest,
    StateHashRequest,
)
from protobase_live.protocol.live.failure import Failure
from protobase_live.protocol.live.limits import (
    FORBIDDEN,
    GOING_AWAY,
    INTERNAL_ERROR,
    TRY_AGAIN,
    UNAUTHORIZED,
    LiveLimits,
)
from protobase_live.protocol.live.permission_messages import RevokeRequest
from protobase_live.protocol.live.server_messages import Error
from protobase_live.protocol.live.server_session import ServerSession
from protobase_live.protocol.live.stream_messages import More, Subscribe, Unsubscribe, Watch
from protobase_live.protocol.live.violation import Violation
from protobase_live.server.accounts import Accounts
from protobase_live.server.authentication import Authentication
from protobase_live.server.authority import REVOKED
from protobase_live.server.client_request import NOTHING_KNOWN, ClientRequest
from protobase_live.server.counters import Counters
from protobase_live.server.expiry import ENDED
from protobase_live.server.in_flight import InFlight
from protobase_live.server.live_database import WholeDatabase
from protobase_live.server.live_identity import LiveIdentity
from protobase_live.server.live_presence import LivePresence
from protobase_live.server.live_streams import LiveStreams, Work
from protobase_live.server.live_wire import LiveWire
from protobase_live.server.permissions import Permissions
from protobase_live.server.permitted_database import PermittedDatabase
from protobase_live.server.presence_news import PresenceNews
from protobase_live.server.seen import Seen
from protobase_live.server.whole_collections import WholeCollections


class LiveConnection:
    """Serves one connection."""

    def __init__(
        self,
        connection: LiveWire,
        session: ServerSession,
        database: WholeDatabase,
        clock: Clock,
        news: PresenceNews,
        limits: LiveLimits,
        counters: Counters,
        authentication: Authentication,
        accounts: Accounts,
        token: str | None = None,
        permissions: Permissions | None = None,
        request: ClientRequest = NOTHING_KNOWN,
    ) -> None:
        """``token`` is known of the client; without it that is what it says, beside ``request``.

        Without ``permissions`` it may do everything.
        """
        self._connection = connection
        self._session = session
        self._permissions = permissions or Permissions(clock)
        self._authority = self._permissions.session()
        self._database = PermittedDatabase(database, self._authority)
        self._clock = clock
        self._limits = limits
        self._counters = counters
        self._accounts = accounts
        shared = self._authority, clock, limits, self._send, self._start
        self._identity = LiveIdentity(connection, session, authentication, *shared, token, request)
        self._tasks: OrderedSet[asyncio.Task[None]] = OrderedSet()
        self._answering = asyncio.Semaphore(limits.requests)
        self._streaming = asyncio.Semaphore(limits.subscriptions)
        # Holds at most ``requests``, and their sizes, in bytes.
        self._commits: asyncio.Queue[tuple[CommitRequest, int]] = asyncio.Queue()
        self._in_flight = InFlight(limits.commit_bytes)
        self._seen = Seen(self._database)
        self._streams = LiveStreams(
            session,
            self._database,
            self._send,
            self._send_answer,
            limits,
            counters,
            self._seen,
            self._authority,
        )
        self._whole = WholeCollections(self._database, limits)
        self._presence = LivePresence(self._database, session, self._authority, news, limits, self._send)
        self._answered = WakeUp()
        self._leaving = False
        self._mistake: Exception | None = None

    async def run(self) -> None:
        """Serve until the connection ends."""
        forget = self._authority.open((), self._reconsider)
        try:
            identity = await self._identity.identify()
            with self._accounts.connection(identity.author, self._connection.address) as account:
                self._streams.account = self._database.account = account
                await self._identity.welcome(identity)
                await self._serve()
        except Overloaded as error:
            await self._connection.close(TRY_AGAIN, str(error))
        except Violation as violation:
            await self._connection.close(violation.code, violation.reason)
        except ConnectionClosed:
            pass  # how every connection ends
        finally:
            forget()
            await self._release()
        if self._mistake:
            raise self._mistake

    async def _serve(self) -> None:
        self._start(self._carry_out_commits)
        self._start(self._presence.send_all)
        while True:
            frame = await self._connection.recv()
            self._counters.received_bytes.add("live", len(frame))
            message = await in_steps(self._session.receive_in_steps(frame))
            if self._identity.over:  # it came while the connection closes
                raise Violation(UNAUTHORIZED, ENDED)
            await self._take(message, len(frame))

    async def leave(self) -> None:
        """Say bye, answer the requests that are under way, both within ``bye_seconds``, and begin to close;
        once, however often it is called.

        Closing is not waited for: it takes as long as a client that does not read likes.
        """
        if self._leaving:
            return
        self._leaving = True
        with suppress(ConnectionClosed, TimeoutError):
            await within(self._clock, self._limits.bye_seconds, self._say_bye())
        self._start(partial(self._connection.close, GOING_AWAY, "the server is stopping"))

    async def _say_bye(self) -> None:
        await self._connection.send(self._session.bye("the server is stopping"))
        if self._session.waiting:
            await self._answered.wait()

    async def _reconsider(self) -> None:
        if self._authority.is_revoked:
            self._start(partial(self._connection.close, FORBIDDEN, REVOKED))

    async def _take(self, message: Hello | More | Request | Error, size: int) -> None:
        """Begin to carry out a message of ``size`` bytes."""
        if not isinstance(message, Error):
            self._counters.requests.add(message.type)
        match message:
            case Error():
                self._counters.errors.add(message.failure.code)
                await self._send(self._session.refusal(message))
            case More():
                self._streams.more(message)
            case Hello():
                pass  # the session lets only the first one through
            case _ if self._leaving:
                going = Unavailable("the server is stopping; nothing was done")
                await self._send_error(message.id, going)
            case CommitRequest():
                await self._in_flight.take(size)
                self._commits.put_nowait((message, size))
            case Subscribe() | Watch():
                await self._streaming.acquire()
                self._streams.open(message, partial(self._start, slots=self._streaming))
            case SeenRequest() | Join() | SetPresence() | Leave():  # in the order that they come in
                await self._answer(message.id, partial(self._perform, message))
            case _:
                await self._answering.acquire()
                self._start(
                    partial(self._answer, message.id, partial(self._perform, message)), self._answering
                )

    async def _perform(self, request: Request) -> Any:
        match request:
            case ReadRequest():
                self._streams.use([check_collection(request.collection)])
                await self._seen.arrive([request.collection])
                return await self._database.read(request.collection, request.read)
            case QueryRequest():
                return await self._query(request)
            case SeenRequest():
                self._seen.take(request)
            case Unsubscribe():
                await self._streams.unsubscribe(request.subscription)
            case Join() | SetPresence() | Leave():
                await self._presence.perform(request)
            case Renew():
                await self._identity.renew(request.token)
            case ClusterRequest():
                return (await self._database.cluster_status()).form()
            case RevokeRequest():
                await self._permissions.answer(request, self._authority)
            case CollectionsRequest() | DropRequest() | EraseRequest() | StateHashRequest():
                return await self._whole.perform(request)
            case BackupRequest() | RestoreRequest():
                return await self._whole.perform(request)
            case _:
                pass  # ping
        return None

    async def _query(self, request: QueryRequest) -> Any:
        query = await self._authority.query_of(request.query)
        if request.explain:
            return (await self._database.views.explain(query)).form()
        self._streams.use(query.collections)
        await self._seen.arrive(query.collections)
        return await self._streams.share.query(query)

    async def _answer(self, id: int, work: Work[Any]) -> None:
        began = self._clock.monotonic()
        try:
            value = await work()
        except ProtoBaseError as error:
            await self._send_error(id, error)
        else:
            for frame in self._session.answer(id, value):
                await (asyncio.sleep(0) if frame is None else self._send_answer(frame))
        self._counters.request_seconds.add(self._clock.monotonic() - began)

    async def _send_error(self, id: int, error: ProtoBaseError) -> None:
        self._counters.errors.add(Failure.of(error).code)
        await self._send_answer(self._session.error(id, error))

    async def _send(self, frame: Frame) -> None:
        await self._connection.send(frame)
        self._counters.sent_bytes.add("live", len(frame))

    async def _send_answer(self, frame: Frame) -> None:
        await self._send(frame)
        if not self._session.waiting:
            self._answered.wake()

    async def _carry_out_commits(self) -> None:
        """In the order the client sent them.

        Those to one and the same collection do not wait for each other: its mailbox keeps their order, and
        they can be made durable together.
        """
        lane: str | None = None
        running: OrderedSet[asyncio.Task[None]] = OrderedSet()
        while True:
            request, size = await self._commits.get()
            names = request.collections
            before, lane = lane, names.pop() if len(names) == 1 else None
            if running and (lane is None or lane != before):
                await asyncio.wait(running)
            task = self._start(partial(self._answer, request.id, partial(self._commit, request)))
            running.add(task)
            task.add_done_callback(running.discard)
            task.add_done_callback(lambda _, size=size: self._in_flight.give_back(size))

    async def _commit(self, request: CommitRequest) -> Any:
        for name in sorted(request.collections):
            check_collection(name)
        self._streams.use(request.collections)
        await self._seen.arrive(request.collections)
        author = self._identity.author if self._identity.author is not None else request.author
        level = request.durability
        receipt = await self._database.commit(request.writes, request.checks, author, level)
        return {"cursors": dict(receipt.cursors), "nodes": receipt.nodes}

    # Tasks

    def _start(self, work: Work[None], slots: asyncio.Semaphore | None = None) -> asyncio.Task[None]:
        """Start a task, which at its end gives back one of the ``slots``.

        Slots are waited for before a client's next message is read: one that leaves too much unread is not
        read either.
        """
        task = asyncio.get_running_loop().create_task(self._watch(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if slots is not None:
            task.add_done_callback(lambda _: slots.release())
        return task

    async def _watch(self, work: Work[None]) -> None:
        """What goes wrong in a task ends the connection and is raised by `run`."""
        try:
            await work()
        except ConnectionClosed:
            pass  # `run` hears of it itself
        except Exception as mistake:
            self._mistake = mistake
            await self._connection.close(INTERNAL_ERROR, "internal error")

    async def _release(self) -> None:
        self._identity.close()
        self._presence.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._whole.close()
        self._answered.wake()
