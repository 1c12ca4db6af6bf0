"""The table of who is present in a document, by the rules of y-protocols `awareness.js`.

Two rules of stock clients matter to who serves them. A client takes nothing that is not newer than
what it heard before, even of somebody it has forgotten since; and a client that hears it is gone
says its state again, with a newer clock. `Awareness.welcome` and `Awareness.recall` rest on these.
"""

from collections.abc import Hashable, Iterable, Iterator
from contextlib import suppress

from protobase_live.errors import LimitExceeded
from protobase_live.protocol.yjs.awareness import Entry, check_entry, encode_entries, readable_entries

MAX_CLIENTS = 4096
"""Clients present in one table; a stock client is one browser tab."""

MAX_CLIENTS_PER_OWNER = 256
"""Clients one connection may speak for, so that no single one fills the table."""

MAX_TABLE_BYTES = 4 * 1024 * 1024
"""Bytes of the states of one table, which whoever joins is sent in one update."""

LEAP = 4096
"""How far clients that are asked to say their state again count on: past what newcomers were told of them by
a server that has been started again since, one clock for each that came."""

MAX_REMOVED = 1024
"""Clients gone whose last clock is still known; the longest gone is forgotten first."""


class SharedBytes:
    """How many bytes the states of several tables have together."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.used = 0


class Awareness:
    """The presence of all clients of one document, each owned by whoever announced it last.

    An owner is any hashable: a connection, a peer. The table forgets nothing by itself; an owner
    that has left is told with `remove_owner`. Clients that are gone stay known for a while, so
    that a late echo of their last state does not bring them back.

    A newcomer may have heard of everybody before, so `welcome` tells it clocks that lead those of the
    clients. Each client's next state has to be newer than that to be seen by the newcomer: one that is
    `behind` is asked by its owner with `recall` to say it again. Only clients that answer are led: those
    that an owner said of itself, those that are `put` here, and those that are relayed.

    A client of another node is shown with `relay`, or with `overtake` if it is, or was, here as well.
    """

    def __init__(
        self,
        *,
        max_clients: int = MAX_CLIENTS,
        max_clients_per_owner: int = MAX_CLIENTS_PER_OWNER,
        max_bytes: int = MAX_TABLE_BYTES,
        shared: SharedBytes | None = None,
    ) -> None:
        """``max_bytes`` bounds the states of this table, ``shared`` those of several."""
        self._max_clients = max_clients
        self._max_clients_per_owner = max_clients_per_owner
        self._present: dict[int, Entry] = {}
        self._removed: dict[int, Entry] = {}
        self._max_bytes = max_bytes
        self._bytes = 0
        self._shared = SharedBytes(max_bytes) if shared is None else shared
        self._owner: dict[int, Hashable] = {}
        self._clients: dict[Hashable, set[int]] = {}
        self._self: dict[int, Hashable] = {}
        self._lead: dict[int, int] = {}

    @property
    def states(self) -> dict[int, str]:
        """The states of the clients present, as JSON text by client id."""
        return {client_id: entry.state for client_id, entry in self._present.items() if entry.state}

    @property
    def removed(self) -> list[int]:
        """Ids of the clients gone that are still known, the longest gone first."""
        return list(self._removed)

    def apply(self, update: bytes, owner: Hashable, *, first: bool = False) -> list[int]:
        """Take in an awareness update and return the ids of the clients it changed.

        An entry changes its client if its clock is newer, and the sender becomes its owner. With
        an equal clock it only can remove a client, and only its owner can: others who missed a
        renewal think so, but the connection is still here. Everything else is an echo, ignored.
        What cannot be read and what is beyond a limit is left out.

        One state alone, of somebody who was not here, is what a client says of itself; so is what an owner
        says first, if it is of one client alone.
        """
        entries = readable_entries(update)
        said = entries if first else [entry for entry in entries if entry.state is not None]
        if len(said) == 1 and (first or said[0].client_id not in self._present):
            self._meet(said[0], owner)
        changed: list[int] = []
        for entry in entries:
            with suppress(LimitExceeded):
                if self._take(entry, owner):
                    changed.append(entry.client_id)
        return changed

    def put(self, client_id: int, state: str | None, owner: Hashable, at: int = 1) -> bool:
        """Give a client that counts no clock of its own a state, and return whether that changed anything.

        Its clock is ``at`` or higher: above those that it had in other tables, if that is the time.

        Raises:
            ProtocolError: the state is no JSON, or larger than `MAX_STATE_BYTES`.
            LimitExceeded: there are too many clients, or too much is said of them.
        """
        known = client_id in self._present or client_id in self._removed
        clock = max(self.newest(client_id) + 1, at) if known else at
        changed = self._take(check_entry(Entry(client_id, clock, state)), owner)
        if client_id in self._present:
            self._self[client_id] = owner
        elif client_id in self._self:
            self._settle(client_id)
        return changed

    def owner(self, client_id: int) -> Hashable | None:
        """Who announced a client last; None if it is not here."""
        return self._owner.get(client_id)

    def speaker(self, client_id: int) -> Hashable | None:
        """Who said last that it is this client itself, or speaks for it from elsewhere."""
        return self._self.get(client_id)

    def entry(self, client_id: int) -> Entry | None:
        """What is known of a client that is present."""
        return self._present.get(client_id)

    def newest(self, client_id: int) -> int:
        """The highest clock that anybody was told of a client."""
        known = self._present.get(client_id) or self._removed.get(client_id)
        return max(known.clock if known else 0, self._lead.get(client_id, 0))

    @property
    def led(self) -> list[int]:
        """The clients of whom somebody was told a clock that they may not have counted."""
        return list(self._lead)

    def lead(self, client_id: int, clock: int) -> bool:
        """Somebody elsewhere was told this clock of a client that answers; return whether that is news."""
        if client_id not in self._present or clock <= self.newest(client_id):
            return False
        self._lead[client_id] = clock
        return True

    def relay(self, entry: Entry, owner: Hashable, at: int = 0) -> None:
        """Show a state that a client said elsewhere, with a clock that nobody here has heard.

        Those here may have been told that it is gone, at a clock that it did not count itself. They may have
        heard the same state elsewhere: the clock is ``at`` or higher.

        Raises:
            LimitExceeded: there are too many clients, or too much is said of them.
        """
        client_id = entry.client_id
        if client_id in self._present or client_id in self._removed:
            at = max(at, self.newest(client_id) + 1)
        self._admit(entry._replace(clock=max(entry.clock, at)), owner)
        self._self[client_id] = owner

    def overtake(self, entry: Entry, owner: Hashable) -> bool:
        """`relay` what is said elsewhere of a client that is here as well, and return whether it was newer.

        No clock is made up for it: it would take its own older state for a newer one. Who is not heard of
        here after that has moved there. Raises LimitExceeded as `relay` does.
        """
        client_id = entry.client_id
        was = self._owner.get(client_id)
        newer = self._take(entry, owner, relayed=True)
        if newer and self._self.get(client_id) == was:
            self._self[client_id] = owner
        return newer

    def hand_over(self, client_id: int) -> None:
        """A client that was shown as elsewhere is here: its state is that of who speaks for it."""
        owner = self._self[client_id]
        self._disown(client_id)
        self._own(client_id, owner)

    def remove(self, client_id: int) -> None:
        """Remove a client that was shown as elsewhere, and is nowhere."""
        self._remove(Entry(client_id, self.newest(client_id) + 1, None))
        self._self.pop(client_id, None)

    def remove_owner(self, owner: Hashable) -> list[int]:
        """Remove all clients of an owner that has left and return their ids."""
        gone = sorted(self._clients.get(owner, ()))
        for client_id in gone:
            self._remove(Entry(client_id, self.newest(client_id) + 1, None))
        for client_id in [client_id for client_id, known in self._self.items() if known == owner]:
            self._settle(client_id)
        return gone

    def encode(self, client_ids: Iterable[int]) -> bytes:
        """Encode what is known of these clients as an awareness update; unknown ids are left out."""
        known = (self._present.get(client_id) or self._removed.get(client_id) for client_id in client_ids)
        return encode_entries(entry for entry in known if entry)

    def known(self, owner: Hashable) -> bytes:
        """Everybody, with the newest clocks that were told, for an owner that does not hear of itself."""
        return encode_entries([*self._removed.values(), *self._others(owner)])

    def welcome(self, owner: Hashable) -> bytes:
        """Everybody, with clocks that nobody has heard, for a newcomer, who is asked to say itself again."""
        for client_id in self._present.keys() & self._self.keys():
            if self._self[client_id] != owner:
                self._lead[client_id] = self.newest(client_id) + 1
        own = [client_id for client_id, known in self._self.items() if known == owner]
        gone = [entry for entry in self._removed.values() if entry.client_id not in own]
        return encode_entries([*gone, *self._others(owner), *self._recalls(own)])

    def behind(self, client_ids: Iterable[int]) -> list[int]:
        """Those of these clients whose states newcomers take for old."""
        return [client_id for client_id in client_ids if client_id in self._lead]

    def recall(self, client_ids: Iterable[int]) -> bytes:
        """An awareness update for these clients themselves, who answer it with their states."""
        return encode_entries(self._recalls(client_ids))

    def _recalls(self, client_ids: Iterable[int]) -> Iterator[Entry]:
        return (Entry(client_id, self.newest(client_id) + LEAP, None) for client_id in client_ids)

    def _others(self, owner: Hashable) -> Iterator[Entry]:
        for client_id, entry in self._present.items():
            if self._self.get(client_id) != owner:
                yield entry._replace(clock=self.newest(client_id))

    def _meet(self, entry: Entry, owner: Hashable) -> None:
        """A client says who it is. If it is a stranger, the others may know it from another table."""
        if entry.client_id not in self._present and entry.client_id not in self._removed:
            self._lead[entry.client_id] = entry.clock
        self._self[entry.client_id] = owner

    def _settle(self, client_id: int) -> None:
        """Nobody answers for a client any more: what newcomers were told of it counts for all."""
        del self._self[client_id]
        entry, lead = self._present.get(client_id), self._lead.pop(client_id, 0)
        if entry is not None:
            self._present[client_id] = entry._replace(clock=max(entry.clock, lead))

    def _take(self, entry: Entry, owner: Hashable, *, relayed: bool = False) -> bool:
        client_id, clock, state = entry
        if self._self.get(client_id) != owner and clock <= self._lead.get(client_id, -1):
            return False  # a newcomer's echo
        known = self._present.get(client_id) or self._removed.get(client_id)
        newer = known is None or clock > known.clock
        if state is not None:
            if newer:
                if not relayed:
                    self._require_share(client_id, owner)
                self._admit(entry, owner)
            return newer
        leaves = known is not None and clock == known.clock and self._owner.get(client_id, self) == owner
        if newer or leaves:
            self._remove(entry._replace(clock=max(clock, self._lead.get(client_id, 0))))
        return known is not None and known.state is not None and (newer or leaves)

    def _admit(self, entry: Entry, owner: Hashable) -> None:
        client_id = entry.client_id
        if client_id not in self._present and len(self._present) >= self._max_clients:
            raise LimitExceeded(f"more than {self._max_clients} clients are present")
        more = _size(entry) - _size(self._present.get(client_id))
        self._require_room(more)
        self._disown(client_id)
        self._removed.pop(client_id, None)
        self._count(more)
        self._present[client_id] = entry
        self._own(client_id, owner)
        if entry.clock > self._lead.get(client_id, -1):
            self._lead.pop(client_id, None)

    def _require_share(self, client_id: int, owner: Hashable) -> None:
        clients = self._clients.get(owner, ())
        if client_id not in clients and len(clients) >= self._max_clients_per_owner:
            raise LimitExceeded(f"one connection announced more than {self._max_clients_per_owner} clients")

    def _require_room(self, more: int) -> None:
        """Raise LimitExceeded for so many bytes more than are allowed; fewer always are."""
        if more > 0 and self._bytes + more > self._max_bytes:
            raise LimitExceeded(
                f"the states in a collection have more than {self._max_bytes} bytes (collection_bytes)"
            )
        if more > 0 and self._shared.used + more > self._shared.most:
            raise LimitExceeded(
                f"the states in all collections have more than {self._shared.most} bytes (all_bytes)"
            )

    def _count(self, more: int) -> None:
        self._bytes += more
        self._shared.used += more

    def _remove(self, entry: Entry) -> None:
        self._disown(entry.client_id)
        self._lead.pop(entry.client_id, None)
        self._count(-_size(self._present.pop(entry.client_id, None)))
        self._removed.pop(entry.client_id, None)
        self._removed[entry.client_id] = entry
        if len(self._removed) > MAX_REMOVED:
            del self._removed[next(iter(self._removed))]

    def _own(self, client_id: int, owner: Hashable) -> None:
        self._owner[client_id] = owner
        self._clients.setdefault(owner, set()).add(client_id)

    def _disown(self, client_id: int) -> None:
        owner = self._owner.pop(client_id, None)
        clients = self._clients.get(owner)
        if clients is not None:
            clients.discard(client_id)
            if not clients:
                del self._clients[owner]


def _size(entry: Entry | None) -> int:
    return len(entry.state.encode()) if entry and entry.state else 0
