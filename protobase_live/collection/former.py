"""What a deleted history of a collection leaves: enough to know a Yjs client that still has a copy of it.

A copy is no different from an edit: sent back, it would bring the collection back. A copy names the Yjs
clients that wrote it in its state vector, and who wrote most is named by every copy that is worth the name.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from protobase_live.errors import MalformedUpdate
from protobase_live.protocol.yjs.state_vector import decode_state_vector, encode_state_vector
from protobase_live.protocol.yjs.structs import Structs
from protobase_storage import Loaded

CHOSEN_IDS = 2**16
"""Yjs chooses client ids below 2**32 at random. Programs choose small ones for content that many documents
begin with: who has that has no copy of anything."""

FORMER_CLIENTS = 250
"""Most Yjs clients that are remembered, those that wrote most; they take at most 4 KiB."""


def remains_of(stored: Loaded) -> bytes:
    """What is left when a history is deleted that nobody has loaded, as far as it can be read."""
    structs = Structs()
    for update in stored.updates:
        with suppress(MalformedUpdate):
            structs.take(update, lenient=True)
    return Former(stored.remains).remains(structs.vector)


class Former:
    """The Yjs clients of the histories that were deleted."""

    def __init__(self, remains: bytes = b"") -> None:
        """``remains`` is what `remains` gave at the last deletion."""
        self._clients = decode_state_vector(remains) if remains else {}

    def remains(self, vector: Mapping[int, int]) -> bytes:
        """What is left when a history with the state vector ``vector`` is deleted, too."""
        known = {client: clock for client, clock in vector.items() if client >= CHOSEN_IDS}
        clients = sorted({**self._clients, **known}.items(), key=lambda each: each[1], reverse=True)
        return encode_state_vector(dict(clients[:FORMER_CLIENTS])) if clients else b""

    def has_left(self, state: Mapping[int, int], vector: Mapping[int, int]) -> bool:
        """Whether somebody with the state vector ``state`` has a copy of what was deleted.

        What the collection, with the state vector ``vector``, has again is no such copy.
        """
        return any(state.get(client) and client not in vector for client in self._clients)
