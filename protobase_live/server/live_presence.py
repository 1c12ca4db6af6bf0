"""Presence at a connection of the live door: who its client is in the collections it joined, and who else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from protobase_actors import WakeUp
from protobase_live.errors import ProtoBaseError, ValidationError
from protobase_live.presence.hub import PresenceHub
from protobase_live.presence.room import Membership
from protobase_live.protocol.live.client_messages import Join, Leave, SetPresence
from protobase_live.protocol.live.codec import Frame
from protobase_live.protocol.live.server_session import ServerSession
from protobase_live.server.presence_news import News, PresenceNews


class LivePresence:
    """What one client takes part in."""

    def __init__(
        self,
        session: ServerSession,
        hub: PresenceHub,
        news: PresenceNews,
        send: Callable[[Frame], Awaitable[None]],
    ) -> None:
        self._session = session
        self._hub = hub
        self._news = news
        self._send = send
        self._members: dict[str, Membership] = {}
        self._pending: dict[str, News] = {}
        self._changed = WakeUp()

    def perform(self, request: Join | SetPresence | Leave) -> None:
        """Carry out a request. Raises ValidationError, and what joining raises."""
        match request:
            case Join():
                self._join(request.collection)
            case SetPresence():
                self._member(request.collection).set(request.client, request.state)
            case Leave():
                self._member(request.collection).leave()
                del self._members[request.collection]
                self._pending.pop(request.collection, None)

    def leave(self) -> None:
        """The client has gone."""
        for membership in self._members.values():
            membership.leave()

    async def run(self) -> None:
        """Tell the client what changes, until it is cancelled: what it has not read yet is told as one."""
        while True:
            while not self._pending:
                await self._changed.wait()
            pending, self._pending = self._pending, {}
            for collection, news in pending.items():
                await self._send(news.frame(collection, self._session))

    def _join(self, collection: str) -> None:
        try:
            listener = partial(self._hear, collection)
            self._members[collection], known = self._hub.join(collection, listener)
        except ProtoBaseError:
            self._session.left(collection)
            raise
        self._tell(collection, self._news.of(known, complete=True))

    def _member(self, collection: str) -> Membership:
        member = self._members.get(collection)
        if member is None:
            raise ValidationError(f"presence of {collection!r} is not joined: joining it failed")
        return member

    def _hear(self, collection: str, payload: bytes) -> None:
        self._tell(collection, self._news.of(payload))

    def _tell(self, collection: str, news: News) -> None:
        earlier = self._pending.get(collection)
        self._pending[collection] = earlier.then(news) if earlier else news
        self._changed.wake()
