"""The server: one port, and behind its paths the doors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from functools import partial
from http import HTTPStatus
from random import Random, SystemRandom
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from websockets.asyncio.server import Server as WebSocketServer
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.protocol import CONNECTING
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from protobase_actors import Clock, OrderedSet, SystemClock, Timer
from protobase_live.database.database import Database
from protobase_live.errors import Closed, ProtoBaseError, Unauthorized, ValidationError
from protobase_live.limits import check_limits
from protobase_live.model.names import check_collection
from protobase_live.protocol.live.limits import (
    BAD_MESSAGE,
    BAD_NAME,
    FORBIDDEN_ORIGIN,
    INTERNAL_ERROR,
    MESSAGE_TOO_BIG,
    TOO_MANY,
    TRY_AGAIN,
    UNAUTHORIZED,
    LiveLimits,
)
from protobase_live.protocol.live.messages import SUBPROTOCOLS
from protobase_live.server.authentication import Authenticate, Authentication, anonymous
from protobase_live.server.connection import DIRECT_PREFIX, Connection
from protobase_live.server.counters import Counters
from protobase_live.server.handshake_log import handshake_log
from protobase_live.server.limits import DEFAULT_SERVER_LIMITS, ServerLimits
from protobase_live.server.live_door import LiveDoor
from protobase_live.server.metrics import metrics
from protobase_live.server.origins import Origins
from protobase_live.server.peer_addresses import PEER_PATH, check_peers
from protobase_live.server.read_ahead import ReadAhead
from protobase_live.server.refusals import Caller, Refusals
from protobase_live.server.yjs_door import YjsSession

if TYPE_CHECKING:
    from protobase_live.cluster.cluster import Cluster

FAULTS = (BAD_MESSAGE, BAD_NAME, FORBIDDEN_ORIGIN, INTERNAL_ERROR, MESSAGE_TOO_BIG, TOO_MANY, TRY_AGAIN)
"""Close codes that somebody may want to know of; UNAUTHORIZED is told where it is found."""

_log = logging.getLogger(__name__)

FRAME_BYTES = 16
"""What a Yjs message has around its update, at most."""


class Server:
    """Serves a database; an async context manager. The database stays its owner's."""

    def __init__(
        self,
        database: Database,
        host: str = "127.0.0.1",
        port: int = 8765,
        *,
        limits: ServerLimits = DEFAULT_SERVER_LIMITS,
        live_limits: LiveLimits | None = None,
        authenticate: Authenticate = anonymous,
        origins: Iterable[str] = (),
        peers: Sequence[str] = (),
        cluster_secret: bytes | None = None,
        clock: Clock | None = None,
        random: Random | None = None,
    ) -> None:
        """Port 0 takes a free one; see `port` after the start.

        ``authenticate`` says who a client is by its token, see `Authenticate`. ``origins`` are those of web
        pages that may connect, beside pages of the same host, see `Origins`; ``["*"]`` allows all.
        ``live_limits`` are those of the live door. ``peers`` are addresses of other nodes, such as
        ``ws://host:8765/peer``, to be linked with; all nodes have the same ``cluster_secret``, without which
        there is no door for them.

        Raises ValidationError for what is no origin, no address or no secret, and for limits of another
        class.
        """
        check_limits(limits=(limits, ServerLimits), live_limits=(live_limits, LiveLimits))
        self._database = database
        self._host = host
        self._port = port
        self._limits = limits
        self._clock = clock or SystemClock()
        self._authentication = Authentication(authenticate, self._clock, limits.authenticate_seconds)
        self._origins = Origins(origins, host)
        self._counters = Counters()
        self._read_ahead = ReadAhead(limits.read_ahead_bytes)
        self._live_limits = live_limits or LiveLimits()
        self._live = LiveDoor(
            database,
            clock=self._clock,
            limits=self._live_limits,
            authentication=self._authentication,
            counters=self._counters,
        )
        self._peers = check_peers(peers)
        self._secret = None if cluster_secret is None else _checked(cluster_secret)
        if (self._peers or database.owner is not None) and self._secret is None:
            raise ValidationError("nodes that are linked have a secret in common (cluster-secret-file)")
        self._random = random or SystemRandom()
        self._cluster: Cluster | None = None
        self._closing = False
        self._refusals = Refusals(self._clock, limits)
        self._connections: OrderedSet[Connection] = OrderedSet()
        self._sessions: OrderedSet[Connection] = OrderedSet()
        self._tasks: OrderedSet[asyncio.Task[Any]] = OrderedSet()
        self._probe: Timer | None = None
        self._server: WebSocketServer | None = None

    def __repr__(self) -> str:
        listens = self._server is not None and not self._closing
        return f"<Server {self.url if listens else 'that does not listen'} of {self._database!r}>"

    async def __aenter__(self) -> Server:
        self._server = await serve(
            self._handle,
            self._host,
            self._port,
            create_connection=cast("type[Connection]", self._connection),
            process_request=self._route,
            subprotocols=[Subprotocol(name) for name in SUBPROTOCOLS],
            select_subprotocol=_choose,
            compression=None,
            max_size=self._live_limits.hello_bytes,
            open_timeout=self._limits.handshake_seconds,
            ping_interval=None,  # a task for each connection takes a tenth of its memory
            close_timeout=self._limits.close_seconds,
            server_header="protobase-live",
            logger=handshake_log(),
        )
        self._probe_later()
        self._link()
        return self

    def _link(self) -> None:
        """Begin to dial the other nodes, and to let them in."""
        if self._secret is None:
            return
        # Imported here: a server that is alone starts without.
        from protobase_live.cluster.cluster import Cluster
        from protobase_live.server.peers import dial

        database, limits = self._database, self._database.replication.limits
        parts = database.home, database.replication, database.presence_hub, limits, self._clock, self._random
        self._cluster = Cluster(database.node, self._secret, *parts)
        database.replication.configured = max(database.replication.configured, 1 + len(self._peers))
        seconds = limits.meeting_seconds
        if database.owner is not None:
            database.owner.start()
        self._cluster.dial((url, partial(dial, url, limits.message_bytes, seconds)) for url in self._peers)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _connection(self, protocol: ServerProtocol, server: WebSocketServer, **settings: Any) -> Connection:
        pongs = self._limits.unread_pongs
        return Connection(protocol, server, everyone=self._connections, unread_pongs=pongs, **settings)

    @property
    def port(self) -> int:
        """The port that is listened on. Raises Closed before the start and after the end."""
        if self._server is None or not self._server.sockets:
            raise Closed("the server does not listen: use 'async with'")
        return cast(int, next(iter(self._server.sockets)).getsockname()[1])

    @property
    def url(self) -> str:
        """Where the server is, as ``http://HOST:PORT``."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"

    @property
    def sessions(self) -> int:
        """Connections that are open."""
        return len(self._sessions)

    @property
    def backlog(self) -> int:
        """Bytes that were written to all connections and not yet taken by the network."""
        return sum(connection.backlog for connection in self._connections)

    async def close(self) -> None:
        """Accept nothing more, close every connection with 1001, and wait until their sessions ended.

        Whatever clients do, that takes at most ``bye_seconds`` for what live clients wait for, and
        ``close_seconds`` for closing; then connections that are left are cut.
        """
        if self._server is None:
            return
        self._closing = True
        if self._probe is not None:
            self._probe.cancel()
        if self._database.owner is not None:
            await self._database.owner.close()
        if self._cluster is not None:
            await self._cluster.close()
        await self._live.close()
        self._server.close()
        timer = self._clock.call_later(self._limits.close_seconds, self._cut)
        await self._server.wait_closed()
        timer.cancel()

    def _cut(self) -> None:
        for connection in list(self._connections):
            connection.transport.abort()
        for task in list(self._tasks):
            task.cancel()

    def _probe_later(self) -> None:
        self._probe = self._clock.call_later(self._limits.ping_seconds, self._probe_all)

    def _probe_all(self) -> None:
        """Ping every client; those that were silent since the last time are gone."""
        for connection in self._sessions:
            connection.probe()
        self._probe_later()

    async def _metrics(self) -> str:
        return await metrics(self._database, self._counters, self.sessions, self.backlog)

    def _say_ready(self, connection: ServerConnection) -> Response:
        """Whether clients had better come here now."""
        reason = "the server is stopping" if self._closing else None
        reason = reason or ("the database is closed" if self._database.closed else None)
        if reason is None and (failure := self._database.health.failure):
            reason = f"the storage fails: {failure}"
        if reason is None:
            return connection.respond(HTTPStatus.OK, "ready\n")
        return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, f"not ready: {reason}\n")

    def _unavailable(self, connection: ServerConnection, reason: str) -> Response:
        self._counters.refusals.add(str(HTTPStatus.SERVICE_UNAVAILABLE.value))
        _log.info("refused a connection: %s", reason)
        return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, f"{reason}\n")

    def _keep(self, task: asyncio.Task[Any] | None) -> None:
        """Remember the task of a connection, until it ends."""
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _route(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer plain HTTP, and refuse what no door is for."""
        self._keep(asyncio.current_task())
        path = urlsplit(request.path).path
        if path == "/healthz":
            return connection.respond(HTTPStatus.OK, "ok\n")
        if path == "/readyz":
            return self._say_ready(connection)
        if path == "/metrics":
            return connection.respond(HTTPStatus.OK, await self._metrics())
        if path == "/":
            return connection.respond(HTTPStatus.OK, _DOORS)
        if path == PEER_PATH and self._cluster is not None:
            cast(Connection, connection).allow(self._database.replication.limits.message_bytes)
            return self._unavailable(connection, "the server is stopping") if self._closing else None
        if path != "/live" and not path.startswith(DIRECT_PREFIX):
            return connection.respond(HTTPStatus.NOT_FOUND, f"no door at {path}\n{_DOORS}")
        if self._closing:
            return self._unavailable(connection, "the server is stopping")
        if self.sessions >= self._limits.sessions:
            return self._unavailable(
                connection, f"at the limit of {self._limits.sessions} sessions (sessions)"
            )
        return None if path == "/live" else await self._route_yjs(connection, request)

    async def _route_yjs(self, connection: ServerConnection, request: Request) -> Response | None:
        """Hold who was refused a moment ago, and say how long a message may be."""
        assert isinstance(connection, Connection)
        connection.caller = _caller(connection, request)
        admitted, connection.ticket = await self._refusals.admit(connection.caller)
        if not admitted:
            return self._unavailable(connection, "refused too often, come back in half a minute")
        if connection.protocol.state is not CONNECTING:
            self._refusals.give_back(connection.caller, connection.ticket)
        longest = self._limits.message_bytes
        connection.allow(self._database.limits.document_bytes + FRAME_BYTES if longest is None else longest)
        return None

    async def _handle(self, connection: ServerConnection) -> None:
        assert isinstance(connection, Connection)
        self._sessions.add(connection)
        try:
            await self._serve(connection)
        except Exception as error:  # a mistake of ours, which fails alone
            _log.error("a connection failed: %r", error)
            _log.debug("where it failed", exc_info=error)
            await connection.refuse(INTERNAL_ERROR, "internal error")
        finally:
            self._sessions.discard(connection)
            self._tell_end(connection)

    def _tell_end(self, connection: Connection) -> None:
        assert connection.request is not None
        code, path = connection.close_code, urlsplit(connection.request.path).path  # a token may follow it
        self._counters.closes.add(str(code))
        level = logging.INFO if code in FAULTS else logging.DEBUG
        where, why = connection.remote_address, connection.close_reason
        _log.log(level, "closed the connection of %s to %r: %s %r", where, path, code, why)

    async def _serve(self, connection: Connection) -> None:
        assert connection.request is not None
        address = urlsplit(connection.request.path)
        headers = connection.request.headers
        forbidden = self._origins.refusal(headers.get_all("Origin"), headers.get_all("Host"))
        if address.path == PEER_PATH and self._cluster is not None:
            from protobase_live.server.peers import serve_peer

            self._counters.connections.add("peer")
            await serve_peer(self._cluster, connection)
            return
        self._counters.connections.add("live" if address.path == "/live" else "yjs")
        if address.path == "/live":
            await (
                connection.refuse(FORBIDDEN_ORIGIN, forbidden) if forbidden else self._live.serve(connection)
            )
            return
        refused = True
        try:
            if forbidden:  # only now: pages are not shown how a handshake is refused
                await connection.refuse(FORBIDDEN_ORIGIN, forbidden)
            else:
                refused = await self._serve_yjs(connection, address)
        finally:
            if refused:
                self._refusals.add(connection.caller, connection.ticket)

    async def _serve_yjs(self, connection: Connection, address: SplitResult) -> bool:
        """Serve a Yjs client; whether it was refused and would only be refused again."""
        try:
            name = unquote(address.path[len(DIRECT_PREFIX) :], errors="strict")
            check_collection(name)
            author = await self._authentication.author(parse_qs(address.query).get("token", [None])[0])
            ref = await self._database.ref(name)
        except Unauthorized as error:
            await connection.refuse(UNAUTHORIZED, str(error))
        except (ValidationError, UnicodeDecodeError) as error:
            await connection.refuse(BAD_NAME, str(error))
        except ProtoBaseError as error:
            await connection.refuse(TRY_AGAIN, str(error))
        else:
            session = YjsSession(
                connection, ref, self._clock, self._limits, author, self._counters, self._read_ahead
            )
            await session.run(self._database.presence_hub, name)
            return session.refused or connection.faulty or self._wrote_in_vain(connection, name)
        return True

    def _wrote_in_vain(self, connection: Connection, collection: str) -> bool:
        """Whether a Yjs client was told to come back while nothing is stored: it brings the same again."""
        return connection.close_code == TRY_AGAIN and collection in self._database.read_only


_DOORS = """\
ProtoBase Live
  /yjs/<collection>   stock y-websocket clients
  /live               the live protocol
  /healthz /readyz /metrics
"""


def _caller(connection: ServerConnection, request: Request) -> Caller:
    address = cast("tuple[str, int] | str | None", connection.remote_address)
    asked = urlsplit(request.path)
    host = address[0] if isinstance(address, tuple) else address
    return hash((host, asked.path, *parse_qs(asked.query).get("token", [])))


def _checked(secret: bytes) -> bytes:
    from protobase_live.protocol.peer.handshake import check_secret

    return check_secret(secret)


def _choose(connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """The first live subprotocol the client offers; of a Yjs client the first of all.

    Stock Yjs clients offer what their application put there, a token perhaps, and insist on an answer.
    """
    if connection.request is not None and connection.request.path.startswith(DIRECT_PREFIX):
        return next(iter(offered), None)
    return next((name for name in offered if name in SUBPROTOCOLS), None)
