"""Who comes in at the Yjs door: for which collection, who that is, and when who was refused may come back."""

from __future__ import annotations

from typing import cast
from urllib.parse import parse_qs, unquote, urlsplit

from websockets.protocol import CONNECTING

from protobase_actors import Clock
from protobase_live.database.database import Database
from protobase_live.errors import ProtoBaseError, Unauthorized, ValidationError
from protobase_live.model.names import check_collection
from protobase_live.protocol.live.limits import BAD_NAME, FORBIDDEN_ORIGIN, TRY_AGAIN, UNAUTHORIZED
from protobase_live.server.authentication import Authentication
from protobase_live.server.connection import DIRECT_PREFIX, Connection
from protobase_live.server.counters import Counters
from protobase_live.server.limits import ServerLimits
from protobase_live.server.read_ahead import ReadAhead
from protobase_live.server.refusals import Caller, Refusals
from protobase_live.server.yjs_door import YjsSession

FRAME_BYTES = 16
"""What a Yjs message has around its update, at most."""


class YjsClients:
    """Lets them in and serves them."""

    def __init__(
        self,
        database: Database,
        authentication: Authentication,
        clock: Clock,
        limits: ServerLimits,
        counters: Counters,
    ) -> None:
        self._database = database
        self._authentication = authentication
        self._clock = clock
        self._limits = limits
        self._counters = counters
        self._read_ahead = ReadAhead(limits.read_ahead_bytes)
        self._refusals = Refusals(clock, limits)

    async def admit(self, connection: Connection) -> str | None:
        """Hold who was refused a moment ago, and say how long a message may be; see `Door.admit`."""
        connection.caller = _caller(connection)
        admitted, connection.ticket = await self._refusals.admit(connection.caller)
        if not admitted:
            return "refused too often, come back in half a minute"
        if connection.protocol.state is not CONNECTING:
            self._refusals.give_back(connection.caller, connection.ticket)
        longest = self._limits.message_bytes
        connection.allow(self._database.limits.document_bytes + FRAME_BYTES if longest is None else longest)
        return None

    async def serve(self, connection: Connection, forbidden: str | None) -> None:
        """See `Door.serve`."""
        refused = True
        try:
            if forbidden:  # only now: pages are not shown how a handshake is refused
                await connection.refuse(FORBIDDEN_ORIGIN, forbidden)
            else:
                refused = await self._serve(connection)
        finally:
            if refused:
                self._refusals.add(connection.caller, connection.ticket)

    async def _serve(self, connection: Connection) -> bool:
        """Whether the client was refused and would only be refused again."""
        assert connection.request is not None
        address = urlsplit(connection.request.path)
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
        """Whether a client was told to come back while nothing is stored: it brings the same again."""
        return connection.close_code == TRY_AGAIN and collection in self._database.read_only


def _caller(connection: Connection) -> Caller:
    assert connection.request is not None
    address = cast("tuple[str, int] | str | None", connection.remote_address)
    asked = urlsplit(connection.request.path)
    host = address[0] if isinstance(address, tuple) else address
    return hash((host, asked.path, *parse_qs(asked.query).get("token", [])))
