"""Updates put together from bytes of structs (Yjs `writeClientsStructs`)."""

from __future__ import annotations

from collections.abc import Sequence

from protobase_live.protocol.yjs.varint import varuint

NO_DELETES = b"\x00"
"""The delete set with nothing in it."""

EMPTY_UPDATE = b"\x00\x00"
"""The update that changes nothing."""

Run = tuple[int, int, int, bytes]
"""Structs of one client in a row: the client, the first clock, how many they are, and their bytes."""


def encode_update(runs: Sequence[Run], deletes: bytes) -> bytes:
    """One update, with an encoded delete set. Clients with higher ids come first, as Yjs writes them."""
    parts = [varuint(len(runs))]
    for client, start, count, raw in sorted(runs, reverse=True):
        parts += [varuint(count), varuint(client), varuint(start), raw]
    parts.append(deletes)
    return b"".join(parts)
