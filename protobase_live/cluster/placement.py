"""Which node a collection is best opened at, so that those who ask for it meet where it is in memory.

Rendezvous hashing: each node has a weight for each collection, and the highest wins. Whoever knows the same
nodes finds the same one, and a node that comes or goes moves those collections alone that it gets or had.
It is advice: every node serves every collection.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from protobase_live.errors import ValidationError
from protobase_live.model.values import quoted

if TYPE_CHECKING:
    from protobase_live.model.node_status import MemberStatus

WEIGHT_BYTES = 8
"""How long a weight is."""

MAX_ADDRESS_BYTES = 2048
"""Longest address of a node."""

SCHEMES = ("ws", "wss", "http", "https")

EXAMPLE = "wss://n1.example.com"


def preferred(collection: str, nodes: Iterable[MemberStatus]) -> MemberStatus | None:
    """The node with the highest weight, of those that say where clients find them; None: none does."""
    there = [each for each in nodes if each.address]
    return max(there, key=lambda each: (weight(each.node, collection), each.address), default=None)


def weight(node: str, collection: str) -> bytes:
    """BLAKE2b of the collection's name with the node's id as the key, both in UTF-8; bytes compare as numbers
    do that begin with the highest digit."""
    return blake2b(collection.encode(), key=node.encode(), digest_size=WEIGHT_BYTES).digest()


def check_address(url: str) -> str:
    """The address, if clients can be told so to go there; else ValidationError. An empty one is none."""
    if not url:
        return url
    try:
        parts = urlsplit(url)
        is_one = parts.scheme in SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_one, parts = False, urlsplit("")
    if not is_one or len(url.encode()) > MAX_ADDRESS_BYTES:
        raise ValidationError(f"{quoted(url)} is no address of a node; write it like {EXAMPLE} (advertise)")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValidationError(
            "everybody is told a node's address: it has no password and no query (advertise)"
        )
    return url
