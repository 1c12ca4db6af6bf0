"""The Hocuspocus door: ``/hocuspocus`` for stock `@hocuspocus/provider` clients."""

from __future__ import annotations

from protobase_actors import Clock, Ref
from protobase_live.collection.messages import Message
from protobase_live.database.database import Database
from protobase_live.model.names import check_collection
from protobase_live.presence.hub import PresenceHub
from protobase_live.protocol.live.limits import TRY_AGAIN
from protobase_live.server.authentication import Authentication, Identity
from protobase_live.server.connection import Connection
from protobase_live.server.counters import Counters
from protobase_live.server.hocuspocus_line import HocuspocusLine
from protobase_live.server.hocuspocus_session import HocuspocusSession
from protobase_live.server.hocuspocus_socket import HocuspocusSocket
from protobase_live.server.limits import ServerLimits
from protobase_live.server.read_ahead import ReadAhead


class HocuspocusDoor:
    """Serves the collections of one database to any number of sockets, several over each."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        limits: ServerLimits,
        authentication: Authentication,
        counters: Counters,
        read_ahead: ReadAhead,
    ) -> None:
        self._database = database
        self._clock = clock
        self._limits = limits
        self._authentication = authentication
        self._counters = counters
        self._read_ahead = read_ahead

    async def serve(self, connection: Connection, message_bytes: int) -> bool:
        """Serve a socket until it ends; whether it was refused and would only be refused again.

        With its first document on a client may send messages of so many bytes.
        """
        socket = HocuspocusSocket(connection, self, self._clock, self._limits, message_bytes)
        await socket.run()
        return socket.refused or connection.faulty or self._wrote_in_vain(connection, socket)

    async def find(self, collection: str, token: str | None) -> tuple[Identity, Ref[Message]]:
        """Who has the token, and the collection that he wants.

        Raises InvalidName, Unauthorized, and what `Database.ref` raises.
        """
        check_collection(collection)
        identity = await self._authentication.identity(token)
        return identity, await self._database.ref(collection)

    def session(self, line: HocuspocusLine, ref: Ref[Message]) -> HocuspocusSession:
        """A session of a collection."""
        shared = self._clock, self._limits, None, self._counters, self._read_ahead
        return HocuspocusSession(line, ref, *shared)

    @property
    def presence(self) -> PresenceHub:
        """Who is in which collection."""
        return self._database.presence_hub

    def _wrote_in_vain(self, connection: Connection, socket: HocuspocusSocket) -> bool:
        """Whether a client was told to come back while nothing is stored: it brings the same again."""
        read_only = self._database.read_only
        return connection.close_code == TRY_AGAIN and any(name in read_only for name in socket.collections)
