"""Who comes in at the Yjs doors: for which collection, who that is, and when the refused may come back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from urllib.parse import unquote, urlsplit

from websockets.protocol import CONNECTING

from protobase_actors import Clock, Ref
from protobase_live.collection.messages import Message
from protobase_live.database.database import Database
from protobase_live.errors import Forbidden, ProtoBaseError, Unauthorized, ValidationError
from protobase_live.model.names import check_collection
from protobase_live.presence.hub import PresenceHub
from protobase_live.protocol.live.limits import BAD_NAME, FORBIDDEN, FORBIDDEN_ORIGIN, TRY_AGAIN, UNAUTHORIZED
from protobase_live.server.accounts import Accounts
from protobase_live.server.asked import Asked, asked_for
from protobase_live.server.authentication import Authentication
from protobase_live.server.client_request import NOTHING_KNOWN, ClientRequest, request_of_socket
from protobase_live.server.connection import Connection
from protobase_live.server.connection_log import narrow
from protobase_live.server.counters import Counters
from protobase_live.server.editor_pass import EditorPass
from protobase_live.server.expiry import expiring
from protobase_live.server.limits import ServerLimits
from protobase_live.server.paths import YJS_PREFIX
from protobase_live.server.permissions import Permissions
from protobase_live.server.read_ahead import ReadAhead
from protobase_live.server.refusals import Caller, Refusals, Ticket
from protobase_live.server.restraint import Restraints
from protobase_live.server.wire import Wire
from protobase_live.server.yjs_door import YjsSession

FRAME_BYTES = 16
"""What a Yjs message has around its update, at most."""

Serve = Callable[[], Awaitable[bool]]
"""Serves a client until it ends: whether it was refused and would only be refused again."""

TOO_OFTEN = "refused too often, come back in half a minute"


class YjsClients:
    """Lets them in and serves them."""

    def __init__(
        self,
        database: Database,
        authentication: Authentication,
        clock: Clock,
        limits: ServerLimits,
        counters: Counters,
        permissions: Permissions | None = None,
        accounts: Accounts | None = None,
    ) -> None:
        """Without ``permissions`` everybody may do everything; without ``accounts`` they are those of the
        clients of these doors alone.
        """
        self._permissions = permissions or Permissions(clock)
        self._database = database
        self.authentication = authentication
        self._clock = clock
        self._limits = limits
        self._counters = counters
        self.accounts = Accounts(clock, limits, counters) if accounts is None else accounts
        """What is counted for each client."""
        self.read_ahead = ReadAhead(limits.read_ahead_bytes)
        """For the sessions of all clients."""
        self.restraints = Restraints(clock, limits)
        """For the same."""
        self._refusals = Refusals(clock, limits)

    async def admit(self, connection: Connection) -> str | None:
        """Hold who was refused a moment ago, and say how long a message may be; see `Door.admit`."""
        connection.allow(self.message_bytes)
        return await self.hold(connection)

    async def hold(self, connection: Connection) -> str | None:
        """Hold a client that was refused a moment ago; why it may not come in now, or None."""
        connection.caller = _caller(connection)
        admitted, connection.ticket = await self._refusals.admit(connection.caller)
        if not admitted:
            return TOO_OFTEN
        if connection.protocol.state is not CONNECTING:
            self._refusals.give_back(connection.caller, connection.ticket)
        return None

    @property
    def message_bytes(self) -> int:
        """How long a message may be."""
        longest = self._limits.message_bytes
        return self._database.limits.document_bytes + FRAME_BYTES if longest is None else longest

    async def serve(self, connection: Connection, forbidden: str | None) -> None:
        """See `Door.serve`."""
        assert connection.request is not None
        address = urlsplit(connection.request.path)
        path, offered = address.path[len(YJS_PREFIX) :], _offered(connection)
        asked = asked_for(path, address.query, offered, forbidden)
        asked = asked._replace(request=self.authentication.request(partial(request_of_socket, connection)))
        await self.remember(partial(self._serve, connection, asked), connection.caller, connection.ticket)

    async def attend(self, connection: Wire, asked: Asked, caller: Caller) -> None:
        """Serve a client whose handshake somebody else has answered."""
        connection.allow(self.message_bytes)
        await self.serve_accepted(connection, partial(self._serve, connection, asked), caller)

    async def serve_accepted(self, connection: Wire, serve: Serve, caller: Caller) -> None:
        """Serve a client whose handshake was answered already; one that was refused is held, too."""
        admitted, ticket = await self._refusals.admit(caller)
        if admitted:
            await self.remember(serve, caller, ticket)
        else:
            await connection.refuse(TRY_AGAIN, TOO_OFTEN)

    async def remember(self, serve: Serve, caller: Caller, ticket: Ticket | None) -> None:
        """Serve a client, and remember it if it was refused."""
        refused = True
        try:
            refused = await serve()
        finally:
            if refused:
                self._refusals.add(caller, ticket)

    async def _serve(self, connection: Wire, asked: Asked) -> bool:
        """Whether the client was refused and would only be refused again."""
        if asked.forbidden:  # only now: pages are not shown how a handshake is refused
            await connection.refuse(FORBIDDEN_ORIGIN, asked.forbidden)
            return True
        try:
            if asked.refusal is not None:
                raise asked.refusal
            name = unquote(asked.path, errors="strict")
            entry = await self.identify(name, asked.token, asked.request)
        except Unauthorized as error:
            await connection.refuse(UNAUTHORIZED, str(error))
        except Forbidden as error:
            await connection.refuse(FORBIDDEN, str(error))
        except (ValidationError, UnicodeDecodeError) as error:
            await connection.refuse(BAD_NAME, str(error))
        except ProtoBaseError as error:
            await connection.refuse(TRY_AGAIN, str(error))
        else:
            try:
                return await self._admitted(connection, asked, name, entry)
            finally:
                entry.close()
        return True

    async def _admitted(self, connection: Wire, asked: Asked, name: str, entry: EditorPass) -> bool:
        shared = self._clock, self._limits, entry.author, self._counters, self.read_ahead, self.restraints
        try:
            with (
                self.accounts.connection(entry.author, connection.address) as account,
                account.opened.holding([name]),
            ):
                session = YjsSession(
                    connection, await self.ref(name), *shared, echo=asked.echo, imports=asked.imports
                )
                entry.confirm()
                entry.give(session)
                with expiring(self._clock, entry.expires, session.expire):
                    await session.run(connection, self.presence, name)
        except Forbidden as error:
            await connection.refuse(FORBIDDEN, str(error))
            return True
        except ProtoBaseError as error:
            await connection.refuse(TRY_AGAIN, str(error))
            return True
        return session.refused or self.is_refused(connection, [name])

    async def identify(
        self, collection: str, token: str | None, request: ClientRequest = NOTHING_KNOWN
    ) -> EditorPass:
        """What who has the token may do with the collection that he wants, to be closed in the end.

        Once the collection was waited for (`ref`), `EditorPass.confirm` says whether that is so still. Raises
        InvalidName, Unauthorized, Forbidden and Unavailable.
        """
        check_collection(collection)
        narrow(collection)
        authority = self._permissions.session()
        authority.begin(await self.authentication.identity(token, request))
        entry = EditorPass(authority, collection)
        try:
            await entry.check()
        except BaseException:
            entry.close()
            raise
        return entry

    async def ref(self, collection: str) -> Ref[Message]:
        """The collection, for who may have it. Raises what `Database.ref` raises."""
        return await self._database.ref(collection)

    @property
    def presence(self) -> PresenceHub:
        """Who is in which collection."""
        return self._database.presence_hub

    def is_refused(self, connection: Wire, collections: Iterable[str]) -> bool:
        """Whether a connection was closed for something that its client would only do again.

        So it is, too, if the client was told to come back while nothing is stored: it brings the same again.
        """
        read_only = self._database.read_only
        in_vain = connection.close_code == TRY_AGAIN and any(name in read_only for name in collections)
        return connection.faulty or in_vain


def _offered(connection: Connection) -> list[str]:
    assert connection.request is not None
    headers = connection.request.headers.get_all("Sec-WebSocket-Protocol")
    return [name.strip() for header in headers for name in header.split(",")]


def _caller(connection: Connection) -> Caller:
    assert connection.request is not None
    asked = urlsplit(connection.request.path)
    return hash(
        (connection.address, asked.path, asked_for("", asked.query, _offered(connection), None).token)
    )
