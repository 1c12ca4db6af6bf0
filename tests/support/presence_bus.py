"""Nodes that share presence over a channel on which messages are lost."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from protobase_live.presence.hub import PresenceHub
from protobase_live.presence.limits import PresenceLimits
from tests.support.presence_cluster import LINK_SECONDS, ROOM, TICK, Cluster


class BusEnd:
    """One node's end of a bus: a `Channel`."""

    message_bytes = 1024 * 1024

    def __init__(self, bus: Bus, node: int) -> None:
        self.node = node
        self.is_dead = False
        self.heard: dict[str, Callable[[bytes], None]] = {}
        self.tells: list[Callable[[], None]] = []
        self._bus = bus

    def say(self, topic: str, data: bytes) -> None:
        if not self.is_dead:
            self._bus.carry(self, topic, data)

    def listen(self, topic: str, heard: Callable[[bytes], None]) -> None:
        self.heard[topic] = heard

    def unlisten(self, topic: str) -> None:
        self.heard.pop(topic, None)

    def when_again(self, tell: Callable[[], None]) -> None:
        self.tells.append(tell)

    def hear(self, topic: str, data: bytes) -> None:
        if heard := self.heard.get(topic):
            heard(data)


class Bus(Cluster):
    """Nodes by number. A pair may be cut from each other, which nobody tells them."""

    def __init__(self, nodes: int, random: Random, limits: PresenceLimits | None = None) -> None:
        self.cut_pairs: set[tuple[int, int]] = set()
        self.losses = 0.0
        """How likely a message is lost on its way to one node."""
        self.said: list[tuple[str, bytes]] = []
        self.ends: dict[int, BusEnd] = {}
        self._chance = random
        self._next = 0
        super().__init__(nodes, limits)

    def _hub(self) -> PresenceHub:
        hub = super()._hub()
        node, self._next = self._next, self._next + 1
        self.ends[node] = BusEnd(self, node)
        hub.share(self.ends[node])
        return hub

    def carry(self, source: BusEnd, topic: str, data: bytes) -> None:
        """Pass on what one says to all who hear it, in order."""
        self.said.append((topic, data))
        for end in self.ends.values():
            one, other = sorted((source.node, end.node))
            if (one, other) not in self.cut_pairs and self._chance.random() >= self.losses:
                self.clock.call_later(LINK_SECONDS, lambda end=end: end.hear(topic, data))

    def crash(self, node: int) -> None:
        """See `Cluster.crash`."""
        self.ends[node].is_dead = True
        self._next = node
        super().crash(node)

    async def shown_soon(self, node: int) -> dict[int, object]:
        """Who is seen by somebody who has come to a node a moment ago."""
        member, _ = self.hubs[node].join(ROOM, lambda payload: None)
        await self.clock.advance(4 * TICK + 4 * LINK_SECONDS)
        states = member.states()
        member.leave()
        return states
