"""A link to a server that outlives its connections: the asyncio side of a `ClientSession`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from websockets.exceptions import ConnectionClosed, WebSocketException

from protobase_actors import Clock, within
from protobase_live.client.address import nothing_listens
from protobase_live.client.doors import Door, Doors
from protobase_live.client.limits import ClientLimits
from protobase_live.client.losses import final, words
from protobase_live.client.tokens import TokenFailed, Tokens
from protobase_live.client.transport import Dial, Transport
from protobase_live.errors import Closed, OutcomeUnknown, ProtoBaseError, Unauthorized, Unavailable
from protobase_live.handles.home_loop import HomeLoop
from protobase_live.protocol.live.client_events import (
    Answered,
    Delivered,
    Differed,
    Event,
    Failed,
    Interrupted,
    Opened,
    PresenceChanged,
    TokenExpiring,
)
from protobase_live.protocol.live.client_session import ClientSession

if TYPE_CHECKING:
    from protobase_live.client.subscriber import Subscriber

T = TypeVar("T")

OnConnection = Callable[[str | None], None]
"""Is told why a connection was lost, and None when there is another."""

_log = logging.getLogger("protobase_live")


class Link:
    """Keeps a connection to a server, and a new one after every loss, until it is closed."""

    def __init__(
        self,
        doors: Doors,
        dial: Dial,
        session: ClientSession,
        tokens: Tokens,
        *,
        clock: Clock,
        limits: ClientLimits,
        on_presence: Callable[[PresenceChanged], None],
        on_end: Callable[[ProtoBaseError], None] = lambda error: None,
        refusal: Callable[[str, Exception], ProtoBaseError | None] = lambda url, loss: None,
        on_connection: OnConnection | None = None,
    ) -> None:
        """``tokens`` are asked at each connection, and when one ends soon. ``refusal`` says why a first
        connection fails that no later one can replace, if it is so. ``on_end`` is told why there is no more.
        """
        self._doors = doors
        self._dial = dial
        self._session = session
        self._tokens = tokens
        self._renewing: asyncio.Task[None] | None = None
        self._clock = clock
        self._limits = limits
        self._on_presence = on_presence
        self._on_end = on_end
        self._refusal = refusal
        self._on_connection = on_connection
        self._missing = False
        """Whether it was told that the connection is lost."""
        self._tokenless = False
        """Whether it was told that there is no token for the next one."""
        self._calls: dict[int, asyncio.Future[Any]] = {}
        self._subscribers: dict[int, Subscriber] = {}
        self._wake = asyncio.Event()  # remembers what there is to send while a frame is being sent
        self._home = HomeLoop()
        self._home.require()
        self._first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None
        self._transport: Transport | None = None
        """The one to be closed. It is kept here, for what a task returns is lost on whoever is cancelled."""
        self._leaving: set[asyncio.Task[None]] = set()
        """Connections that are being closed."""
        self._loss: Exception | None = None
        self._end: ProtoBaseError | None = None
        self._received = 0

    async def open(self) -> None:
        """Wait for the first connection. Raises Unavailable, Unauthorized or ProtocolError."""
        self._task = asyncio.get_running_loop().create_task(self._run())
        timer = self._clock.call_later(self._limits.connect_seconds, self._give_up)
        try:
            await asyncio.shield(self._first)
        except BaseException:
            self._first.cancel()  # nobody waits for it any more
            await self.close()
            raise
        finally:
            timer.cancel()

    @property
    def closed(self) -> bool:
        """Whether it is over, closed or refused for good."""
        return self._end is not None

    async def close(self) -> None:
        """Close; whatever waits fails with Closed, a commit that was sent with OutcomeUnknown."""
        self._home.require()
        self._finish(Closed("the connection was closed"))
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            if self._leaving:
                await asyncio.wait(self._leaving)
            if not self._task.cancelled():
                self._task.result()  # raises what the link itself did wrong

    # Calls

    async def call(self, start: Callable[[ClientSession], int]) -> Any:
        """The answer of the call that ``start`` makes.

        Raises what the server says; Unavailable when there was no answer in time and nothing was done;
        OutcomeUnknown when a commit may have been carried out; Overloaded; Closed.
        """
        id = start(self._open_session())
        self._calls[id] = answer = asyncio.get_running_loop().create_future()
        timer = self._clock.call_later(self._limits.call_seconds, lambda: self._expire(id))
        self._act()
        try:
            return await answer
        finally:
            timer.cancel()
            if self._calls.pop(id, None) is not None:
                self._session.abandon(id)

    def _expire(self, id: int) -> None:
        answer, seconds = self._calls.pop(id, None), self._limits.call_seconds
        if answer is None or answer.done():
            return
        gone = OutcomeUnknown if self._session.abandon(id) else Unavailable
        answer.set_exception(gone(f"no answer within {seconds:g} seconds (call_seconds)"))

    # Streams and views

    async def within_call(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of ``work``. Raises Unavailable after ``call_seconds``."""
        try:
            return await within(self._clock, self._limits.call_seconds, work)
        except TimeoutError as error:
            raise Unavailable(
                f"no answer within {self._limits.call_seconds:g} seconds (call_seconds)"
            ) from error

    def subscribe(self, start: Callable[[ClientSession], int], subscriber: Subscriber) -> int:
        """Open the stream or view that ``start`` makes. Raises Overloaded or Closed."""
        id = start(self._open_session())
        self._subscribers[id] = subscriber
        self._wake.set()
        return id

    def unsubscribe(self, id: int) -> None:
        """Close a stream or view; its subscriber hears no more."""
        if self._subscribers.pop(id, None) is not None:
            self._session.unsubscribe(id)
            self._wake.set()

    def consumed(self, id: int, count: int) -> None:
        """Changes were used: there is room for as many more."""
        self._session.consumed(id, count)
        self._wake.set()

    # Presence

    def join_presence(self, collection: str, client: int) -> None:
        """Take ``client`` in, and hear of a collection's presence. Raises Closed."""
        self._open_session().join_presence(collection, client)
        self._wake.set()

    def leave_presence(self, collection: str, client: int) -> None:
        """Take ``client`` out; after the last one, hear no more."""
        if self._end is None:
            self._session.leave_presence(collection, client)
            self._wake.set()

    # Connections

    async def _run(self) -> None:
        try:
            while self._end is None:
                await self._visit(await self._doors.next())
        except BaseException as mistake:
            self._finish(Unavailable(f"the client failed: {mistake!r}"))
            raise

    async def _visit(self, door: Door) -> None:
        """One connection to a door, and what becomes of it."""
        began, absent = None, False
        try:
            transport = await within(self._clock, self._doors.patience(door), self._connect(door))
            began = self._clock.monotonic()
            await self._converse(transport)
        except (OSError, WebSocketException, ProtoBaseError) as loss:
            absent = began is None and nothing_listens(loss)
            self._lost(door, loss, was_let_in=began is not None)
        finally:
            self._leave()
        lasted = 0.0 if began is None else self._clock.monotonic() - began
        self._doors.left(door, lasted, absent=absent)

    async def _connect(self, door: Door) -> Transport:
        token = await self._tokens.get()
        self._transport = transport = await self._dial(door.url)
        await transport.send(self._session.hello(token))
        self._session.welcomed(await transport.recv())
        return transport

    def _leave(self) -> None:
        """Close a connection, while the next one is dialled: a server that is gone never does its part."""
        transport, self._transport = self._transport, None
        if transport is not None:
            leaving = asyncio.get_running_loop().create_task(transport.close())
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    async def _converse(self, transport: Transport) -> None:
        if not self._first.done():
            self._first.set_result(None)
        self._tell_connection(None)
        self._tokenless = False
        self._wake.set()
        loop = asyncio.get_running_loop()
        helpers = [loop.create_task(self._write(transport)), loop.create_task(self._heartbeat(transport))]
        try:
            while True:
                frame = await transport.recv()
                self._received += 1
                self._session.receive(frame)
                self._act()
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.wait(helpers)

    async def _write(self, transport: Transport) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                for frame in self._session.outgoing():
                    await transport.send(frame)
                self._tell_events()
        except ConnectionClosed:
            pass  # the reader hears of it too

    async def _heartbeat(self, transport: Transport) -> None:
        """After two silences in a row, the second one in spite of a ping, the connection is dead.

        A part of a long message is no silence, in either direction: pings and their answers wait behind it.
        """
        limits = self._session.limits
        silent = False
        while limits is not None:
            received, unsent = (self._received, transport.unfinished), transport.unsent
            await self._clock.sleep(self._doors.silence(limits.heartbeat_seconds))
            if (self._received, transport.unfinished) != received or transport.unsent < unsent:
                silent = False
            elif silent:
                await transport.close()
            else:
                silent = True
                self._session.ping()
                self._wake.set()

    def _lost(self, door: Door, loss: Exception, *, was_let_in: bool) -> None:
        """Go on with the next connection, unless it would fare the same."""
        self._loss = loss
        error = final(loss)
        if was_let_in and self._tokens.can_be_fresh and isinstance(error, Unauthorized):
            error = None  # the token has ended
        if isinstance(loss, TokenFailed):
            error = self._without_token(loss)
        elif error is None and not self._first.done():
            door.refused = self._refusal(door.url, loss)
            error = door.refused if self._doors.all_refused else None
        if error is not None:
            self._finish(error)
        else:
            self._session.disconnected()
            self._act()
            if self._first.done():
                self._tell_connection(words(loss))

    def _without_token(self, failure: TokenFailed) -> ProtoBaseError | None:
        """At first a mistake of the program, which is told at once; later what may be over soon."""
        if not self._first.done():
            return failure
        if not self._tokenless:
            self._tokenless = True
            _log.warning("no connection without a token: %s", failure, extra={"event": "token_failed"})
        return None

    def _begin_renewing(self) -> None:
        if self._tokens.can_be_fresh and (self._renewing is None or self._renewing.done()):
            self._renewing = asyncio.get_running_loop().create_task(self._renew())

    async def _renew(self) -> None:
        """Present a fresh token; without one the connection ends, and the next one begins with one."""
        try:
            token = await self.within_call(self._tokens.get())
            await self.call(lambda session: session.renew(token))
        except ProtoBaseError as error:
            _log.warning("the token was not renewed: %s", error, extra={"event": "token_not_renewed"})

    def _tell_connection(self, why: str | None) -> None:
        """Each loss once, whatever becomes of the attempts, and its end."""
        if self._missing == (why is not None):
            return
        self._missing = why is not None
        try:
            if self._on_connection is not None:
                self._on_connection(why)
        except Exception as error:  # a mistake of who listens, which is no matter of the connection
            _log.error("on_connection failed: %r", error, extra={"event": "listener_failed"})

    def _give_up(self) -> None:
        if not self._first.done():
            seconds, loss = self._limits.connect_seconds, self._loss
            why = "no answer" if loss is None else words(loss)
            self._first.set_exception(Unavailable(f"no connection within {seconds:g} seconds: {why}"))

    def _finish(self, error: ProtoBaseError) -> None:
        if self._end is None:
            self._end = error
            if self._renewing is not None:
                self._renewing.cancel()
            self._session.close(error)
            self._act()
            self._on_end(error)
            if not self._first.done():
                self._first.set_exception(error)

    def _open_session(self) -> ClientSession:
        self._home.require()
        if self._end is not None:
            raise type(self._end)(str(self._end))
        return self._session

    # Events

    def _act(self) -> None:
        """After every input to the session: tell what happened and send what there is to send."""
        self._tell_events()
        self._wake.set()

    def _tell_events(self) -> None:
        for event in self._session.events():
            self._handle(event)

    def _handle(self, event: Event) -> None:
        match event:
            case Answered(id, value):
                if (answer := self._calls.pop(id, None)) and not answer.done():
                    answer.set_result(value)
            case Failed(id, error):
                self._failed(id, error)
            case Opened() | Delivered() | Differed():
                if subscriber := self._subscribers.get(event.id):
                    subscriber.hear(event)
            case Interrupted(id):
                self._clock.call_later(self._doors.pause(0), lambda: self._resume(id))
            case PresenceChanged():
                self._on_presence(event)
            case TokenExpiring():
                self._begin_renewing()

    def _failed(self, id: int, error: ProtoBaseError) -> None:
        if subscriber := self._subscribers.pop(id, None):
            subscriber.fail(error)
        elif (answer := self._calls.pop(id, None)) and not answer.done():
            answer.set_exception(error)

    def _resume(self, id: int) -> None:
        self._session.resume(id)
        self._wake.set()
