"""The clients of one other node, as it said last."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from math import inf
from typing import NamedTuple

from protobase_live.presence.limits import PresenceLimits
from protobase_live.protocol.yjs.awareness import Entry

NOBODY: Mapping[int, Entry] = {}

NO_CLOCKS: Mapping[int, int] = {}

LAST = 0
"""In the place of a client's number, as an upper bound: there is none."""


class Told(NamedTuple):
    """What a node says of a client of its own; ``newest`` is the highest clock that was told of it."""

    node: int
    entry: Entry
    newest: int


class People:
    """The clients of one other node, by collection, and which of its words on a collection was the last."""

    def __init__(self, limits: PresenceLimits) -> None:
        self._limits = limits
        self._there: dict[str, dict[int, Entry]] = {}
        self._ahead: dict[str, dict[int, int]] = {}  # clocks that were told of those who are there
        self._numbers: dict[str, int] = {}
        self._left: dict[str, None] = {}  # collections without clients, the longest empty first
        self._clients = 0
        self._bytes = 0

    def of(self, collection: str) -> Mapping[int, Entry]:
        """What the node says of its clients in a collection."""
        return self._there.get(collection, NOBODY)

    def ahead(self, collection: str) -> Mapping[int, int]:
        """Clocks that somebody was told of these clients, and that they have not counted themselves."""
        return self._ahead.get(collection, NO_CLOCKS)

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
        ahead: Iterable[tuple[int, int]] = (),
    ) -> list[int]:
        """Take in a word that is newer than the last one, and return which clients it changes.

        ``whole``: it has no others from the first of the ``bounds`` on to below the second, if that is one.
        ``ahead``: clocks that were told of clients; those of other nodes' are left out.
        """
        there = self._there.setdefault(collection, {})
        said = {entry.client_id: entry for entry in entries}
        if whole:
            low, high = bounds[0], bounds[1] or inf
            gone = [client for client in there.keys() - said.keys() if low <= client < high]
            said.update((client, Entry(client, 0, None)) for client in gone)
        changed = [client for client, entry in said.items() if self._put(there, entry)]
        changed += self._lead(collection, there, changed, ahead)
        self._numbers[collection] = number
        self._note_left(collection)
        return changed

    def forget(self, collection: str) -> None:
        """Know nothing of a collection any more."""
        there = self._there.pop(collection, {})
        self._clients -= len(there)
        self._bytes -= sum(map(size_of, there.values()))
        self._ahead.pop(collection, None)
        self._numbers.pop(collection, None)
        self._left.pop(collection, None)

    def _lead(
        self, collection: str, there: dict[int, Entry], changed: list[int], ahead: Iterable[tuple[int, int]]
    ) -> list[int]:
        """Keep clocks above those of the clients themselves, and return of whom there are new ones."""
        led = self._ahead.pop(collection, {})
        for client in changed if led else ():
            if client not in there or there[client].clock >= led.get(client, 0):
                led.pop(client, None)
        new = {
            client: clock
            for client, clock in ahead
            if client in there and clock > max(there[client].clock, led.get(client, 0))
        }
        if led := led | new:
            self._ahead[collection] = led
        return list(new)

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


def newest(people: Iterable[tuple[int, People]], collection: str, client: int) -> Told | None:
    """Of what nodes say of a client what has the highest clock; None: nobody has it."""
    found = (
        Told(node, entry, each.ahead(collection).get(client, entry.clock))
        for node, each in people
        if (entry := each.of(collection).get(client))
    )
    return max(found, key=lambda told: told.entry.clock, default=None)
