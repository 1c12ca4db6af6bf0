"""The server: one port, and behind its paths the doors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from random import Random
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from websockets.asyncio.server import Server as WebSocketServer
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response
from websockets.protocol import CONNECTING
from websockets.server import ServerProtocol

from protobase_actors import Clock, OrderedSet, SystemClock
from protobase_live.collection.mistakes import at_debug, summary
from protobase_live.database.database import Database
from protobase_live.errors import Closed, Overloaded
from protobase_live.limits import check_limits
from protobase_live.model.arguments import require_flags
from protobase_live.protocol.live.limits import GOING_AWAY, INTERNAL_ERROR, LiveLimits
from protobase_live.server.arrivals import Arrivals
from protobase_live.server.asgi_types import Receive, Scope, Send
from protobase_live.server.authentication import Authenticate, Authentication, anonymous
from protobase_live.server.authorization import Authorize
from protobase_live.server.behind import Behind
from protobase_live.server.client_request import request_of_socket
from protobase_live.server.connection import Connection
from protobase_live.server.connection_log import enter, here, tell_end
from protobase_live.server.counters import Counters
from protobase_live.server.doors import Door, door_at
from protobase_live.server.draining import drain
from protobase_live.server.exposure import check_exposure
from protobase_live.server.gate import Gate, Gone
from protobase_live.server.http_stack import HttpStack
from protobase_live.server.limits import DEFAULT_SERVER_LIMITS, ServerLimits
from protobase_live.server.linking import Linking
from protobase_live.server.listening import accepting, listening
from protobase_live.server.named_queries import Build, NamedQueries
from protobase_live.server.origins import Origins
from protobase_live.server.pages import Pages, as_response, no_door
from protobase_live.server.paths import HOCUSPOCUS_PATH, LIVE_HTTP_PATH, LIVE_PATH, REST_PREFIX, YJS_PREFIX
from protobase_live.server.permissions import Permissions
from protobase_live.server.probing import Probing
from protobase_live.server.proxies import Proxies
from protobase_live.server.rest.answers import Answer, send_answer
from protobase_live.server.rest.request import headers_of
from protobase_live.server.served import check_served
from protobase_live.server.siblings import Siblings, place
from protobase_live.server.traffic import Traffic

if TYPE_CHECKING:
    from ssl import SSLContext

    from protobase_live.permissions.policy import Policy
    from protobase_live.server.http_live_connection import HttpLiveConnection

_log = logging.getLogger(__name__)


class Server:
    """Serves a database; an async context manager, for one block. The database stays its owner's."""

    def __init__(
        self,
        database: Database,
        host: str = "127.0.0.1",
        port: int = 8765,
        *,
        limits: ServerLimits = DEFAULT_SERVER_LIMITS,
        live_limits: LiveLimits | None = None,
        authenticate: Authenticate = anonymous,
        policy: Policy | None = None,
        authorize: Authorize | None = None,
        named: Mapping[str, Build] | None = None,
        named_queries_only: bool = False,
        insecure: bool = False,
        origins: Iterable[str] = (),
        trusted_proxies: Iterable[str] = (),
        peers: Sequence[str] = (),
        cluster_secret: bytes | None = None,
        tls: SSLContext | None = None,
        peer_tls: SSLContext | None = None,
        inspector: bool = True,
        siblings: Siblings | None = None,
        advertise: str | None = None,
        clock: Clock | None = None,
        random: Random | None = None,
    ) -> None:
        """Port 0 takes a free one; see `port` after the start.

        ``authenticate`` says who a client is by its token, see `Authenticate`. Without it everybody is let
        in, also from other machines if the server is ``insecure``. ``policy`` says what it may do, and so
        does ``authorize``, see `Authorize`: both have to allow. ``named`` are queries that clients name, see
        `Build`; ``named_queries_only``: they run no others. ``origins`` are those of web pages that may
        connect, beside those of this host, see `Origins`; ``["*"]``: all. ``trusted_proxies`` are addresses
        and networks of proxies whose X-Forwarded-For says whose address counts (see `ServerLimits`).
        ``live_limits`` are those of the live door. ``peers`` are addresses of other nodes, such as
        ``ws://host:8765/peer``; all nodes have the same ``cluster_secret``, without which there is no door
        for them. With ``tls`` all doors speak TLS alone: ``https://`` and ``wss://``. ``peer_tls`` says whose
        certificates other nodes may have, None: those that this machine trusts. ``inspector``: whether there
        is the page at ``/``, and what it shows. ``siblings`` are the other workers of `serve --workers`.
        ``advertise`` is where clients find this node, such as ``wss://n1.example.com``, if it is on a stream.

        Raises ValidationError for arguments of another type, for what is no origin, address, secret or
        policy, and for a server that would let in everybody from other machines.
        """
        check_limits(limits=(limits, ServerLimits), live_limits=(live_limits, LiveLimits))
        require_flags(inspector=inspector)
        check_served(database, port, tls, peer_tls)
        check_exposure(host, authenticate, insecure=insecure)
        self._database, self._host, self._port, self._limits = database, host, port, limits
        self._clock = clock or SystemClock()
        self._authentication = Authentication(authenticate, self._clock, limits.authenticate_seconds)
        known = database if self._authentication.tells_apart else None
        queries = NamedQueries(named, only=named_queries_only)
        self.permissions = Permissions(self._clock, limits, policy, authorize, queries, known)
        """What clients may do."""
        self._origins = Origins(origins, host)
        self._counters = Counters()
        self._proxies = Proxies(trusted_proxies)
        self._arrivals = Arrivals(self._proxies, limits, self._counters)
        self._traffic = Traffic(self._clock, limits, self._counters)
        self._tls, self._siblings, self._live_limits = tls, siblings, live_limits or LiveLimits()
        self._behind = Behind(
            database,
            authentication=self._authentication,
            permissions=self.permissions,
            origins=self._origins,
            clock=self._clock,
            limits=limits,
            live_limits=self._live_limits,
            counters=self._counters,
            admit=partial(self._admit, lambda: False),
            proxies=self._proxies,
            inspector=inspector,
        )
        nodes = peers, cluster_secret, self._clock, random, peer_tls, siblings, advertise
        self._linking = Linking(database, *nodes)
        self._started = self._closing = False
        self._pages = Pages(database, self._metrics, self._origins.request_refusal, inspector=inspector)
        self._http = HttpStack(self._answer, limits, self._traffic)
        self._doors = self._open_doors()
        self._gate = Gate(self._clock, limits)
        self._connections: OrderedSet[Connection] = OrderedSet()
        self._sessions: OrderedSet[Connection] = OrderedSet()
        self._tasks: OrderedSet[asyncio.Task[Any]] = OrderedSet()
        self._probing: Probing | None = None
        self._server: WebSocketServer | None = None

    def _open_doors(self) -> list[Door]:
        """Those for clients; what is behind them is made when somebody comes."""
        hocuspocus = self._serve_hocuspocus, self._admit_hocuspocus
        return [
            Door("yjs", YJS_PREFIX, self._serve_yjs, self._admit_yjs),
            Door("hocuspocus", HOCUSPOCUS_PATH, *hocuspocus),
            Door("hocuspocus", f"{HOCUSPOCUS_PATH}/", *hocuspocus),
            Door("live", LIVE_PATH, self._serve_live),
        ]

    def __repr__(self) -> str:
        listens = self._server is not None and not self._closing
        return f"<Server {self.url if listens else 'that does not listen'} of {self._database!r}>"

    async def __aenter__(self) -> Server:
        if self._started:
            raise Closed("a server is started once; make another")
        self._database.in_use.require_home()
        self._started = True
        await self.permissions.begin()
        try:
            where = place(self._siblings, self._host, self._port)
            accept = self._handle, self._connection, self._route
            most = self._live_limits.hello_bytes, self._limits
            self._server = await listening(accepting(*accept, *most, self._tls, **where))
            self._probing = Probing(self._clock, self._limits.ping_seconds, lambda: self._sessions)
            self._doors += await self._linking.begin()
        except BaseException:
            self._started = self._server is not None  # what has not listened yet may be started again
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _connection(self, protocol: ServerProtocol, server: WebSocketServer, **settings: Any) -> Connection:
        return Connection(
            protocol,
            server,
            everyone=self._connections,
            arrivals=self._arrivals,
            traffic=self._traffic,
            unread_pongs=self._limits.unread_pongs,
            first_seconds=self._limits.handshake_seconds,
            http=self._http.take,
            **settings,
        )

    @property
    def port(self) -> int:
        """The port that is listened on. Raises Closed before the start and after the end."""
        if self._server is None or not self._server.sockets:
            raise Closed("the server does not listen: use 'async with'")
        return cast(int, next(iter(self._server.sockets)).getsockname()[1])

    @property
    def url(self) -> str:
        """Where the server is, as ``http://HOST:PORT``, with TLS ``https://HOST:PORT``."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'http' if self._tls is None else 'https'}://{host}:{self.port}"

    @property
    def sessions(self) -> int:
        """Connections that are open."""
        return len(self._sessions) + len(self._behind.connections)

    @property
    def waiting(self) -> int:
        """Clients that wait for their turn to come in."""
        return self._gate.waiting

    @property
    def backlog(self) -> int:
        """Bytes that were written to all connections and not yet taken by the network."""
        return sum(connection.backlog for connection in self._connections)

    async def recheck(self, collection: str | None = None, identities: Iterable[str] | None = None) -> None:
        """See `pb.recheck`; for the clients of this server alone."""
        await self.permissions.recheck(collection, identities)

    async def revoke(self, author: str, collection: str | None = None) -> None:
        """See `Permissions.revoke`."""
        await self.permissions.revoke(author, collection)

    async def let_in(self, author: str, collection: str | None = None) -> None:
        """See `Permissions.let_in`."""
        await self.permissions.let_in(author, collection)

    async def close(self) -> None:
        """Accept nothing more, close every connection with 1001, a few at a time, and wait for sessions.

        At most ``drain_seconds``, ``bye_seconds`` and ``close_seconds`` later those that are left are cut.
        """
        if self._server is None:
            self.permissions.close()
            return
        self._closing = self._pages.closing = True
        self._linking.turn_away()
        if self._probing is not None:
            self._probing.cancel()
        self._gate.close()
        clients = [each for each in self._sessions if not each.is_peer]
        await drain([*clients, *self._behind.connections], self._let_go, self._clock, self._limits)
        await self._linking.close()
        self._http.close()
        await self._behind.close()
        self._server.close()
        timer = self._clock.call_later(self._limits.close_seconds, self._cut)
        await self._server.wait_closed()
        timer.cancel()
        self.permissions.close()
        await self._linking.settle()  # behind the last write of a client

    async def _let_go(self, connection: Connection | HttpLiveConnection) -> None:
        """Close a client; not waited for is how long it takes to answer."""
        if not await self._behind.let_go(connection):
            self._keep(asyncio.ensure_future(connection.close(GOING_AWAY, "the server is stopping")))

    def _cut(self) -> None:
        for connection in list(self._connections):
            connection.transport.abort()
        self._http.cut()
        for task in list(self._tasks):
            task.cancel()

    async def figures(self, accept: str = "") -> Answer:
        """The figures of this process, for who sent this header ``Accept``."""
        from protobase_live.server.metrics import metrics_page  # a server that nobody measures starts without

        counted = self._counters, self.permissions, self.sessions, self.backlog
        return await metrics_page(self._database, *counted, accept)

    async def _metrics(self, accept: str) -> Answer:
        own = await self.figures("" if self._siblings else accept)
        return await self._siblings.figures(own) if self._siblings else own

    def _unavailable(self, connection: ServerConnection, reason: str) -> Response:
        self._counters.refused(HTTPStatus.SERVICE_UNAVAILABLE)
        _log.info("refused a connection: %s", reason, extra=here("connection_refused"))
        return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, f"{reason}\n")

    def _keep(self, task: asyncio.Task[Any] | None) -> None:
        """Remember the task of a connection, until it ends."""
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _route(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer plain HTTP, and refuse what no door is for."""
        self._keep(asyncio.current_task())
        assert isinstance(connection, Connection)
        try:
            connection.introduce(", ".join(request.headers.get_all("X-Forwarded-For")))
        except Overloaded as error:
            return self._unavailable(connection, str(error))
        path = urlsplit(request.path).path
        told = {name.lower(): ", ".join(request.headers.get_all(name)) for name in request.headers}
        if page := await self._pages.page(path, told):
            return as_response(connection, page)
        door = door_at(path, self._doors)
        if door is None:
            return as_response(connection, no_door(path))
        enter(door.name)
        if door.counted:
            reason = await self._admit(lambda: connection.protocol.state is not CONNECTING)
        else:
            reason = "the server is stopping" if self._closing else None
        reason = reason or await door.admit(connection)
        return None if reason is None else self._unavailable(connection, reason)

    async def _admit(self, gone: Gone) -> str | None:
        """Why a client may not come in, whose turn is waited for; None if it may."""
        came = await self._gate.enter(gone)
        if self._closing:
            return "the server is stopping"
        if not came:
            return "too many come at once (waiting_handshakes)"
        most = self._limits.sessions
        return f"at the limit of {most} sessions (sessions)" if self.sessions >= most else None

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request over HTTP: what comes to the REST door, and whatever follows on its connection."""
        path = scope["path"]
        if path.startswith(REST_PREFIX):
            await self._behind.rest(scope, receive, send)
        elif path == LIVE_HTTP_PATH:
            await self._behind.live_http(scope, receive, send)
        else:
            is_door = door_at(path, self._doors) is not None
            page = await self._pages.answer(scope["method"], path, headers_of(scope), is_door)
            await send_answer(send, page)

    async def _handle(self, connection: ServerConnection) -> None:
        assert isinstance(connection, Connection)
        self._sessions.add(connection)
        try:
            await self._serve(connection)
        except Exception as error:  # a mistake of ours, which fails alone
            fields = here("connection_failed")
            _log.error("a connection failed: %s", summary(error), exc_info=at_debug(error), extra=fields)
            await connection.refuse(INTERNAL_ERROR, "internal error")
        finally:
            self._sessions.discard(connection)
            tell_end(connection, self._counters)

    async def _serve(self, connection: Connection) -> None:
        assert connection.request is not None
        address = urlsplit(connection.request.path)
        headers = connection.request.headers
        forbidden = self._origins.refusal(headers.get_all("Origin"), headers.get_all("Host"))
        door = door_at(address.path, self._doors)
        assert door is not None, "no connection is let in without one"
        with self._counters.session(door.name):
            await door.serve(connection, forbidden)

    async def _serve_live(self, connection: Connection, forbidden: str | None) -> None:
        request = self._authentication.request(partial(request_of_socket, connection))
        await self._behind.live.serve(connection, forbidden, request=request)

    async def _admit_yjs(self, connection: Connection) -> str | None:
        return await self._behind.yjs.admit(connection)

    async def _serve_yjs(self, connection: Connection, forbidden: str | None) -> None:
        await self._behind.yjs.serve(connection, forbidden)

    async def _admit_hocuspocus(self, connection: Connection) -> str | None:
        return await self._behind.hocuspocus.admit(connection)

    async def _serve_hocuspocus(self, connection: Connection, forbidden: str | None) -> None:
        await self._behind.hocuspocus.serve(connection, forbidden)
