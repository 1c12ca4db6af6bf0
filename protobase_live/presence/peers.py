"""The presence that other nodes bring, and what they are told of this node's.

Each node speaks for its own clients alone, in numbered words (`node_words.Part`); the others keep them and
pass them on. So nobody removes another node's clients: a node out of reach is shown no longer, and when it is
back, what it says is taken again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache

from protobase_actors import Clock, Timer
from protobase_live.presence.limits import PresenceLimits
from protobase_live.presence.node_words import (
    NODES,
    Part,
    decode_nodes,
    decode_parts,
    encode_nodes,
    new_part,
)
from protobase_live.presence.nodes import Nodes
from protobase_live.presence.own_words import OwnWords
from protobase_live.presence.peer_presence import Passed, PeerPresence, Send
from protobase_live.presence.people import People, Told, newest
from protobase_live.presence.room import Room


class Peers:
    """All links of a node to others, and what it knows through them."""

    def __init__(
        self,
        clock: Clock,
        tick_seconds: float,
        limits: PresenceLimits,
        rooms: Mapping[str, Room],
        number: int,
    ) -> None:
        """``rooms`` are those of this node, which is known to the others by ``number``."""
        self._clock = clock
        self._tick_seconds = tick_seconds
        self._limits = limits
        self._rooms = rooms
        self._nodes = Nodes(number, limits.peer_nodes)
        self._own = OwnWords(number, rooms, limits, limits.piece_bytes)
        self._people = {number: self._own.people}  # what was said of each node's clients, by node
        self._lost: dict[int, Timer] = {}  # nodes out of reach
        self._links: dict[PeerPresence, None] = {}
        self._passed: defaultdict[str, list[Passed]] = defaultdict(list)
        self._timer: Timer | None = None
        for collection, room in rooms.items():
            self._own.words(collection, room.clients)  # each link is told everything first

    def link(self, node: str, send: Send) -> PeerPresence:
        """A link to another node, which is told everything first."""
        link = PeerPresence(self, node, send, self._limits.piece_bytes)
        self._links[link] = None
        self._tell_again(link, *self._people)
        self.wake()
        return link

    def unlink(self, link: PeerPresence) -> None:
        """A link is gone. Harmless when it was."""
        if link in self._links:
            del self._links[link]
            self._relink()

    def note(self, collection: str, clients: Iterable[int]) -> None:
        """These clients' states changed in a room, whichever node they are at."""
        if clients:
            self._own.note(collection, clients)
            self.wake()

    def present(self, collection: str) -> list[int]:
        """The clients that other nodes have in a collection."""
        return [client for node in self._nodes.others for client in self._people[node].of(collection)]

    def newest(self, collection: str, client: int) -> Told | None:
        """Of what the other nodes say of a client what has the highest clock; None: nobody has it."""
        own = self._nodes.own
        return newest((each for each in self._people.items() if each[0] != own), collection, client)

    def take(self, link: PeerPresence, payloads: Mapping[str, bytes]) -> None:
        """What came through a link. Raises ProtocolError."""
        if NODES in payloads:
            self._learn(link, payloads[NODES])
        for collection, payload in payloads.items():
            if collection != NODES:
                for part in decode_parts(payload):
                    self._take(link, collection, part)

    def _learn(self, link: PeerPresence, payload: bytes) -> None:
        sender, words = decode_nodes(payload)
        news = self._nodes.learn(words)
        for node in self._nodes.others:
            self._people.setdefault(node, People(self._limits))
        if link.far != sender:
            link.far = sender
            self._relink()
        elif news:
            self._look_around()

    def _take(self, link: PeerPresence, collection: str, part: Part) -> None:
        people = self._people.get(part.node)
        if people is None or part.node == self._nodes.own or part.number <= people.number(collection):
            return
        changed = people.take(collection, part.number, part.whole, part.entries(), ahead=part.ahead)
        self._passed[collection].append(Passed(part, link))
        if room := self._rooms.get(collection):
            room.hear(changed, again=part.whole)
            room.lead(part.ahead)
        self.wake()

    # Who can be reached

    def _relink(self) -> None:
        self._nodes.link(link.far for link in self._links if link.far is not None)
        self._look_around()

    def _look_around(self) -> None:
        """Something is known of links that was not."""
        reachable = self._nodes.reachable()
        for node in self._nodes.others:
            if node not in reachable:
                self._lose(node)
            elif node in self._lost:
                self._lost.pop(node).cancel()
                for link in self._links:  # behind it may be who has forgotten
                    self._tell_again(link, node)
        for link in self._links:
            link.knows_nodes = False
        self.wake()

    def _lose(self, node: int) -> None:
        if node not in self._lost:
            seconds = self._limits.peer_seconds
            self._lost[node] = self._clock.call_later(seconds, lambda: self._forget(node))

    def _forget(self, node: int) -> None:
        del self._lost[node]
        self._nodes.forget(node)
        people = self._people.pop(node)
        for collection in people.collections:
            if room := self._rooms.get(collection):
                room.hear(list(people.of(collection)))

    # What is told

    def _tell_again(self, link: PeerPresence, *nodes: int) -> None:
        for node in nodes:
            link.untold.update(dict.fromkeys(self._people[node].collections))

    def wake(self) -> None:
        """There is something to tell in the next tick."""
        if self._timer is None:
            self._timer = self._clock.call_later(self._tick_seconds, self._tick)

    def _tick(self) -> None:
        self._timer = None
        for collection, word in self._own.take():
            self._passed[collection].append(Passed(word.part, None))
        passed, self._passed = self._passed, defaultdict(list)
        nodes = encode_nodes(self._nodes.own, self._nodes.reachable().values())
        everything = cache(self._everything)
        for link in list(self._links):
            link.tell(nodes, passed, everything)
        if self._own.waits or any(link.waits for link in self._links):
            self.wake()

    def _everything(self, collection: str) -> list[Part]:
        parts: list[Part] = []
        for node, people in self._people.items():
            if number := people.number(collection):
                ahead = [*people.ahead(collection).items()]
                if node == self._nodes.own:
                    ahead += self._own.ahead(collection)
                parts.append(new_part(node, number, True, people.of(collection).values(), ahead))
        return parts
