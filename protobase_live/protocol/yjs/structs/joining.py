"""Several updates as one that says what they say, whether it fits anything or not (Yjs `mergeUpdates`)."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from protobase_live.protocol.yjs.delete_set import DeleteSet
from protobase_live.protocol.yjs.struct import SKIP, Struct
from protobase_live.protocol.yjs.structs.pieces import Splitter
from protobase_live.protocol.yjs.structs.writing import Run, encode_update
from protobase_live.protocol.yjs.update_walker import Walker
from protobase_live.protocol.yjs.varint import varuint

Part = tuple[Struct, bytes | bytearray]
"""A struct, and the update that it stands in."""


def join(updates: Iterable[bytes]) -> bytes:
    """One update with the structs and deletions of all; what is between them is a gap in it.

    Where two have the same clocks, those of the struct that begins first are kept.

    Raises:
        MalformedUpdate: one of them is no update.
    """
    found: dict[int, list[Part]] = {}
    deletes = DeleteSet()
    for update in updates:
        walker = Walker(update, sys.maxsize)
        walker.walk()
        for client, structs in walker.clients.items():
            parts = [(struct, walker.data) for struct in structs if struct.info != SKIP]
            found.setdefault(client, []).extend(parts)
        for client, ranges in walker.deletes.items():
            deletes.merge(client, ranges)
    return encode_update([_run(client, parts) for client, parts in found.items()], deletes.encode())


def _run(client: int, parts: list[Part]) -> Run:
    """The structs of one client in a row."""
    parts.sort(key=lambda part: part[0].clock)
    first = at = parts[0][0].clock
    raw, count = bytearray(), 0
    for struct, data in parts:
        end = struct.clock + struct.length
        if end <= at:
            continue
        if struct.clock > at:
            raw += bytes([SKIP]) + varuint(struct.clock - at)
            count += 1
        start = max(struct.clock, at)
        raw += Splitter(data, client, struct).piece(start, end)
        count += 1
        at = end
    return client, first, count, bytes(raw)
