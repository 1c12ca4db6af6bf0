"""Awareness: who is present in a document, and with what cursor, colour and name.

Format and rules: y-protocols `awareness.js`. An update is a list of (client id, clock, state as
JSON text), the state `null` meaning that the client is gone. A client counts its clock up with
every change, so the newest entry wins wherever it came from.
"""

from collections.abc import Hashable, Iterable
from typing import NamedTuple

from protobase_live.errors import LimitExceeded, ProtocolError
from protobase_live.protocol.json_text import parse_json
from protobase_live.protocol.varint import MAX_VARUINT, prefixed, read_bytes, read_varuint, varuint

MAX_ENTRIES = 4096
"""Entries of one awareness update."""

MAX_STATE_BYTES = 16 * 1024
"""Bytes of one client's state, as JSON in UTF-8."""

MAX_CLIENTS = 4096
"""Clients present in one table; a stock client is one browser tab."""

MAX_CLIENTS_PER_OWNER = 256
"""Clients one connection may speak for, so that no single one fills the table."""

MAX_REMOVED = 1024
"""Clients gone whose last clock is still known; the longest gone is forgotten first."""


class Entry(NamedTuple):
    """One client's presence at a clock; `state` is JSON text, None when the client is gone."""

    client_id: int
    clock: int
    state: str | None


def decode_entries(payload: bytes) -> list[Entry]:
    """Decode an awareness update.

    Raises:
        ProtocolError: the payload is malformed, a state is no JSON, or a limit is exceeded.
    """
    count, pos = read_varuint(payload, 0)
    if count > MAX_ENTRIES:
        raise ProtocolError(f"awareness update of {count} entries, the limit is {MAX_ENTRIES}")
    entries: list[Entry] = []
    for _ in range(count):
        client_id, pos = read_varuint(payload, pos)
        clock, pos = read_varuint(payload, pos)
        raw, pos = read_bytes(payload, pos)
        if clock == MAX_VARUINT:
            raise ProtocolError(f"awareness clock of client {client_id} leaves no room for the next")
        entries.append(Entry(client_id, clock, _state(client_id, raw)))
    if pos != len(payload):
        raise ProtocolError(f"{len(payload) - pos} bytes after the awareness update")
    return entries


def encode_entries(entries: Iterable[Entry]) -> bytes:
    """Encode entries as an awareness update."""
    parts = [
        varuint(client_id) + varuint(clock) + prefixed((state or "null").encode())
        for client_id, clock, state in entries
    ]
    return varuint(len(parts)) + b"".join(parts)


def _state(client_id: int, raw: bytes) -> str | None:
    if len(raw) > MAX_STATE_BYTES:
        raise ProtocolError(
            f"awareness state of client {client_id} has {len(raw)} bytes, the limit is {MAX_STATE_BYTES}"
        )
    try:
        text = raw.decode()
        return None if parse_json(text) is None else text
    except ValueError as error:
        raise ProtocolError(f"awareness state of client {client_id} is not JSON: {error}") from None


class Awareness:
    """The presence of all clients of one document, each owned by whoever announced it last.

    An owner is any hashable: a connection, a peer. The table forgets nothing by itself; an owner
    that has left is told with `remove_owner`. Clients that are gone stay known for a while, so
    that a late echo of their last state does not bring them back. Send them to whoever joins,
    too: a stock client that returns and hears it is gone announces itself anew.
    """

    def __init__(
        self, *, max_clients: int = MAX_CLIENTS, max_clients_per_owner: int = MAX_CLIENTS_PER_OWNER
    ) -> None:
        self._max_clients = max_clients
        self._max_clients_per_owner = max_clients_per_owner
        self._present: dict[int, Entry] = {}
        self._removed: dict[int, Entry] = {}
        self._owner: dict[int, Hashable] = {}
        self._clients: dict[Hashable, set[int]] = {}

    @property
    def states(self) -> dict[int, str]:
        """The states of the clients present, as JSON text by client id."""
        return {client_id: entry.state for client_id, entry in self._present.items() if entry.state}

    @property
    def removed(self) -> list[int]:
        """Ids of the clients gone that are still known, the longest gone first."""
        return list(self._removed)

    def apply(self, update: bytes, owner: Hashable) -> list[int]:
        """Take in an awareness update and return the ids of the clients it changed.

        An entry changes its client if its clock is newer, and the sender becomes its owner. With
        an equal clock it only can remove a client, and only its owner can: others who missed a
        renewal think so, but the connection is still here. Everything else is an echo, ignored.

        Raises:
            ProtocolError: the update is malformed; nothing was changed.
            LimitExceeded: `max_clients` or `max_clients_per_owner` would be exceeded; the entries
                before the one too many were taken in.
        """
        return [entry.client_id for entry in decode_entries(update) if self._take(entry, owner)]

    def remove_owner(self, owner: Hashable) -> list[int]:
        """Remove all clients of an owner that has left and return their ids."""
        gone = sorted(self._clients.get(owner, ()))
        for client_id in gone:
            self._remove(Entry(client_id, self._present[client_id].clock + 1, None))
        return gone

    def encode(self, client_ids: Iterable[int]) -> bytes:
        """Encode what is known of these clients as an awareness update; unknown ids are left out."""
        known = (self._present.get(client_id) or self._removed.get(client_id) for client_id in client_ids)
        return encode_entries(entry for entry in known if entry)

    def _take(self, entry: Entry, owner: Hashable) -> bool:
        client_id, clock, state = entry
        known = self._present.get(client_id) or self._removed.get(client_id)
        newer = known is None or clock > known.clock
        if state is not None:
            if newer:
                self._admit(entry, owner)
            return newer
        leaves = known is not None and clock == known.clock and self._owner.get(client_id, self) == owner
        if newer or leaves:
            self._remove(entry)
        return known is not None and known.state is not None and (newer or leaves)

    def _admit(self, entry: Entry, owner: Hashable) -> None:
        client_id = entry.client_id
        clients = self._clients.get(owner, set())
        if client_id not in clients and len(clients) >= self._max_clients_per_owner:
            raise LimitExceeded(f"one connection announced more than {self._max_clients_per_owner} clients")
        if client_id not in self._present and len(self._present) >= self._max_clients:
            raise LimitExceeded(f"more than {self._max_clients} clients are present")
        self._disown(client_id)
        self._removed.pop(client_id, None)
        self._present[client_id] = entry
        self._owner[client_id] = owner
        self._clients.setdefault(owner, set()).add(client_id)

    def _remove(self, entry: Entry) -> None:
        self._disown(entry.client_id)
        self._present.pop(entry.client_id, None)
        self._removed.pop(entry.client_id, None)
        self._removed[entry.client_id] = entry
        if len(self._removed) > MAX_REMOVED:
            del self._removed[next(iter(self._removed))]

    def _disown(self, client_id: int) -> None:
        owner = self._owner.pop(client_id, None)
        clients = self._clients.get(owner)
        if clients is not None:
            clients.discard(client_id)
            if not clients:
                del self._clients[owner]
