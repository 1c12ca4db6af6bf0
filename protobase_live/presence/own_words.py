"""What a node says of its own clients: what has changed of them becomes numbered words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeVar

from protobase_live.presence.limits import PresenceLimits
from protobase_live.presence.node_words import Part, new_part
from protobase_live.presence.people import LAST, People, size_of
from protobase_live.presence.room import Room
from protobase_live.protocol.yjs.awareness import Entry

T = TypeVar("T")

ENTRY_BYTES = 48
"""Bytes of what is said of a client beside its state, at most."""

CLOCK_BYTES = 16
"""Bytes of a clock that was told of a client, and of the client, at most."""


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
        words = [self._word(collection, piece) for piece in _pieces(entries, _entry_bytes, self._piece_bytes)]
        for ahead in _pieces(_ahead(room, clients), _clock_bytes, self._piece_bytes):
            words.append(self._word(collection, [], ahead))
        return words

    def ahead(self, collection: str) -> list[tuple[int, int]]:
        """The clocks that had to be told here of clients of other nodes."""
        room, own = self._rooms.get(collection), self.people.of(collection)
        return _ahead(room, [client for client in room.clients if client not in own] if room else [])

    def repeat(self, collection: str) -> Iterator[Word]:
        """Everything that was said of a collection, as new words: the first stands for all before it."""
        if not self.people.number(collection):
            return
        entries = sorted(self.people.of(collection).values(), key=lambda entry: entry.client_id)
        pieces = _pieces(entries, _entry_bytes, self._piece_bytes) or [[]]
        starts = [0, *(piece[0].client_id for piece in pieces[1:]), LAST]
        led = self.people.ahead(collection)
        for number, piece in enumerate(pieces):
            previous = self.people.number(collection) if number else 0
            ahead = [(client, led[client]) for client, _, _ in piece if client in led]
            part = self._part(collection, True, piece, ahead)
            yield Word(part, previous, (starts[number], starts[number + 1]))
        for ahead in _pieces(self.ahead(collection), _clock_bytes, self._piece_bytes):
            yield self._word(collection, [], ahead)

    def _word(self, collection: str, entries: list[Entry], ahead: Iterable[tuple[int, int]] = ()) -> Word:
        previous = self.people.number(collection)
        return Word(self._part(collection, False, entries, ahead), previous)

    def _part(
        self, collection: str, whole: bool, entries: list[Entry], ahead: Iterable[tuple[int, int]]
    ) -> Part:
        self._count += 1
        ahead = tuple(ahead)
        self.people.take(collection, self._count, False, entries, ahead=ahead)
        return new_part(self._node, self._count, whole, entries, ahead)

    def _entry(self, collection: str, client: int) -> Entry | None:
        """What the others are to be told of a client, None if it is nothing new."""
        room = self._rooms.get(collection)
        known = self.people.of(collection).get(client)
        entry = room.here(client) if room else None
        if entry is None:
            return known and Entry(client, 0, None)
        return None if entry == known else entry


def _entry_bytes(entry: Entry) -> int:
    return ENTRY_BYTES + size_of(entry)


def _clock_bytes(ahead: tuple[int, int]) -> int:
    return CLOCK_BYTES


def _ahead(room: Room | None, clients: Iterable[int]) -> list[tuple[int, int]]:
    """Clocks above those that these clients count, with the clients."""
    return [(client, clock) for client in clients if room and (clock := room.ahead(client))]


def _pieces(items: Iterable[T], bytes_of: Callable[[T], int], most: int) -> list[list[T]]:
    """Them in pieces of at most so many bytes, or of one alone."""
    pieces: list[list[T]] = []
    left = 0
    for item in items:
        size = bytes_of(item)
        if size > left:
            pieces.append([])
            left = most
        pieces[-1].append(item)
        left -= size
    return pieces
