"""HTTP on the server's own port: takes over the connections that begin with a request for it.

The parser and what else HTTP needs (uvicorn's) are imported when the first such connection comes, in a
thread: a server without them starts sooner and is smaller.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from protobase_actors import OrderedSet
from protobase_live.server.asgi_types import App
from protobase_live.server.connection import Connection
from protobase_live.server.limits import ServerLimits
from protobase_live.server.traffic import Traffic

if TYPE_CHECKING:
    from protobase_live.server.http_connection import HttpConnections


class HttpStack:
    """Serves an ASGI application to connections of a server."""

    def __init__(self, app: App, limits: ServerLimits, traffic: Traffic) -> None:
        self._parts = app, limits, traffic
        self._connections: HttpConnections | None = None
        self._loading = asyncio.Lock()
        self._tasks: OrderedSet[asyncio.Task[None]] = OrderedSet()
        self._closing = False

    def take(self, connection: Connection, data: bytes) -> None:
        """Take over a connection; ``data`` is what came from it. It is given back for a WebSocket."""
        if self._connections is not None:
            self._connections.begin(connection, data)
            return
        connection.transport.pause_reading()
        task = asyncio.get_running_loop().create_task(self._begin(connection, data))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _begin(self, connection: Connection, data: bytes) -> None:
        async with self._loading:
            if self._connections is None:
                self._connections = await asyncio.to_thread(_load, *self._parts)
        if connection.transport.is_closing():
            return
        if self._closing:
            connection.transport.abort()
            return
        connection.transport.resume_reading()
        self._connections.begin(connection, data)

    def close(self) -> None:
        """Close each connection behind the answer that is under way."""
        self._closing = True
        if self._connections is not None:
            self._connections.close()

    def cut(self) -> None:
        """Close them now, and end what is under way."""
        if self._connections is not None:
            self._connections.cut()


def _load(app: App, limits: ServerLimits, traffic: Traffic) -> HttpConnections:
    from protobase_live.server.http_connection import HttpConnections

    return HttpConnections(app, limits, traffic)
