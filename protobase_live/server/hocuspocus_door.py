"""The Hocuspocus door: ``/hocuspocus`` for stock `@hocuspocus/provider` clients."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial

from protobase_actors import Clock, Ref
from protobase_live.collection.messages import Message
from protobase_live.presence.hub import PresenceHub
from protobase_live.protocol.live.limits import FORBIDDEN_ORIGIN
from protobase_live.server.accounts import Account
from protobase_live.server.client_request import NOTHING_KNOWN, ClientRequest, request_of_socket
from protobase_live.server.connection import Connection
from protobase_live.server.counters import Counters
from protobase_live.server.editor_pass import EditorPass
from protobase_live.server.gate import Gate
from protobase_live.server.hocuspocus_line import HocuspocusLine
from protobase_live.server.hocuspocus_session import HocuspocusSession
from protobase_live.server.hocuspocus_socket import HocuspocusSocket, KnownToken
from protobase_live.server.limits import ServerLimits
from protobase_live.server.refusals import Caller
from protobase_live.server.wire import Wire
from protobase_live.server.yjs_clients import YjsClients


class HocuspocusDoor:
    """Serves the collections of one database to any number of sockets, several over each."""

    def __init__(self, clients: YjsClients, clock: Clock, limits: ServerLimits, counters: Counters) -> None:
        """``clients`` has what is common to the clients of both Yjs doors."""
        self._clients = clients
        self._clock = clock
        self._limits = limits
        self._counters = counters
        self.gate = Gate(clock, limits)
        """Where documents wait to be opened."""

    async def admit(self, connection: Connection) -> str | None:
        """See `Door.admit`. Before its first document is decided a client may say little."""
        connection.allow(self._limits.undecided_bytes, "undecided_bytes")
        return await self._clients.hold(connection)

    async def serve(self, connection: Connection, forbidden: str | None) -> None:
        """Serve a socket until it ends; see `Door.serve`."""
        request = self._clients.authentication.request(partial(request_of_socket, connection))
        serve = partial(self._serve, connection, forbidden, request=request)
        await self._clients.remember(serve, connection.caller, connection.ticket)

    async def attend(
        self,
        connection: Wire,
        forbidden: str | None,
        caller: Caller,
        token: KnownToken | None,
        request: ClientRequest = NOTHING_KNOWN,
    ) -> None:
        """Serve a client whose handshake somebody else has answered; for ``token`` see `HocuspocusSocket`."""
        connection.allow(self._limits.undecided_bytes, "undecided_bytes")
        serve = partial(self._serve, connection, forbidden, token, request)
        await self._clients.serve_accepted(connection, serve, caller)

    async def _serve(
        self,
        connection: Wire,
        forbidden: str | None,
        token: KnownToken | None = None,
        request: ClientRequest = NOTHING_KNOWN,
    ) -> bool:
        """Whether the client was refused and would only be refused again."""
        if forbidden:  # only now: pages are not shown how a handshake is refused
            await connection.refuse(FORBIDDEN_ORIGIN, forbidden)
            return True
        shared = self._clock, self._limits, self._clients.message_bytes
        socket = HocuspocusSocket(connection, self, *shared, token, request)
        await socket.run()
        return socket.refused or self._clients.is_refused(connection, socket.collections)

    async def identify(self, collection: str, token: str | None, request: ClientRequest) -> EditorPass:
        """See `YjsClients.identify`."""
        return await self._clients.identify(collection, token, request)

    async def ref(self, collection: str) -> Ref[Message]:
        """See `YjsClients.ref`."""
        return await self._clients.ref(collection)

    def session(self, line: HocuspocusLine, ref: Ref[Message]) -> HocuspocusSession:
        """A session of a collection."""
        clients = self._clients
        shared = self._clock, self._limits, None, self._counters, clients.read_ahead, clients.restraints
        return HocuspocusSession(line, ref, *shared)

    def account(self, author: str | None, address: str | None) -> AbstractContextManager[Account]:
        """See `Accounts.connection`."""
        return self._clients.accounts.connection(author, address)

    @property
    def presence(self) -> PresenceHub:
        """Who is in which collection."""
        return self._clients.presence
