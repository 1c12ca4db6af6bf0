"""Updates put together from bytes of structs (Yjs `writeClientsStructs`, `writeDeleteSet`)."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence

from protobase_live.protocol.structs.ranges import Ranges
from protobase_live.protocol.varint import varuint

EMPTY_UPDATE = b"\x00\x00"
"""The update that changes nothing."""

Run = tuple[int, int, int, bytes]
"""Structs of one client in a row: the client, the first clock, how many they are, and their bytes."""


STEP_RANGES = 5_000
"""Deleted ranges that are written without a pause."""


def encode_update(runs: Sequence[Run], deletes: Mapping[int, Ranges]) -> bytes:
    """One update. Clients with higher ids come first, as Yjs writes them."""
    return join_update(runs, encode_deletes(deletes) if deletes else b"\x00")


def join_update(runs: Sequence[Run], deletes: bytes) -> bytes:
    """`encode_update` with a delete set that is encoded already."""
    parts = [varuint(len(runs))]
    for client, start, count, raw in sorted(runs, reverse=True):
        parts += [varuint(count), varuint(client), varuint(start), raw]
    parts.append(deletes)
    return b"".join(parts)


def encode_deletes(deletes: Mapping[int, Ranges]) -> bytes:
    """A delete set as it stands at the end of an update."""
    steps = deletes_in_steps(deletes)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def deletes_in_steps(deletes: Mapping[int, Ranges]) -> Generator[None, None, bytes]:
    """`encode_deletes`, with pauses in which the ranges may not change."""
    parts = [varuint(len(deletes))]
    for client in sorted(deletes, reverse=True):
        ranges = deletes[client]
        parts += [varuint(client), varuint(len(ranges.starts))]
        for number, (start, end) in enumerate(ranges, 1):
            parts.append(varuint(start) + varuint(end - start))
            if number % STEP_RANGES == 0:
                yield
    return b"".join(parts)
