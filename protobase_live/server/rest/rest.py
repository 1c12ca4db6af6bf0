"""The REST door: an ASGI application that admits a request, has it carried out, and answers it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from functools import partial
from http import HTTPStatus

from protobase_actors import Clock, within
from protobase_live.database.database import Database
from protobase_live.errors import (
    Overloaded,
    Unauthorized,
    Unavailable,
    ValidationError,
)
from protobase_live.model.names import check_collection
from protobase_live.protocol.live.codec import JsonCodec
from protobase_live.protocol.live.encodings import Encodings
from protobase_live.protocol.live.limits import LiveLimits
from protobase_live.protocol.server_events import CONTENT_TYPE
from protobase_live.server.accounts import Account, Accounts
from protobase_live.server.asgi_types import Message, Receive, Scope, Send
from protobase_live.server.authentication import Authentication, Identity
from protobase_live.server.connection_log import enter, narrow
from protobase_live.server.counters import Counters
from protobase_live.server.limits import ServerLimits
from protobase_live.server.origins import Origins
from protobase_live.server.permissions import Permissions
from protobase_live.server.permitted_database import PermittedDatabase
from protobase_live.server.places import Places
from protobase_live.server.proxies import NO_PROXIES, Proxies
from protobase_live.server.rest.answers import Answer, Headers, Refusal, failed, outcome, send_answer
from protobase_live.server.rest.bodies import Bodies, too_long
from protobase_live.server.rest.cors import Cors
from protobase_live.server.rest.events import Events
from protobase_live.server.rest.request import (
    Request,
    address_of,
    headers_of,
    query_of,
    request_of_scope,
    segments,
    value_of,
)
from protobase_live.server.rest.routes import Route, find
from protobase_live.server.rest.services import Services

PREFIX = ["api", "v1"]

NOBODY = Identity()
"""Who is not asked who he is, for what is open to all."""

_METHODS = "GET, POST, PUT, PATCH, DELETE"
_ASKED = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID"
_TOLD = "ETag, Idempotency-Replayed, Location"


class Rest:
    """Serves one database."""

    def __init__(
        self,
        database: Database,
        authentication: Authentication,
        origins: Origins,
        clock: Clock,
        limits: ServerLimits,
        counters: Counters,
        live_limits: LiveLimits,
        token: Callable[[Scope], str | None] | None = None,
        inspector: bool = True,
        permissions: Permissions | None = None,
        proxies: Proxies = NO_PROXIES,
        bodies: Bodies | None = None,
        accounts: Accounts | None = None,
    ) -> None:
        """``token`` says which one a request has; without it that is what the request says.

        ``inspector``: whether it is told what that shows. Without ``permissions`` everybody may do
        everything.
        """
        self._token = token
        self._database = database
        self._permissions = permissions or Permissions(clock)
        encodings = Encodings(JsonCodec(), live_limits.encoded_bytes)
        epoch = clock.time() - clock.monotonic()
        self._shared = clock, limits, live_limits, encodings, counters, inspector, epoch
        self._authentication = authentication
        self._cors = Cors(origins.request_refusal, _METHODS, _ASKED, _TOLD)
        self._clock = clock
        self._limits = limits
        self._counters = counters
        self._proxies = proxies
        self._bodies = bodies or Bodies(limits, counters)
        self._accounts = Accounts(clock, limits, counters) if accounts is None else accounts
        self._requests = 0
        self._address_requests = Places(limits.address_requests, "address_requests", counters)
        self._address_streams = Places(limits.address_streams, "address_streams", counters)
        self._streams: dict[Events, None] = {}
        self._closing = False

    def close(self) -> None:
        """End all streams, and refuse what comes."""
        self._closing = True
        for stream in list(self._streams):
            stream.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; see ASGI."""
        enter("rest")
        address = address_of(scope, headers_of(scope), self._proxies)
        try:
            if self._requests >= self._limits.http_requests:
                raise self._full(f"{self._limits.http_requests} requests", "http_requests")
            with self._address_requests.one(address):
                stream = await self._respond(scope, receive, send)
        except Overloaded as full:
            await self._refuse(send, failed(full), [("connection", "close")])
            return
        if stream is not None:
            await self._stream(stream, address, receive, send)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> tuple[Events, Headers] | None:
        """Answer, in time; what is to be streamed is not sent yet."""
        began = self._clock.monotonic()
        has_begun = False

        async def tell(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        self._requests += 1
        try:
            return await within(
                self._clock, self._limits.request_seconds, self._carry_out(scope, receive, tell)
            )
        except TimeoutError:
            self._counters.limits.add("request_seconds")
            if has_begun:
                raise  # whoever serves cuts the connection
            seconds = f"{self._limits.request_seconds:g}"
            late = Unavailable(f"not done within {seconds} seconds (request_seconds); it may yet be")
            await self._refuse(send, failed(late, HTTPStatus.GATEWAY_TIMEOUT), [("connection", "close")])
            return None
        finally:
            self._requests -= 1
            self._counters.request_seconds.add(self._clock.monotonic() - began)

    async def _carry_out(self, scope: Scope, receive: Receive, send: Send) -> tuple[Events, Headers] | None:
        headers = headers_of(scope)
        told, cors = await self._outcome(scope, headers, receive)
        if isinstance(told, Events):
            if scope["method"] != "HEAD":
                return told, cors
            await told.drop()
            told = Answer(type=CONTENT_TYPE)
        if int(told.status) >= 400:
            self._counters.refused(told.status)
        await send_answer(send, told, cors, is_head=scope["method"] == "HEAD")
        return None

    async def _outcome(
        self, scope: Scope, headers: Mapping[str, str], receive: Receive
    ) -> tuple[Answer | Events, Headers]:
        """What to answer, and the headers for pages of other origins."""
        cors: Headers = ()
        try:
            cors = self._cors.headers(scope, headers)
            return await self._perform(scope, headers, receive), cors
        except Exception as error:  # also a mistake of ours, which fails alone
            return outcome(error), cors

    async def _perform(self, scope: Scope, headers: Mapping[str, str], receive: Receive) -> Answer | Events:
        if self._closing:
            raise Unavailable("the server is stopping; nothing was done")
        from protobase_live.server.rest.table import ROUTES  # with the first request: it takes 15 ms

        pieces = segments(scope)
        found = find(ROUTES, pieces[2:]) if pieces[:2] == PREFIX else {}
        if not found:
            missing = ValidationError(
                "there is nothing at this path; /api/v1/openapi.json says what there is"
            )
            raise Refusal(HTTPStatus.NOT_FOUND, missing)
        if scope["method"] == "OPTIONS":
            return Answer(HTTPStatus.NO_CONTENT, headers=_allow(found))
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        if method not in found:
            wrong = ValidationError(f"{scope['method']} is not for this path, but {', '.join(found)}")
            raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, wrong, _allow(found))
        route, path = found[method]
        return await self._handle(route, path, scope, headers, receive)

    async def _handle(
        self,
        route: Route,
        path: Mapping[str, str],
        scope: Scope,
        headers: Mapping[str, str],
        receive: Receive,
    ) -> Answer | Events:
        query = query_of(scope)
        identity = NOBODY if route.is_open else await self._identity(scope, headers, query)
        route.check_query(query)
        route.check_conditions(headers)
        body = await value_of(await self._body(scope, headers, receive), headers, route.reads)
        root = scope.get("root_path", "")
        if "collection" in path:
            narrow(check_collection(path["collection"]))
        address = address_of(scope, headers, self._proxies)
        with ExitStack() as using:
            account = using.enter_context(self._accounts.request(identity.author, address))
            if "collection" in path:
                using.enter_context(account.opened.holding([path["collection"]]))
            who = identity.author, account, identity.expires
            request = Request(root, scope["method"], path, query, headers, body, *who)
            told = await route.handler(self._services(identity, account), request)
            if isinstance(told, Events):
                told.using = using.pop_all()
            return told

    def _services(self, identity: Identity, account: Account) -> Services:
        authority = self._permissions.session()
        authority.begin(identity)
        return Services(
            PermittedDatabase(self._database, authority, account), authority, self._database, *self._shared
        )

    async def _body(self, scope: Scope, headers: Mapping[str, str], receive: Receive) -> bytes:
        most_bytes, announced = self._limits.http_body_bytes, headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > most_bytes:
            raise too_long(most_bytes)
        address = address_of(scope, headers, self._proxies)
        return await self._bodies.read(receive, address, most_bytes)

    async def _identity(self, scope: Scope, headers: Mapping[str, str], query: Mapping[str, str]) -> Identity:
        request = self._authentication.request(partial(request_of_scope, scope, self._proxies))
        if self._token is not None:
            return await self._authentication.identity(self._token(scope), request)
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme and scheme.lower() != "bearer":
            raise Unauthorized("Authorization has to be 'Bearer TOKEN'")
        return await self._authentication.identity(token.strip() if scheme else query.get("token"), request)

    async def _stream(
        self, opened: tuple[Events, Headers], address: str | None, receive: Receive, send: Send
    ) -> None:
        stream, headers = opened
        try:
            if len(self._streams) >= self._limits.http_streams:
                raise self._full(f"{self._limits.http_streams} streams of events", "http_streams")
            self._address_streams.take(address)
        except Overloaded as full:
            await stream.drop()
            await self._refuse(send, failed(full), headers)
            return
        self._streams[stream] = None
        try:
            await stream.run(receive, send, headers)
        finally:
            del self._streams[stream]
            self._address_streams.give_back(address)

    def _full(self, what: str, limit: str) -> Overloaded:
        """What is told to who comes when there are so many of all clients."""
        self._counters.limits.add(limit)
        return Overloaded(f"{what} at once ({limit})")

    async def _refuse(self, send: Send, told: Answer, headers: Headers) -> None:
        self._counters.refused(told.status)
        await send_answer(send, told, headers)


def _allow(found: Iterable[str]) -> Headers:
    """What is for a path: HEAD wherever GET is."""
    methods = [name for each in found for name in (("GET", "HEAD") if each == "GET" else (each,))]
    return [("allow", ", ".join([*methods, "OPTIONS"]))]
