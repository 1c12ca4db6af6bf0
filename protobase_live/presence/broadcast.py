"""Presence of nodes that hear each other over a channel, where anything may be lost.

A node hears of the collections in which somebody is at this node, and of no others. Each node speaks for its
own clients alone. A word names the one before it, so that whoever lacks one asks, and is told everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial

from protobase_actors import Clock, Timer
from protobase_live.errors import ProtocolError
from protobase_live.presence.limits import PresenceLimits
from protobase_live.presence.own_words import OwnWords, Word
from protobase_live.presence.people import People, Told, newest
from protobase_live.presence.room import Room
from protobase_live.presence.spoken import ALL, Alive, Ask, Spoken, Still, decode_spoken, encode_spoken
from protobase_storage import Channel

NODES = ""
"""Where nodes say that they are there; no collection's name."""

SIGNS = 4
"""How often a node says so until the others take it for gone."""

RENEWALS = 2
"""How often clients renew their states until those of a node that says nothing of a collection are dropped:
that they have left may be lost like everything else."""


class Broadcast:
    """What this node says and hears."""

    def __init__(
        self,
        clock: Clock,
        tick_seconds: float,
        limits: PresenceLimits,
        rooms: Mapping[str, Room],
        number: int,
        channel: Channel,
    ) -> None:
        """``rooms`` are those of this node, which is known to the others by ``number``."""
        self._clock = clock
        self._tick_seconds = tick_seconds
        self._limits = limits
        self._rooms = rooms
        self._number = number
        self._channel = channel
        self._own = OwnWords(number, rooms, limits, min(limits.piece_bytes, channel.message_bytes // 2))
        self._people: dict[int, People] = {}  # of the other nodes
        self._gone: dict[int, Timer] = {}  # when each is taken for gone
        self._lost: dict[int, bool] = {}  # those that were, the last ones
        self._unasked: dict[tuple[str, int], None] = {}  # collections, and who is to tell everything
        self._untold: dict[str, None] = {}  # collections of which this node is to do so
        self._said: dict[str, None] = {}  # collections of which something was said since the last sign
        self._confirmed: set[tuple[int, str]] = set()  # which nodes have said something of which collections
        self._timer: Timer | None = None
        self._sign: Timer | None = None
        self._sweep: Timer | None = None
        channel.listen(NODES, self._hear_node)
        channel.when_again(self._begin_again)

    def enter(self, collection: str) -> None:
        """A room begins."""
        self._channel.listen(collection, partial(self._hear, collection))
        self._unasked[collection, ALL] = None
        self._wake()
        if self._sign is None:
            self._say_alive()
        if self._sweep is None:
            self._sweep_later()

    def leave(self, collection: str) -> None:
        """A room has ended."""
        self._channel.unlisten(collection)
        for people in self._people.values():
            people.forget(collection)

    def note(self, collection: str, clients: Iterable[int]) -> None:
        """These clients' states changed in a room, whichever node they are at."""
        if clients:
            self._own.note(collection, clients)
            self._wake()

    def present(self, collection: str) -> list[int]:
        """The clients that other nodes have in a collection that has a room."""
        return [client for people in self._people.values() for client in people.of(collection)]

    def newest(self, collection: str, client: int) -> Told | None:
        """Of what the other nodes say of a client what has the highest clock; None: nobody has it."""
        return newest(self._people.items(), collection, client)

    # What is said

    def _wake(self) -> None:
        if self._timer is None:
            self._timer = self._clock.call_later(self._tick_seconds, self._tick)

    def _tick(self) -> None:
        self._timer = None
        for collection, node in self._unasked:
            self._say(collection, Ask(self._number, node))
        self._unasked.clear()
        for collection, word in self._own.take():
            self._say_word(collection, word)
        self._say_untold()
        if self._own.waits or self._untold:
            self._wake()

    def _say_untold(self) -> None:
        """Say everything of as many collections as a tick has room for, of one at least."""
        left = self._limits.piece_bytes
        while self._untold and left > 0:
            collection = next(iter(self._untold))
            del self._untold[collection]
            for word in self._own.repeat(collection):
                self._say_word(collection, word)
                left -= len(word.part.data)

    def _say_word(self, collection: str, word: Word) -> None:
        self._said[collection] = None
        self._say(collection, word)

    def _say(self, topic: str, spoken: Spoken) -> None:
        self._channel.say(topic, encode_spoken(spoken))

    def _say_alive(self) -> None:
        """As long as somebody is here, and once more: of the last words on a collection any may be lost."""
        said, self._said = self._said, {}
        for collection in said:
            self._say(collection, Still(self._number, self._own.people.number(collection)))
        self._sign = None
        if self._rooms or said:
            self._say(NODES, Alive(self._number))
            self._sign = self._clock.call_later(self._limits.peer_seconds / SIGNS, self._say_alive)

    def _begin_again(self) -> None:
        """The channel was away: whatever was said meanwhile is lost."""
        self._unasked.update({(collection, ALL): None for collection in self._rooms})
        self._untold.update(dict.fromkeys(self._own.people.collections))
        self._wake()

    # What is heard

    def _hear_node(self, data: bytes) -> None:
        with suppress(ProtocolError):  # somebody speaks otherwise, and is not understood
            if isinstance(spoken := decode_spoken(data), Alive):
                self._meet(spoken.node)

    def _hear(self, collection: str, data: bytes) -> None:
        if collection not in self._rooms:
            return
        with suppress(ProtocolError):
            match decode_spoken(data):
                case Ask(node, of):
                    self._answer(collection, node, of)
                case Still(node, number):
                    self._check(collection, node, number)
                case Word() as word:
                    self._take(collection, word)
                case Alive():
                    pass

    def _check(self, collection: str, node: int, number: int) -> None:
        if (people := self._meet(node)) is None:
            return
        self._confirmed.add((node, collection))
        if people.number(collection) != number:
            self._ask(collection, node)

    def _answer(self, collection: str, node: int, of: int) -> None:
        if node != self._number and of in (ALL, self._number):
            self._untold[collection] = None
            self._wake()

    def _ask(self, collection: str, node: int) -> None:
        self._unasked[collection, node] = None
        self._wake()

    def _take(self, collection: str, word: Word) -> None:
        people, part = self._meet(word.part.node), word.part
        if people is None:
            return
        self._confirmed.add((part.node, collection))
        if part.number <= (known := people.number(collection)):
            return
        if word.previous not in (0, known):
            self._ask(collection, part.node)
            return
        changed = people.take(
            collection, part.number, part.whole, part.entries(), word.bounds, ahead=part.ahead
        )
        room = self._rooms[collection]
        room.hear(changed, again=part.whole)
        room.lead(part.ahead)

    # Who is there

    def _meet(self, node: int) -> People | None:
        """Another node has said something; what is known of it. None for this node, and for too many."""
        if node == self._number:
            return None
        if node in self._people:
            self._gone[node].cancel()
        elif len(self._people) + 1 < self._limits.peer_nodes:
            self._people[node] = People(self._limits)
            if self._lost.pop(node, False):  # a new one has nothing to tell that it does not say
                for collection in self._rooms:
                    self._ask(collection, node)
        else:
            return None
        self._gone[node] = self._clock.call_later(self._limits.peer_seconds, lambda: self._lose(node))
        return self._people[node]

    def _sweep_later(self) -> None:
        self._confirmed.clear()
        self._sweep = self._clock.call_later(RENEWALS * self._limits.renew_seconds, self._drop_unconfirmed)

    def _drop_unconfirmed(self) -> None:
        for node, people in self._people.items():
            for collection in [each for each in people.collections if (node, each) not in self._confirmed]:
                clients = list(people.of(collection))
                people.forget(collection)
                self._rooms[collection].hear(clients)
        self._sweep = None
        if self._rooms:
            self._sweep_later()

    def _lose(self, node: int) -> None:
        del self._gone[node]
        self._lost[node] = True
        if len(self._lost) > self._limits.peer_nodes:
            del self._lost[next(iter(self._lost))]
        people = self._people.pop(node)
        for collection in people.collections:
            if room := self._rooms.get(collection):
                room.hear(list(people.of(collection)))
