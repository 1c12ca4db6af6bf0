"""Presence: who is in a collection right now. Nothing of it is stored.

It is y-awareness (:mod:`protobase_live.protocol.yjs.awareness`), one table a collection, whichever door its
clients came through. What changes is collected, and each tick every member of the collection is given one
payload with all of it, the same bytes for all: n clients that move cost n deliveries a tick, not n². Each
peer is given one mapping: what changed at this node, encoded once, and what other nodes said, as it came.
Nodes on a shared storage say what changed, once for all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from random import Random, SystemRandom
from typing import TYPE_CHECKING, Any

from protobase_actors import Clock
from protobase_live.model.names import check_collection
from protobase_live.presence.limits import PresenceLimits
from protobase_live.presence.node_words import NODE_BITS
from protobase_live.presence.peer_presence import PeerPresence, Send
from protobase_live.presence.peers import Peers
from protobase_live.presence.room import Listener, Membership, Room
from protobase_live.protocol.yjs.awareness import decode_entries
from protobase_live.protocol.yjs.awareness_table import SharedBytes
from protobase_storage import Channel

if TYPE_CHECKING:
    from protobase_live.presence.broadcast import Broadcast


class PresenceHub:
    """The presence of all collections of a database."""

    def __init__(
        self,
        clock: Clock,
        tick_seconds: float = 0.05,
        limits: PresenceLimits | None = None,
        random: Random | None = None,
    ) -> None:
        """A change is told at most ``tick_seconds`` after it happened; ``random`` is for tests."""
        self._clock = clock
        self._tick_seconds = tick_seconds
        self._limits = limits or PresenceLimits()
        self._random = SystemRandom() if random is None else random
        self._bytes = SharedBytes(self._limits.all_bytes)
        self._rooms: dict[str, Room] = {}
        self._peers: Peers | None = None
        self._broadcast: Broadcast | None = None

    def join(self, collection: str, listener: Listener) -> tuple[Membership, bytes]:
        """Hear of a collection's presence from now on; also gives what is known so far.

        Raises InvalidName and LimitExceeded.
        """
        check_collection(collection)
        room = self._rooms.get(collection) or self._room(collection)
        membership = room.join(listener)
        if collection not in self._rooms:
            self._rooms[collection] = room
            if self._broadcast is not None:
                self._broadcast.enter(collection)
        return membership, membership.known()

    def count(self, collection: str) -> int:
        """How many are in a collection, at whatever node."""
        room = self._rooms.get(collection)
        if room is not None:
            return len(room.clients)
        return len(set(self._others.present(collection))) if self._others else 0

    def link(self, node: str, send: Send) -> PeerPresence:
        """Share presence with another node, which ``send`` reaches; ``node`` is what errors call it."""
        if self._peers is None:
            self._peers = Peers(*self._common())
        return self._peers.link(node, send)

    def share(self, channel: Channel) -> None:
        """Share presence with all nodes that hear a channel. Call it once, before anybody joins."""
        from protobase_live.presence.broadcast import Broadcast  # who shares no storage starts without

        self._broadcast = Broadcast(*self._common(), channel)

    def _common(self) -> tuple[Clock, float, PresenceLimits, Mapping[str, Room], int]:
        number = self._random.getrandbits(NODE_BITS)
        return self._clock, self._tick_seconds, self._limits, self._rooms, number

    @property
    def _others(self) -> Peers | Broadcast | None:
        return self._peers or self._broadcast

    def _room(self, collection: str) -> Room:
        def changed(clients: Iterable[int]) -> None:
            if self._others is not None:
                self._others.note(collection, clients)

        def ended() -> None:
            self._rooms.pop(collection)
            if self._broadcast is not None:
                self._broadcast.leave(collection)

        room = Room(
            self._clock,
            self._tick_seconds,
            self._limits,
            self._bytes,
            elsewhere=lambda client: self._others and self._others.newest(collection, client),
            on_change=changed,
            on_empty=ended,
        )
        if self._others is not None:
            room.look(self._others.present(collection))
        return room


def states_of(payload: bytes) -> dict[int, Any]:
    """The states that an awareness payload tells, by client id; None for a client that is gone."""
    return {client: None if text is None else json.loads(text) for client, _, text in decode_entries(payload)}
