"""The live door: serves the live protocol (``docs/protocol.md``) to WebSocket connections."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

from protobase_actors import Clock
from protobase_live.protocol.live.codec import CODECS
from protobase_live.protocol.live.encodings import Encodings
from protobase_live.protocol.live.limits import BAD_MESSAGE, FORBIDDEN_ORIGIN, TOO_MANY, TRY_AGAIN, LiveLimits
from protobase_live.protocol.live.server_session import ServerSession
from protobase_live.server.accounts import Accounts
from protobase_live.server.authentication import Authentication, anonymous
from protobase_live.server.client_request import NOTHING_KNOWN, ClientRequest
from protobase_live.server.counters import Counters
from protobase_live.server.limits import DEFAULT_SERVER_LIMITS
from protobase_live.server.live_connection import LiveConnection
from protobase_live.server.live_database import WholeDatabase
from protobase_live.server.live_wire import LiveWire
from protobase_live.server.permissions import Permissions
from protobase_live.server.presence_news import PresenceNews


class LiveDoor:
    """Serves one database to any number of connections."""

    def __init__(
        self,
        database: WholeDatabase,
        *,
        clock: Clock,
        limits: LiveLimits | None = None,
        authentication: Authentication | None = None,
        counters: Counters | None = None,
        permissions: Permissions | None = None,
        accounts: Accounts | None = None,
        session_id: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        """Without ``authentication`` everybody is let in, and without ``permissions`` may do everything.
        ``accounts`` are shared with other doors.
        """
        self._database = database
        self._clock = clock
        self._limits = limits or LiveLimits()
        self.authentication = authentication or Authentication(anonymous, clock)
        self._counters = counters or Counters()
        self._permissions = permissions or Permissions(clock)
        self._accounts = (
            Accounts(clock, DEFAULT_SERVER_LIMITS, self._counters) if accounts is None else accounts
        )
        self._session_id = session_id
        self._news = PresenceNews()
        self._connections: dict[LiveWire, LiveConnection] = {}
        self._encodings = {
            name: Encodings(codec, self._limits.encoded_bytes) for name, codec in CODECS.items()
        }
        self._closing = False

    @property
    def connections(self) -> int:
        """How many connections are served now."""
        return len(self._connections)

    async def serve(
        self,
        connection: LiveWire,
        forbidden: str | None = None,
        token: str | None = None,
        request: ClientRequest = NOTHING_KNOWN,
    ) -> None:
        """Serve one connection until it ends; ``token`` is the client's, None: what it says, and ``request``
        what it came with.

        ``forbidden`` is why pages of its origin may not connect: then it is closed with 4403.

        What is raised is a mistake of the server; then the client was told 1011.
        """
        codec = CODECS.get(connection.subprotocol or "")
        if forbidden:  # only now: pages are not shown how a handshake is refused
            await connection.refuse(FORBIDDEN_ORIGIN, forbidden)
        elif codec is None:
            await connection.close(BAD_MESSAGE, f"ask for a subprotocol: {' or '.join(CODECS)}")
        elif self._closing:
            await connection.close(TRY_AGAIN, "the server is stopping")
        elif len(self._connections) >= self._limits.connections:
            await connection.close(TOO_MANY, f"{self._limits.connections} connections (connections)")
        else:
            encodings = self._encodings[codec.subprotocol]
            session = ServerSession(codec, self._limits, self._session_id(), encodings)
            parts = self._database, self._clock, self._news, self._limits, self._counters
            known = self.authentication, self._accounts, token, self._permissions, request
            served = LiveConnection(connection, session, *parts, *known)
            await self._serve(connection, served)

    async def _serve(self, connection: LiveWire, served: LiveConnection) -> None:
        self._connections[connection] = served
        try:
            await served.run()
        finally:
            del self._connections[connection]

    async def let_go(self, connection: LiveWire) -> bool:
        """What `close` does, for one connection alone; false if it is none that is served here."""
        served = self._connections.get(connection)
        if served is not None:
            await served.leave()
        return served is not None

    def turn_away(self) -> None:
        """Refuse new connections from now on, with an error to try again."""
        self._closing = True

    async def close(self) -> None:
        """Stop: every client is told `Bye`, gets the answers it waits for (for ``bye_seconds`` at most), and
        is closed with 1001. New requests and connections are refused with an error to try again.
        """
        self.turn_away()
        await asyncio.gather(*(served.leave() for served in self._connections.values()))
