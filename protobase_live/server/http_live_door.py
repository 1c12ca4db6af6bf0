"""The live door over HTTP, for who cannot open a WebSocket: an ASGI application (``docs/protocol.md``)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from http import HTTPStatus

from websockets.exceptions import ConnectionClosed

from protobase_actors import Clock, within
from protobase_live.collection.mistakes import at_debug, summary
from protobase_live.errors import Overloaded, Unavailable, ValidationError
from protobase_live.protocol.live.codec import CODECS
from protobase_live.protocol.live.limits import INTERNAL_ERROR, LiveLimits
from protobase_live.protocol.live.over_http import CONNECTION, SEQUENCE
from protobase_live.server.asgi_types import Receive, Scope, Send
from protobase_live.server.connection_log import enter, here, tell_closed
from protobase_live.server.counters import Counters
from protobase_live.server.http_live_connection import HttpLiveConnection, ended
from protobase_live.server.limits import ServerLimits
from protobase_live.server.live_door import LiveDoor
from protobase_live.server.origins import Origins
from protobase_live.server.paths import LIVE_HTTP_PATH
from protobase_live.server.proxies import NO_PROXIES, Proxies
from protobase_live.server.rest.answers import Answer, Headers, Refusal, outcome, send_answer
from protobase_live.server.rest.bodies import Bodies
from protobase_live.server.rest.cors import Cors
from protobase_live.server.rest.request import (
    address_of,
    disconnected,
    headers_of,
    query_of,
    request_of_scope,
)

_ALLOW: Headers = [("allow", "GET, POST, OPTIONS")]

Admit = Callable[[], Awaitable[str | None]]
"""Asked before a connection begins: why it is to be refused with 503, or None."""

_log = logging.getLogger(__name__)


class HttpLiveDoor:
    """Brings connections over HTTP to a live door."""

    def __init__(
        self,
        door: LiveDoor,
        origins: Origins,
        clock: Clock,
        limits: ServerLimits,
        live_limits: LiveLimits,
        counters: Counters,
        admit: Admit,
        token: Callable[[Scope], str | None] | None = None,
        proxies: Proxies = NO_PROXIES,
        bodies: Bodies | None = None,
    ) -> None:
        """``token`` says which one a request has; without it that is what the client says over the stream."""
        self._door = door
        asked = f"Authorization, Content-Type, {CONNECTION}, {SEQUENCE}"
        # A page whose name stands for this machine gets an id and can do nothing with it: browsers say the
        # origin of every POST. So the host, which a proxy may tell as it was asked for, is not looked at.
        self._cors = Cors(origins.refusal, "GET, POST", asked)
        self._clock = clock
        self._limits = limits
        self._live_limits = live_limits
        self._counters = counters
        self._admit = admit
        self._token = token
        self._proxies = proxies
        self._bodies = bodies or Bodies(limits, counters)
        self._connections: dict[str, HttpLiveConnection] = {}

    @property
    def connections(self) -> list[HttpLiveConnection]:
        """Those that are open."""
        return list(self._connections.values())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; see ASGI."""
        headers, cors = headers_of(scope), list[tuple[str, str]]()
        enter("live-http")
        try:
            cors += self._cors.headers(scope, headers)
            is_stream = scope["method"] == "GET"
            found = await (
                self._open(scope, headers, send) if is_stream else self._answer(scope, headers, receive)
            )
        except Exception as error:  # also a mistake of ours, which fails alone
            found = outcome(error)
            self._counters.refused(found.status)
        if isinstance(found, Answer):
            await send_answer(send, found, cors)
        else:
            with self._counters.session("live-http"):
                await self._serve(found, receive, cors)

    # a stream

    async def _open(self, scope: Scope, headers: Mapping[str, str], send: Send) -> HttpLiveConnection:
        subprotocol = query_of(scope).get("subprotocol")
        if subprotocol is None or subprotocol not in CODECS:
            raise ValidationError(f"ask for a subprotocol: ?subprotocol={' or '.join(CODECS)}")
        if reason := await self._admit():
            raise Unavailable(reason)
        credential, longest = self._credential(scope, headers), self._live_limits.hello_bytes
        address = address_of(scope, headers, self._proxies)
        shared = self._clock, self._limits, longest, self._counters
        opened = HttpLiveConnection(subprotocol, credential, send, *shared, address)
        opened.request = self._door.authentication.request(partial(request_of_scope, scope, self._proxies))
        return opened

    def _credential(self, scope: Scope, headers: Mapping[str, str]) -> str | None:
        """What a client's requests have in common: its token, as far as it is known without asking."""
        return headers.get("authorization") if self._token is None else self._token(scope)

    async def _serve(self, connection: HttpLiveConnection, receive: Receive, cors: Headers) -> None:
        """Until the session closes the connection, or the stream ends."""
        loop = asyncio.get_running_loop()
        self._connections[connection.id] = connection
        serving = loop.create_task(self._serve_session(connection, cors))
        others = [loop.create_task(connection.watch()), loop.create_task(disconnected(receive))]
        try:
            await asyncio.wait([serving, *others], return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._connections[connection.id]
            connection.lose()
            for each in others:
                each.cancel()
            await asyncio.wait([serving, *others])
            tell_closed(self._counters, connection.close_code, LIVE_HTTP_PATH)

    async def _serve_session(self, connection: HttpLiveConnection, cors: Headers) -> None:
        token = None if self._token is None else connection.credential
        try:
            await connection.begin(cors)
            await self._door.serve(connection, token=token, request=connection.request)
        except ConnectionClosed:
            pass  # before it began
        except Exception as mistake:  # of ours, which fails alone
            fields = here("connection_failed")
            _log.error("a connection failed: %s", summary(mistake), exc_info=at_debug(mistake), extra=fields)
            await connection.close(INTERNAL_ERROR, "internal error")

    # a request of the client

    async def _answer(self, scope: Scope, headers: Mapping[str, str], receive: Receive) -> Answer:
        if scope["method"] == "OPTIONS":
            return Answer(HTTPStatus.NO_CONTENT, headers=_ALLOW)
        if scope["method"] != "POST":
            wrong = ValidationError(f"{scope['method']} is not for this path, but GET and POST")
            raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, wrong, _ALLOW)
        connection = self._connections.get(headers.get(CONNECTION, ""))
        if connection is None or connection.credential != self._credential(scope, headers):
            raise ended()
        address = address_of(scope, headers, self._proxies)
        reading = partial(self._bodies.read, receive, address)
        try:
            taking = connection.take(_number(headers), reading)
            await within(self._clock, self._limits.request_seconds, taking)
        except TimeoutError:
            self._counters.limits.add("request_seconds")
            seconds = f"{self._limits.request_seconds:g}"
            late = f"the request was not read, or those before it not taken, within {seconds} seconds"
            raise Overloaded(f"{late} (request_seconds)") from None
        return Answer(HTTPStatus.NO_CONTENT)


def _number(headers: Mapping[str, str]) -> int:
    text = headers.get(SEQUENCE, "")
    if not (text.isascii() and text.isdecimal() and len(text) < 16 and int(text)):
        raise ValidationError(f"{SEQUENCE} has to number the requests of a connection, from 1 on")
    return int(text)
