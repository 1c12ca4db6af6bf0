"""Updates put together from bytes of structs (Yjs `writeClientsStructs`, `writeDeleteSet`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from protobase_live.protocol.structs.ranges import Ranges
from protobase_live.protocol.varint import varuint

EMPTY_UPDATE = b"\x00\x00"
"""The update that changes nothing."""

Run = tuple[int, int, int, bytes]
"""Structs of one client in a row: the client, the first clock, how many they are, and their bytes."""


def encode_update(runs: Sequence[Run], deletes: Mapping[int, Ranges]) -> bytes:
    """One update. Clients with higher ids come first, as Yjs writes them."""
    parts = [varuint(len(runs))]
    for client, start, count, raw in sorted(runs, reverse=True):
        parts += [varuint(count), varuint(client), varuint(start), raw]
    parts.append(encode_deletes(deletes) if deletes else b"\x00")
    return b"".join(parts)


def encode_deletes(deletes: Mapping[int, Ranges]) -> bytes:
    """A delete set as it stands at the end of an update."""
    parts = [varuint(len(deletes))]
    for client in sorted(deletes, reverse=True):
        ranges = deletes[client]
        parts += [varuint(client), varuint(len(ranges.starts))]
        parts += [varuint(start) + varuint(end - start) for start, end in ranges]
    return b"".join(parts)
