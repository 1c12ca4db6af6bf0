"""The doors inside somebody else's application: an ASGI application to be mounted under any prefix."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from http import HTTPStatus
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from websockets.exceptions import ConnectionClosed

from protobase_actors import Clock, OrderedSet, SystemClock
from protobase_live.database.database import Database
from protobase_live.errors import Closed, Overloaded, ProtoBaseError, Unauthorized
from protobase_live.limits import check_limits
from protobase_live.model.arguments import require, require_flags
from protobase_live.protocol.live.codec import SUBPROTOCOLS
from protobase_live.protocol.live.limits import GOING_AWAY, TRY_AGAIN, UNAUTHORIZED, LiveLimits
from protobase_live.server.application_token import ApplicationToken, Token
from protobase_live.server.asgi_connection import AsgiConnection
from protobase_live.server.asgi_types import Receive, Scope, Send
from protobase_live.server.asked import Asked, asked_for
from protobase_live.server.authentication import Authenticate, Authentication, anonymous, require_authenticate
from protobase_live.server.authorization import Authorize, require_permissions
from protobase_live.server.behind import Behind
from protobase_live.server.client_request import ClientRequest
from protobase_live.server.connection_log import enter, joined, tell_closed
from protobase_live.server.counters import Counters
from protobase_live.server.limits import DEFAULT_SERVER_LIMITS, ServerLimits
from protobase_live.server.named_queries import Build, NamedQueries
from protobase_live.server.origins import Origins
from protobase_live.server.pages import METHODS, Inspector, websocket_door
from protobase_live.server.permissions import Permissions
from protobase_live.server.places import Places
from protobase_live.server.probing import Probing
from protobase_live.server.proxies import NO_PROXIES
from protobase_live.server.refusals import Caller
from protobase_live.server.rest.answers import Answer, failed, plain_page, send_answer
from protobase_live.server.rest.request import address_of, headers_of, request_of_scope, segments
from protobase_live.server.traffic import Traffic

if TYPE_CHECKING:
    from protobase_live.permissions.policy import Policy

DOORS = "the doors here are yjs/<collection>, hocuspocus, live, api/v1\n"

Serve = Callable[[Scope, AsgiConnection, Sequence[str]], Awaitable[None]]
"""Serves a connection, to a path of these pieces, until it ends."""


def asgi(
    database: Database | AbstractAsyncContextManager[Database],
    *,
    authenticate: Authenticate = anonymous,
    policy: Policy | None = None,
    authorize: Authorize | None = None,
    named: Mapping[str, Build] | None = None,
    named_queries_only: bool = False,
    token: Token | None = None,
    origins: Iterable[str] = (),
    limits: ServerLimits = DEFAULT_SERVER_LIMITS,
    live_limits: LiveLimits | None = None,
    inspector: bool = False,
    clock: Clock | None = None,
) -> Asgi:
    """An ASGI application with the doors of a database: ``/yjs/<collection>``, ``/hocuspocus``, ``/live`` and
    ``/api/v1``.

    ``database`` is open, or is opened and closed with the application: ``pb.asgi(pb.open("file:./data"))``,
    which is an async context manager, for the lifespan of the application that it is mounted in; alone it
    has a lifespan of its own. ``authenticate``, ``policy``, ``authorize``, ``named`` and
    ``named_queries_only`` are those of `Server`; ``token`` says which token the application's own
    authentication knows of a request, by its scope: a cookie, or a user of its session. Without it that is
    what the client sends. ``origins`` are those of pages that may connect, beside pages of the same host.
    ``inspector``: whether there is the page that shows what goes on, at the prefix itself.

    Raises ValidationError for what is no origin, and for arguments of another type.
    """
    check_limits(limits=(limits, ServerLimits), live_limits=(live_limits, LiveLimits))
    has_one = isinstance(cast(Any, database), Database | AbstractAsyncContextManager)
    require(has_one, "pb.asgi", "a database, or what pb.open(...) gives", database)
    require_authenticate(authenticate)
    require_permissions(policy, authorize)
    require(token is None or callable(token), "token=", "a function of the scope", token)
    require_flags(inspector=inspector)
    doors = partial(
        Doors,
        authenticate=authenticate,
        policy=policy,
        authorize=authorize,
        queries=NamedQueries(named, only=named_queries_only),
        token=token,
        origins=Origins(origins, "", strict=True),
        limits=limits,
        live_limits=live_limits or LiveLimits(),
        inspector=inspector,
        clock=clock or SystemClock(),
    )
    return Asgi(database, doors)


class Asgi:
    """See `asgi`. An async context manager that gives the database."""

    def __init__(
        self,
        database: Database | AbstractAsyncContextManager[Database],
        doors: Callable[[Database], Doors],
    ) -> None:
        """``doors`` are made when the database is open."""
        self._given = database
        self._make_doors = doors
        self._doors: Doors | None = None

    @property
    def database(self) -> Database:
        """The database that is served. Raises Closed while it is not open."""
        return self._open().database

    @property
    def permissions(self) -> Permissions:
        """What clients may do; it can be asked again, and revoked. Raises Closed while it is not open."""
        return self._open().permissions

    async def __aenter__(self) -> Database:
        given = self._given
        database = given if isinstance(given, Database) else await given.__aenter__()
        self._doors = self._make_doors(database)
        return database

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Say bye to all clients, and close the database if it was opened here."""
        doors, self._doors = self._doors, None
        try:
            if doors is not None:
                await doors.close()
        finally:
            if not isinstance(self._given, Database):
                await self._given.__aexit__(kind, error, trace)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve what an ASGI server brings."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "websocket":
            await (await self._begun()).connect(scope, receive, send)
        else:
            await (await self._begun()).answer(scope, receive, send)

    def _open(self) -> Doors:
        if self._doors is None:
            if not isinstance(self._given, Database):
                raise Closed(
                    "the database is not open: enter what pb.asgi gave in the application's lifespan"
                )
            self._doors = self._make_doors(self._given)
        return self._doors

    async def _begun(self) -> Doors:
        doors = self._open()
        await doors.begin()
        return doors

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.__aenter__()
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": str(error) or repr(error)})
            raise
        await send({"type": "lifespan.startup.complete"})
        await receive()
        try:
            await self.__aexit__(None, None, None)
        except Exception as error:
            await send({"type": "lifespan.shutdown.failed", "message": str(error) or repr(error)})
            raise
        await send({"type": "lifespan.shutdown.complete"})


class Doors:
    """The doors of an open database."""

    def __init__(
        self,
        database: Database,
        authenticate: Authenticate,
        policy: Policy | None,
        authorize: Authorize | None,
        queries: NamedQueries,
        token: Token | None,
        origins: Origins,
        limits: ServerLimits,
        live_limits: LiveLimits,
        inspector: bool,
        clock: Clock,
    ) -> None:
        self.database = database
        self._token = None if token is None else ApplicationToken(token)
        self._origins = origins
        self._limits = limits
        self._live_limits = live_limits
        self._authentication = Authentication(authenticate, clock, limits.authenticate_seconds)
        self._counters = Counters()
        known = database if self._authentication.tells_apart else None
        self.permissions = Permissions(clock, limits, policy, authorize, queries, known)
        self._traffic = Traffic(clock, limits, self._counters)
        self._behind = Behind(
            database,
            authentication=self._authentication,
            permissions=self.permissions,
            origins=origins,
            clock=clock,
            limits=limits,
            live_limits=live_limits,
            counters=self._counters,
            admit=self._admit,
            token=self._token,
            inspector=inspector,
        )
        self._inspector = Inspector(DOORS) if inspector else None
        self._clients: OrderedSet[AsgiConnection] = OrderedSet()
        self._addresses = Places(limits.address_connections, "address_connections", self._counters)
        self._probing = Probing(clock, limits.ping_seconds, lambda: self._clients)

    async def begin(self) -> None:
        """Find out what has to be known before the first client is served; harmless if that was done."""
        await self.permissions.begin()

    async def close(self) -> None:
        """Close every connection with 1001, and end all streams."""
        self.permissions.close()
        self._probing.cancel()
        await self._behind.close()
        for client in list(self._clients):
            client.close_soon(GOING_AWAY, "the server is stopping")

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request over HTTP."""
        match segments(scope):
            case ["api", *_]:
                await self._behind.rest(scope, receive, send)
            case ["live", "events"]:
                await self._answer_live(scope, receive, send)
            case pieces:
                await send_answer(send, await self._page(scope, pieces))

    async def _answer_live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A stream is a connection of its address; the requests of its client are none."""
        address = address_of(scope, {}, NO_PROXIES) if scope["method"] == "GET" else None
        try:
            with self._addresses.one(address):
                await self._behind.live_http(scope, receive, send)
        except Overloaded as full:
            told = failed(full)
            self._counters.refused(told.status)
            await send_answer(send, told)

    async def _page(self, scope: Scope, pieces: Sequence[str]) -> Answer:
        path = f"/{'/'.join(pieces)}"
        if self._door_at(pieces) is not None:
            return websocket_door(path)
        found = None
        if self._inspector is not None and scope["method"] in METHODS:
            found = await self._inspector.answer(path, headers_of(scope).get("accept", ""))
        return found or plain_page(HTTPStatus.NOT_FOUND, DOORS)

    @property
    def _is_full(self) -> bool:
        return len(self._clients) + len(self._behind.connections) >= self._limits.sessions

    async def _admit(self) -> str | None:
        return f"at the limit of {self._limits.sessions} sessions (sessions)" if self._is_full else None

    async def connect(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a WebSocket until it ends."""
        pieces = segments(scope)
        serve = self._door_at(pieces)
        if self._is_full or serve is None:
            await receive()
            await send({"type": "websocket.close", "code": 1013 if self._is_full else 4404})
            return
        connection = AsgiConnection(scope, receive, send, self._live_limits.hello_bytes, self._traffic)
        self._clients.add(connection)
        enter(pieces[0])
        try:
            await connection.accept(_choose(scope.get("subprotocols", ()), pieces[0] == "live"))
            with self._addresses.one(connection.address), self._counters.session(pieces[0]):
                await serve(scope, connection, pieces)
        except Overloaded as full:
            await connection.refuse(TRY_AGAIN, str(full))
        except ConnectionClosed:
            pass  # how every connection ends
        finally:
            self._clients.discard(connection)
            where = joined(scope.get("client"))
            tell_closed(self._counters, connection.close_code, scope["path"], where)

    def _door_at(self, pieces: Sequence[str]) -> Serve | None:
        match pieces:
            case ["live"]:
                return self._serve_live
            case ["hocuspocus", *_]:
                return self._serve_hocuspocus
            case ["yjs", _, *_]:
                return self._serve_yjs
            case _:
                return None

    async def _serve_live(self, scope: Scope, connection: AsgiConnection, pieces: Sequence[str]) -> None:
        try:
            token = None if self._token is None else self._token(scope)
        except ProtoBaseError as error:
            code = UNAUTHORIZED if isinstance(error, Unauthorized) else TRY_AGAIN
            await connection.refuse(code, str(error))
        else:
            await self._behind.live.serve(connection, self._forbidden(scope), token, self._request(scope))

    async def _serve_hocuspocus(
        self, scope: Scope, connection: AsgiConnection, pieces: Sequence[str]
    ) -> None:
        asked = self._asked(scope, pieces)  # each document is refused for itself
        known = None if self._token is None else partial(self._token, scope)
        caller = _caller(scope, pieces, asked.token)
        await self._behind.hocuspocus.attend(connection, asked.forbidden, caller, known, asked.request)

    async def _serve_yjs(self, scope: Scope, connection: AsgiConnection, pieces: Sequence[str]) -> None:
        asked = self._asked(scope, pieces)
        await self._behind.yjs.attend(connection, asked, _caller(scope, pieces, asked.token))

    def _asked(self, scope: Scope, pieces: Sequence[str]) -> Asked:
        query = scope.get("query_string", b"").decode("latin-1")
        offered = list(scope.get("subprotocols", ()))
        asked = asked_for("/".join(pieces[1:]), query, offered, self._forbidden(scope))
        asked = asked._replace(request=self._request(scope))
        try:
            return asked if self._token is None else asked._replace(token=self._token(scope))
        except ProtoBaseError as error:
            return asked._replace(token=None, refusal=error)

    def _request(self, scope: Scope) -> ClientRequest:
        return self._authentication.request(partial(request_of_scope, scope))

    def _forbidden(self, scope: Scope) -> str | None:
        headers = headers_of(scope)
        origins = [headers["origin"]] if "origin" in headers else []
        return self._origins.refusal(origins, [headers.get("host", "")])


def _choose(offered: Iterable[str], is_live: bool) -> str | None:
    """The first subprotocol that the door knows; the Yjs doors take whatever comes first."""
    return next((name for name in offered if not is_live or name in SUBPROTOCOLS), None)


def _caller(scope: Scope, pieces: Sequence[str], token: str | None) -> Caller:
    host, _ = scope.get("client") or ("", 0)
    return hash((host, *pieces, token))
