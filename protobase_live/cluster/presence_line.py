"""Who is in collections, as one link tells it: one message is under way at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from protobase_actors import WakeUp
from protobase_live.presence.hub import PresenceHub
from protobase_live.protocol.peer.messages import PeerMessage, Presence


class PresenceLine:
    """A link's share of presence, from its beginning to its end."""

    def __init__(self, hub: PresenceHub, node: str, send: Callable[[PeerMessage], Awaitable[None]]) -> None:
        """``node`` is who is at the other end."""
        self._send = send
        self._told: Mapping[str, bytes] | None = None
        self._wake_up = WakeUp()
        self._peer = hub.link(node, self._take)

    def apply(self, message: Presence) -> None:
        """Take in what the other node says. Raises ProtocolError."""
        self._peer.apply(message.payloads)

    async def run(self) -> None:
        """Send what is to be told, for ever. What changes meanwhile is told as a whole then."""
        while True:
            while self._told is None:
                await self._wake_up.wait()
            told, self._told = self._told, None
            await self._send(Presence(told))
            self._peer.resume()

    def end(self) -> None:
        """The link is gone, and soon who is behind it."""
        self._peer.end()

    def _take(self, payloads: Mapping[str, bytes]) -> None:
        self._told = payloads
        self._peer.hold()
        self._wake_up.wake()
