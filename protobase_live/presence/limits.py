"""The limits of presence."""

from dataclasses import dataclass
from typing import ClassVar

from protobase_live.limits import Limited
from protobase_live.protocol.yjs.awareness_table import MAX_CLIENTS, MAX_CLIENTS_PER_OWNER, MAX_TABLE_BYTES


@dataclass(frozen=True, slots=True)
class PresenceLimits(Limited):
    """The limits of presence beside those of the awareness format; the comment says what happens.

    What a Yjs client or another node says beyond them is left out, and nobody is told: its document goes on.
    """

    ABOVE_ZERO: ClassVar[frozenset[str]] = frozenset({"deliveries"})

    clients: int = MAX_CLIENTS  # clients present in a collection: LimitExceeded
    clients_per_member: int = MAX_CLIENTS_PER_OWNER  # clients of one connection: LimitExceeded
    collection_bytes: int = MAX_TABLE_BYTES  # states in one collection, as JSON: LimitExceeded
    all_bytes: int = 64 * 1024 * 1024  # states in all collections: LimitExceeded
    members: int = 10_000  # connections that hear of one collection: LimitExceeded
    deliveries: float = 4_000.0  # payloads a second to all members of a collection: ticks are longer
    tick_clients: int = 1024  # clients in one payload; the others follow in the next tick
    renew_seconds: float = 15.0  # stock clients forget a state that is not renewed within 30 seconds
    peer_seconds: float = 2.0  # how long those at a node that cannot be reached are shown; ticks are shorter
    peer_clients: int = 65_536  # clients that one other node brings, in all collections: left out
    peer_bytes: int = 32 * 1024 * 1024  # states that one other node brings, as JSON: left out
    peer_nodes: int = 256  # nodes that are known of, this one too: what others say is left out
    peer_left: int = 4096  # collections that a node left, known to be empty; the longest empty is forgotten
    piece_bytes: int = 256 * 1024  # of what a new peer is told in a tick; the last collection may be larger
