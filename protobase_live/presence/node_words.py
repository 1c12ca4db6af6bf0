"""What nodes tell each other of presence, as bytes.

To a peer goes a mapping by collection. A payload is parts, one behind the other: what a node says of its own
clients there. A node passes the parts of others on as they came. Under `NODES`, which is no collection's
name, a node tells which nodes it knows, and what each said of its own links.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from protobase_live.protocol.yjs.awareness import Entry, encode_entries, relayed_entries
from protobase_live.protocol.yjs.varint import prefixed, read_bytes, read_varuint, varuint, varuints

NODES = ""
"""Where in the mapping a node tells of nodes."""

NODE_BITS = 53
"""A node draws a number of so many bits each time it starts, and is known by it."""


class Links(NamedTuple):
    """What a node says of its own links, to the nodes ``linked``. Its highest number is its last word."""

    node: int
    number: int
    linked: tuple[int, ...]


class Part(NamedTuple):
    """What a node says of its clients in one collection; `data` is all of it, as bytes to pass on.

    The numbers of what a node says of a collection rise. ``whole``: it has no clients there but these.
    ``ahead``: clocks that it had to tell of clients of others, which those have to count on from.
    """

    node: int
    number: int
    whole: bool
    payload: bytes
    ahead: tuple[tuple[int, int], ...]
    data: bytes

    def entries(self) -> list[Entry]:
        """Its clients, with a state of None if they have left the node. Raises ProtocolError."""
        return relayed_entries(self.payload)


def new_part(
    node: int, number: int, whole: bool, entries: Iterable[Entry], ahead: Iterable[tuple[int, int]] = ()
) -> Part:
    """What ``node`` says of these clients of its own, and clocks by client of others."""
    payload, ahead = encode_entries(entries), tuple(ahead)
    data = varuints((node, number, whole)) + prefixed(payload)
    data += varuints((len(ahead), *chain.from_iterable(ahead)))
    return Part(node, number, whole, payload, ahead, data)


def decode_parts(payload: bytes) -> Iterator[Part]:
    """The parts of a collection's payload. Raises ProtocolError."""
    pos = 0
    while pos < len(payload):
        start = pos
        node, pos = read_varuint(payload, pos)
        number, pos = read_varuint(payload, pos)
        whole, pos = read_varuint(payload, pos)
        entries, pos = read_bytes(payload, pos)
        ahead, pos = _read_pairs(payload, pos)
        yield Part(node, number, bool(whole), entries, ahead, payload[start:pos])


def _read_pairs(payload: bytes, pos: int) -> tuple[tuple[tuple[int, int], ...], int]:
    count, pos = read_varuint(payload, pos)
    pairs: list[tuple[int, int]] = []
    for _ in range(count):
        client, pos = read_varuint(payload, pos)
        clock, pos = read_varuint(payload, pos)
        pairs.append((client, clock))
    return tuple(pairs), pos


def encode_nodes(sender: int, known: Iterable[Links]) -> bytes:
    """What ``sender`` knows of nodes, as bytes."""
    words = [varuint(sender)]
    words += (varuints((node, number, len(linked), *linked)) for node, number, linked in known)
    return b"".join(words)


def decode_nodes(payload: bytes) -> tuple[int, list[Links]]:
    """Who says it, and what it knows of nodes. Raises ProtocolError."""
    sender, pos = read_varuint(payload, 0)
    known: list[Links] = []
    while pos < len(payload):
        node, pos = read_varuint(payload, pos)
        number, pos = read_varuint(payload, pos)
        count, pos = read_varuint(payload, pos)
        linked: list[int] = []
        for _ in range(count):
            other, pos = read_varuint(payload, pos)
            linked.append(other)
        known.append(Links(node, number, tuple(linked)))
    return sender, known
