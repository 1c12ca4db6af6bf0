"""The clients of one other node, as it said last."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from math import inf

from protobase_live.presence.limits import PresenceLimits
from protobase_live.protocol.yjs.awareness import Entry

NOBODY: Mapping[int, Entry] = {}

LAST = 0
"""In the place of a client's number, as an upper bound: there is none."""


class People:
    """The clients of one other node, by collection, and which of its words on a collection was the last."""

    def __init__(self, limits: PresenceLimits) -> None:
        self._limits = limits
        self._there: dict[str, dict[int, Entry]] = {}
        self._numbers: dict[str, int] = {}
        self._left: dict[str, None] = {}  # collections without clients, the longest empty first
        self._clients = 0
        self._bytes = 0

    def of(self, collection: str) -> Mapping[int, Entry]:
        """What the node says of its clients in a collection."""
        return self._there.get(collection, NOBODY)

    def number(self, collection: str) -> int:
        """The number of its last word on a collection, 0 if there was none."""
        return self._numbers.get(collection, 0)

    @property
    def collections(self) -> Collection[str]:
        """The collections of which it said something, those that it left included."""
        return self._numbers.keys()

    def take(
        self,
        collection: str,
        number: int,
        whole: bool,
        entries: list[Entry],
        bounds: tuple[int, int] = (0, LAST),
    ) -> list[int]:
        """Take in a word that is newer than the last one, and return whose clients it changes.

        ``whole``: it has no others from the first of the ``bounds`` on to below the second, if that is one.
        """
        there = self._there.setdefault(collection, {})
        said = {entry.client_id: entry for entry in entries}
        if whole:
            low, high = bounds[0], bounds[1] or inf
            gone = [client for client in there.keys() - said.keys() if low <= client < high]
            said.update((client, Entry(client, 0, None)) for client in gone)
        changed = [client for client, entry in said.items() if self._put(there, entry)]
        self._numbers[collection] = number
        self._note_left(collection)
        return changed

    def forget(self, collection: str) -> None:
        """Know nothing of a collection any more."""
        there = self._there.pop(collection, {})
        self._clients -= len(there)
        self._bytes -= sum(map(size_of, there.values()))
        self._numbers.pop(collection, None)
        self._left.pop(collection, None)

    def _put(self, there: dict[int, Entry], entry: Entry) -> bool:
        known = there.get(entry.client_id)
        if entry == known or (known is None and entry.state is None):
            return False
        more = size_of(entry) - size_of(known)
        if entry.state is None:
            del there[entry.client_id]
        elif not self._has_room(more, known is None):
            return False
        else:
            there[entry.client_id] = entry
        self._clients += (entry.state is not None) - (known is not None)
        self._bytes += more
        return True

    def _has_room(self, more: int, new: bool) -> bool:
        if new and self._clients >= self._limits.peer_clients:
            return False
        return more <= 0 or self._bytes + more <= self._limits.peer_bytes

    def _note_left(self, collection: str) -> None:
        self._left.pop(collection, None)
        if self._there[collection]:
            return
        del self._there[collection]
        self._left[collection] = None
        if len(self._left) > self._limits.peer_left:
            oldest = next(iter(self._left))
            del self._left[oldest], self._numbers[oldest]


def size_of(entry: Entry | None) -> int:
    """Bytes of a client's state, 0 without one."""
    return len(entry.state.encode()) if entry and entry.state else 0


def newest(people: Iterable[tuple[int, People]], collection: str, client: int) -> tuple[int, Entry] | None:
    """The node whose word of a client has the highest clock, and the word; None: nobody has it."""
    found = ((node, entry) for node, each in people if (entry := each.of(collection).get(client)))
    return max(found, key=lambda word: word[1].clock, default=None)
