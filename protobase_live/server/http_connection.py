"""HTTP connections: uvicorn's protocol over h11, with the server's limits."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from email.utils import formatdate
from functools import partial
from http import HTTPStatus
from typing import Any, cast

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol
from uvicorn.server import ServerState

from protobase_live.errors import ProtocolError
from protobase_live.server.asgi_types import App, Message, Receive, Scope, Send
from protobase_live.server.connection import Connection
from protobase_live.server.handshake_log import handshake_log
from protobase_live.server.limits import ServerLimits
from protobase_live.server.paths import HTTP_PREFIXES
from protobase_live.server.rest.answers import failed
from protobase_live.server.traffic import Traffic

_ABSOLUTE = re.compile(rb"https?://([^/?#]*)(/?)(.*)", re.IGNORECASE | re.DOTALL)
"""A target that is a whole URL: its host, and what a server is asked for directly."""

_FULL = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class HttpConnections:
    """Those of one server, and what they have in common."""

    def __init__(self, app: App, limits: ServerLimits, traffic: Traffic) -> None:
        self.answers = traffic.answers
        self.clock = traffic.clock
        self.counters = traffic.counters
        self.limits = limits
        self.config = Config(
            cast(Any, app),
            http=HttpConnection,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            proxy_headers=False,
        )
        self.config.load()
        self.state = ServerState()
        self.state.default_headers = [(b"server", b"protobase-live")]

    def begin(self, connection: Connection, data: bytes) -> None:
        """Take over a connection, from which ``data`` came."""
        transport = connection.transport
        if self.refuses(transport):
            return
        protocol = HttpConnection(self, connection)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(data)

    def refuses(self, transport: asyncio.Transport) -> bool:
        """Whether there are as many as there may be; then another one is answered so, and closed."""
        if len(self.state.connections) < self.limits.http_connections:
            return False
        self.counters.limits.add("http_connections")
        self.counters.refused(HTTPStatus.SERVICE_UNAVAILABLE)
        transport.write(_FULL)
        transport.close()
        return True

    def close(self) -> None:
        """Close each connection behind the answer that is under way."""
        for connection in list(self.state.connections):
            connection.shutdown()

    def cut(self) -> None:
        """Close them now, and end what is under way."""
        for connection in list(self.state.connections):
            cast(HttpConnection, connection).transport.abort()
        for task in list(self.state.tasks):
            task.cancel()


class Parser(h11.Connection):
    """Refuses, too, what servers before this one may have read as another request, and takes whole URLs."""

    def __init__(self, head_bytes: int) -> None:
        super().__init__(h11.SERVER, head_bytes)
        self._head_bytes = head_bytes

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """What came next. Raises RemoteProtocolError."""
        event = super().next_event()
        if isinstance(event, h11.Request):
            names = {name for name, _ in event.headers}
            if {b"content-length", b"transfer-encoding"} <= names:
                raise h11.RemoteProtocolError("both Content-Length and Transfer-Encoding")
            if _head_bytes(event) > self._head_bytes:  # h11 measures what did not come at once
                raise h11.RemoteProtocolError("Receive buffer too long", error_status_hint=431)
            return _direct(event)
        return event


def _closes(scope: Scope) -> bool:
    """Whether a client wants its connection closed behind the answer."""
    wanted = (value.lower() for name, value in scope["headers"] if name == b"connection")
    return scope["http_version"] == "1.0" or any(b"close" in value for value in wanted)


async def _thrown_away(receive: Receive) -> None:
    """Read what is left of a request, or until the client is gone."""
    while (await receive()).get("more_body", False):
        pass


def _head_bytes(request: h11.Request) -> int:
    """About how long it came."""
    fields = sum(len(name) + len(value) + len(b": \r\n") for name, value in request.headers)
    return len(request.method) + len(request.target) + fields


def _direct(request: h11.Request) -> h11.Request:
    """The request as it is without a proxy: the host of a whole URL, instead of the header's, and its path
    (RFC 9112, 3.2.2)."""
    found = _ABSOLUTE.fullmatch(request.target)
    if found is None:
        return request
    headers = [(b"host", found[1]), *(each for each in request.headers if each[0] != b"host")]
    return h11.Request(
        method=request.method, target=b"/" + found[3], headers=headers, http_version=request.http_version
    )


class Hearing:
    """What comes of one request. Whoever waits for more behind its body is told only when the client goes:
    its answer is a stream.
    """

    def __init__(self, receive: Receive, on_stream: Callable[[], None]) -> None:
        self._receive = receive
        self._on_stream = on_stream
        self._is_whole = False

    async def __call__(self) -> Message:
        """What is next; see ASGI."""
        if self._is_whole:
            self._on_stream()
        message = await self._receive()
        self._is_whole = not message.get("more_body", False)
        return message


class HttpConnection(H11Protocol):
    """One of them, from its first request on; behind a request it may become a WebSocket again.

    Whatever is waited for has a timer: the client's next request (uvicorn's, ``keep_alive_seconds``), the
    rest of what it has begun to send, and that it reads.
    """

    def __init__(self, connections: HttpConnections, connection: Connection | None) -> None:
        """``connection`` is what it becomes; None: it stays what it is."""
        super().__init__(connections.config, connections.state, {})
        self._limits = connections.limits
        self._answers = connections.answers
        self._clock = connections.clock
        self._counters = connections.counters
        self.address = None if connection is None else connection.address
        self.conn = Parser(self._limits.http_head_bytes)
        self.timeout_keep_alive = cast(int, self._limits.keep_alive_seconds)
        self.access_log = False
        self.logger = handshake_log()  # each of its lines tells of what a client did
        self._websocket = connection
        if connection is not None:
            self.ws_protocol_class = cast(Any, lambda **_: connection)  # pyright: ignore[reportUnknownLambdaType]
        self._rest_timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None
        self._has_ended = False
        """Whether the client sends nothing more."""
        self._answer = self.app
        self.app = self._serve

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Begin, and be told whenever anything is left unread."""
        super().connection_made(transport)
        # A transport of TLS takes 'nothing' for as much as 0, and would wait for it to be read.
        is_tls = transport.get_extra_info("ssl_object") is not None
        transport.set_write_buffer_limits(1 if is_tls else 0, 0)

    def data_received(self, data: bytes) -> None:
        """What came; what a client has begun, a head or a body that was answered before its end, has to be
        complete ``handshake_seconds`` later."""
        super().data_received(data)
        answered = self.cycle is None or self.cycle.response_complete  # pyright: ignore[reportUnnecessaryComparison]
        if not answered or self.transport.get_protocol() is not self:
            self._forget_rest()
        elif self.conn.trailing_data[0] or self.conn.their_state is h11.SEND_BODY:
            if self._rest_timer is None:
                self._rest_timer = self._later(self._limits.handshake_seconds, self.transport.abort)
        else:
            self._forget_rest()
            if self.timeout_keep_alive_task is None:
                self.timeout_keep_alive_task = self._later(
                    self.timeout_keep_alive, self.timeout_keep_alive_handler
                )

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        dated = partial(self._send_dated, send)
        sending = partial(self._send, receive, dated) if _closes(scope) else dated
        await self._answer(scope, Hearing(receive, self._end_if_ended), sending)

    async def _send_dated(self, send: Send, message: Message) -> None:
        """Send on, and say when an answer begins (RFC 9110, 6.6.1)."""
        if message["type"] == "http.response.start":
            date = b"date", self._date().encode()
            message = {**message, "headers": [*message.get("headers", ()), date]}
        await send(message)

    def _date(self) -> str:
        return formatdate(self._clock.time(), usegmt=True)

    async def _send(self, receive: Receive, send: Send, message: Message) -> None:
        """Send on a connection that is closed behind the answer: not before the rest of the request was
        read, since whoever sends is told of a reset, and not of the answer.
        """
        is_end = message["type"] == "http.response.body" and not message.get("more_body", False)
        if is_end and self.conn.their_state is h11.SEND_BODY:
            await send({**message, "more_body": True})
            with suppress(TimeoutError):
                async with asyncio.timeout(self._limits.handshake_seconds):
                    await _thrown_away(receive)
            message = {"type": "http.response.body"}
        await send(message)

    def _end_if_ended(self) -> None:
        """End a stream to a client that sends nothing more; other answers it still gets."""
        if self._has_ended:
            self.transport.close()

    def eof_received(self) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The client sends nothing more. Whether it is answered all the same; what streams to it ends."""
        self._has_ended = True
        return self._is_asked()

    def on_response_complete(self) -> None:
        """Go on with the next request; there is none any more once the client has ended."""
        super().on_response_complete()
        if self._has_ended and not self._is_asked():
            self.transport.close()

    def _is_asked(self) -> bool:
        """Whether there is a whole request of which nothing is answered yet."""
        if self.cycle is None or self.cycle.response_started:  # pyright: ignore[reportUnnecessaryComparison]
            return False
        return self.conn.their_state in (h11.DONE, h11.MUST_CLOSE)

    def pause_writing(self) -> None:
        """Something is unread; that ends within ``request_seconds``, also on a connection that is closing."""
        super().pause_writing()
        self._answers.weigh(self, self.transport.get_write_buffer_size())
        self._answers.make_room()
        if self._unread_timer is None:
            self._unread_timer = self._later(self._limits.request_seconds, self.transport.abort)

    def give_way(self, reason: str) -> None:
        """All leave too much unread, and this one its share for the longest time."""
        self.transport.abort()

    def resume_writing(self) -> None:
        """All was read."""
        super().resume_writing()
        self._answers.weigh(self, 0)
        self._forget_unread()

    def connection_lost(self, exc: Exception | None) -> None:
        """There is nobody to answer any more."""
        self._forget_rest()
        self._forget_unread()
        self._answers.weigh(self, 0)
        self._unset_keepalive_if_required()
        super().connection_lost(exc)
        if self._websocket is not None:
            self._websocket.leave()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Give the connection back, with what came behind the request."""
        assert self._websocket is not None
        super().handle_websocket_upgrade(event)
        if self.flow.write_paused:  # by an answer before it
            self._forget_unread()
            self._answers.weigh(self, 0)
            self._websocket.pause_writing()
        if behind := self.conn.trailing_data[0]:
            self._websocket.data_received(behind)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request as HTTP with JSON, as all errors are told, and close."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.abort()  # it has been answered, and only the rest of its body is broken
            return
        fault = sys.exception()
        status = fault.error_status_hint if isinstance(fault, h11.RemoteProtocolError) else 400
        told = failed(ProtocolError(str(fault)), HTTPStatus(status))
        self._counters.refused(told.status)
        headers = [("content-type", told.type), ("content-length", str(len(told.body)))]
        headers += [("date", self._date()), ("connection", "close")]
        response = h11.Response(status_code=status, headers=headers, reason=STATUS_PHRASES[status])
        for event in (response, h11.Data(data=told.body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _should_upgrade_to_ws(self) -> bool:
        if self._websocket is None:
            return False
        path = self.scope["path"]
        return self.scope["method"] == "GET" and path.startswith("/") and not path.startswith(HTTP_PREFIXES)

    def _later(self, seconds: float, act: Callable[[], None]) -> asyncio.TimerHandle:
        return self.loop.call_later(seconds, act)

    def _forget_rest(self) -> None:
        if self._rest_timer is not None:
            self._rest_timer.cancel()
            self._rest_timer = None

    def _forget_unread(self) -> None:
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None


class PlainConnection(HttpConnection):
    """One of a port that has no WebSockets."""

    def __init__(self, connections: HttpConnections) -> None:
        super().__init__(connections, None)
        self._all = connections

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Begin; a first request has to be there ``handshake_seconds`` later."""
        if self._all.refuses(transport):
            transport.set_protocol(asyncio.Protocol())
            return
        super().connection_made(transport)
        self._rest_timer = self._later(self._limits.handshake_seconds, transport.abort)
