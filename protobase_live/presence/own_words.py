"""What a node says of its own clients: what has changed of them becomes numbered words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from protobase_live.presence.limits import PresenceLimits
from protobase_live.presence.node_words import Part, new_part
from protobase_live.presence.people import LAST, People, size_of
from protobase_live.presence.room import Room
from protobase_live.protocol.yjs.awareness import Entry

ENTRY_BYTES = 32
"""Bytes of what is said of a client beside its state, at most."""


class Word(NamedTuple):
    """What a node says of its clients in a collection.

    ``previous`` is the number of its word before this one, 0 if that does not matter. If the part is whole,
    it has no others from the first of the ``bounds`` on to below the second.
    """

    part: Part
    previous: int
    bounds: tuple[int, int] = (0, LAST)


class OwnWords:
    """The words of one node."""

    def __init__(
        self, node: int, rooms: Mapping[str, Room], limits: PresenceLimits, piece_bytes: int
    ) -> None:
        """``rooms`` are those of this node, which is known to the others as ``node``; a word has at most
        ``piece_bytes``."""
        self.people = People(limits)
        """What was said of its clients."""
        self._node = node
        self._rooms = rooms
        self._limits = limits
        self._piece_bytes = piece_bytes
        self._news: dict[str, dict[int, None]] = {}  # clients that may have changed, by collection
        self._count = 0

    @property
    def waits(self) -> bool:
        """Whether there is more to say than was said."""
        return bool(self._news)

    def note(self, collection: str, clients: Iterable[int]) -> None:
        """These clients' states changed in a room, whichever node they are at."""
        self._news.setdefault(collection, {}).update(dict.fromkeys(clients))

    def take(self) -> Iterator[tuple[str, Word]]:
        """Put what changed into words, by collection, of as many clients as a tick has."""
        left = self._limits.tick_clients
        for collection in list(self._news):
            clients = self._news.pop(collection)
            if len(clients) > left:
                self._news[collection] = dict.fromkeys(list(clients)[left:])
            for word in self.words(collection, list(clients)[:left]):
                yield collection, word
            left -= len(clients)
            if left <= 0:
                return

    def words(self, collection: str, clients: Iterable[int]) -> list[Word]:
        """What there is to say of these clients now."""
        room = self._rooms.get(collection)
        entries = [entry for client in clients if (entry := self._entry(collection, client))]
        ahead = [(client, clock) for client in clients if room and (clock := room.ahead(client))]
        words: list[Word] = []
        for piece in self._pieces(entries) or ([[]] if ahead else []):
            previous = self.people.number(collection)
            words.append(Word(self._part(collection, False, piece, ahead), previous))
            ahead = []
        return words

    def repeat(self, collection: str) -> Iterator[Word]:
        """Everything that was said of a collection, as new words: the first stands for all before it."""
        if not self.people.number(collection):
            return
        entries = sorted(self.people.of(collection).values(), key=lambda entry: entry.client_id)
        pieces = self._pieces(entries) or [[]]
        starts = [0, *(piece[0].client_id for piece in pieces[1:]), LAST]
        for number, piece in enumerate(pieces):
            previous = self.people.number(collection) if number else 0
            part = self._part(collection, True, piece, ())
            yield Word(part, previous, (starts[number], starts[number + 1]))

    def _pieces(self, entries: Iterable[Entry]) -> list[list[Entry]]:
        pieces: list[list[Entry]] = []
        room = 0
        for entry in entries:
            size = ENTRY_BYTES + size_of(entry)
            if size > room:
                pieces.append([])
                room = self._piece_bytes
            pieces[-1].append(entry)
            room -= size
        return pieces

    def _part(
        self, collection: str, whole: bool, entries: list[Entry], ahead: Iterable[tuple[int, int]]
    ) -> Part:
        self._count += 1
        self.people.take(collection, self._count, False, entries)
        return new_part(self._node, self._count, whole, entries, ahead)

    def _entry(self, collection: str, client: int) -> Entry | None:
        """What the others are to be told of a client, None if it is nothing new."""
        room = self._rooms.get(collection)
        known = self.people.of(collection).get(client)
        entry = room.here(client) if room else None
        if entry is None:
            return known and Entry(client, 0, None)
        return None if entry == known else entry
