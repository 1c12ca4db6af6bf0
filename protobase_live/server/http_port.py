"""A port of its own for an ASGI application that is served over HTTP alone, within a server's limits."""

from __future__ import annotations

import asyncio
from types import TracebackType

from protobase_actors import SystemClock
from protobase_live.server.asgi_types import App
from protobase_live.server.counters import Counters
from protobase_live.server.http_connection import HttpConnections, PlainConnection
from protobase_live.server.limits import ServerLimits
from protobase_live.server.listening import listening
from protobase_live.server.ports import PORT_ERRORS, cannot_listen
from protobase_live.server.traffic import Traffic


class HttpPort:
    """An async context manager that serves meanwhile."""

    def __init__(self, app: App, host: str, port: int, limits: ServerLimits) -> None:
        """Port 0 takes a free one."""
        clock = SystemClock()
        answers = Traffic(clock, limits, Counters()).answers
        self._connections = HttpConnections(app, limits, answers, clock)
        self._host = host
        self._port = port
        self._close_seconds = limits.close_seconds
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> HttpPort:
        """Raises Unavailable when the port cannot be had."""
        loop, all_of_them = asyncio.get_running_loop(), self._connections
        try:
            self._server = await listening(
                loop.create_server(lambda: PlainConnection(all_of_them), self._host, self._port)
            )
        except PORT_ERRORS as error:
            raise cannot_listen(self._host, self._port, error) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Answer what is under way, for at most ``close_seconds``."""
        assert self._server is not None
        self._server.close()
        self._connections.close()
        if answering := self._connections.state.tasks:
            await asyncio.wait(answering, timeout=self._close_seconds)
        self._connections.cut()

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return self._server.sockets[0].getsockname()[1]
