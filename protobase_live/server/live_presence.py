"""The presence of collections that one connection of the live door has joined.

News is merged until it can be sent, so a client that does not read costs no memory.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from protobase_actors import WakeUp
from protobase_live.errors import LimitExceeded, ProtoBaseError, ValidationError
from protobase_live.presence.room import Membership
from protobase_live.protocol.live.client_messages import Join, Leave, SetPresence
from protobase_live.protocol.live.codec import Frame
from protobase_live.protocol.live.limits import LiveLimits
from protobase_live.protocol.live.server_session import ServerSession
from protobase_live.server.authority import Authority
from protobase_live.server.live_database import Database
from protobase_live.server.presence_news import News, PresenceNews


class LivePresence:
    """Those of one connection. Where it has joined and may no longer be present it hears and says nothing."""

    def __init__(
        self,
        database: Database,
        session: ServerSession,
        authority: Authority,
        news: PresenceNews,
        limits: LiveLimits,
        send: Callable[[Frame], Awaitable[None]],
    ) -> None:
        self._database = database
        self._session = session
        self._authority = authority
        self._news = news
        self._limits = limits
        self._send = send
        self._members: dict[str, Membership | None] = {}
        """Where it has joined; None: and is not permitted now."""
        self._closes: dict[str, Callable[[], None]] = {}
        self._pending: dict[str, News] = {}
        self._changed = WakeUp()

    async def perform(self, request: Join | SetPresence | Leave) -> None:
        """Carry out a request. Raises Forbidden, LimitExceeded and ValidationError."""
        match request:
            case Join():
                await self._join(request.collection)
            case SetPresence():
                await self._authority.check("presence", [request.collection])
                self._member(request.collection).set(request.client, request.state)
            case Leave():
                self._check_joined(request.collection)
                self._leave(request.collection)

    async def send_all(self) -> None:
        """Send what there is to tell; never ends."""
        while True:
            while not self._pending:
                await self._changed.wait()
            pending, self._pending = self._pending, {}
            for collection, news in pending.items():
                await self._send(news.frame(collection, self._session))

    def close(self) -> None:
        """The connection has ended."""
        for collection in list(self._members):
            self._leave(collection)

    async def _join(self, collection: str) -> None:
        await self._authority.check("presence", [collection])
        self._check_join(collection)
        self._members[collection] = None
        self._closes[collection] = self._authority.open([collection], partial(self._reconsider, collection))
        try:
            self._enter(collection)
        except ProtoBaseError:
            self._leave(collection)
            raise

    def _check_join(self, collection: str) -> None:
        if collection in self._members:
            raise ValidationError(f"presence of {collection!r} was joined already")
        if len(self._members) >= self._limits.presences:
            limit = self._limits.presences
            raise LimitExceeded(f"a connection joins the presence of at most {limit} collections (presences)")

    def _check_joined(self, collection: str) -> None:
        if collection not in self._members:
            raise ValidationError(f"presence of {collection!r} was not joined; send join first")

    def _enter(self, collection: str) -> None:
        if self._members[collection] is None:
            listener = partial(self._hear, collection)
            self._members[collection], known = self._database.presence_hub.join(collection, listener)
            self._tell(collection, self._news.of(known, complete=True))

    def _leave(self, collection: str) -> None:
        member = self._members.pop(collection, None)
        if member is not None:
            member.leave()
        self._pending.pop(collection, None)
        if close := self._closes.pop(collection, None):
            close()

    def _member(self, collection: str) -> Membership:
        self._check_joined(collection)
        member = self._members[collection]
        if member is None:
            raise ValidationError(f"presence of {collection!r} is not joined: joining it again failed")
        return member

    async def _reconsider(self, collection: str) -> None:
        may = await self._authority.may("presence", collection)
        member = self._members.get(collection)
        if may and collection in self._members:
            with suppress(ProtoBaseError):  # full: it is told so when it says something
                self._enter(collection)
        elif member is not None and not may:
            self._members[collection] = None
            member.leave()
            self._tell(collection, News({}, True))

    def _hear(self, collection: str, payload: bytes) -> None:
        self._tell(collection, self._news.of(payload))

    def _tell(self, collection: str, news: News) -> None:
        earlier = self._pending.get(collection)
        self._pending[collection] = earlier.then(news) if earlier else news
        self._changed.wake()
