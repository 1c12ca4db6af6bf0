"""HTTP connections: uvicorn's protocol over h11, with the server's limits."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any, cast

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol
from uvicorn.server import ServerState

from protobase_live.server.asgi_types import App
from protobase_live.server.connection import Connection
from protobase_live.server.handshake_log import handshake_log
from protobase_live.server.limits import ServerLimits
from protobase_live.server.paths import HTTP_PREFIX

_FULL = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class HttpConnections:
    """Those of one server, and what they have in common."""

    def __init__(self, app: App, limits: ServerLimits) -> None:
        self.limits = limits
        self.config = Config(
            cast(Any, app),
            http=HttpConnection,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            proxy_headers=False,
            h11_max_incomplete_event_size=limits.http_head_bytes,
        )
        self.config.load()
        self.state = ServerState()
        self.state.default_headers = [(b"server", b"protobase-live")]

    def begin(self, connection: Connection, data: bytes) -> None:
        """Take over a connection, from which ``data`` came."""
        transport = connection.transport
        if len(self.state.connections) >= self.limits.http_connections:
            transport.write(_FULL)
            transport.close()
            return
        protocol = HttpConnection(self, connection)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(data)

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


class HttpConnection(H11Protocol):
    """One of them, from its first request on; behind a request it may become a WebSocket again."""

    def __init__(self, connections: HttpConnections, connection: Connection) -> None:
        super().__init__(connections.config, connections.state, {})
        self._limits = connections.limits
        self.timeout_keep_alive = cast(int, self._limits.keep_alive_seconds)
        self.access_log = False
        self.logger = handshake_log()  # each of its lines tells of what a client did
        self.ws_protocol_class = cast(Any, lambda **_: connection)  # pyright: ignore[reportUnknownLambdaType]
        self._head_timer: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        """What came; a head has to be complete ``handshake_seconds`` after it began."""
        super().data_received(data)
        answered = self.cycle is None or self.cycle.response_complete  # pyright: ignore[reportUnnecessaryComparison]
        if not (answered and self.conn.trailing_data[0]):
            self._forget_head()
        elif self._head_timer is None:
            seconds = self._limits.handshake_seconds
            self._head_timer = self.loop.call_later(seconds, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """There is nobody to answer any more."""
        self._forget_head()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request as HTTP with JSON, as all errors are told, and close."""
        fault = sys.exception()
        status = fault.error_status_hint if isinstance(fault, h11.RemoteProtocolError) else 400
        failure = {
            "type": "ProtocolError",
            "code": "protocol_error",
            "retryable": False,
            "message": str(fault),
        }
        body = json.dumps({"error": failure}).encode()
        headers = [("content-type", "application/json"), ("content-length", str(len(body)))]
        response = h11.Response(
            status_code=status, headers=[*headers, ("connection", "close")], reason=STATUS_PHRASES[status]
        )
        for event in (response, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _should_upgrade_to_ws(self) -> bool:
        return not self.scope["path"].startswith(HTTP_PREFIX)

    def _forget_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
