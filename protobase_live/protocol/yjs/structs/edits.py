"""What an editor sends at once: common structs of one client, and what it deletes.

It is read without a walker, several times faster. Whatever is of another shape, be it right or wrong, goes to
the walker.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from protobase_live.protocol.yjs.common_structs import CLIENT, CLOCK, ID, client_of, clock_of, read_common
from protobase_live.protocol.yjs.struct import MAX_CLOCK, Struct
from protobase_live.protocol.yjs.update_walker import LONG_NUMBER, DeletedRange
from protobase_live.protocol.yjs.varint import read_varuints

_HEAD = re.compile(rb"\x01([\x01-\x7f])" + ID)
_DELETE = re.compile(rb"\x01" + CLIENT + rb"\x01" + CLOCK + CLOCK)
_MAX_DELETES_BYTES = 256
"""A larger delete set is often what the document has already, and the walker need not read that."""

Edit = tuple[int, Sequence[Struct], Sequence[DeletedRange]]
"""A client, its structs, and what is deleted of any client; a plain tuple, because one is made per update."""


@lru_cache(maxsize=1)  # it may be read to foresee where it writes, and then to be taken
def read_edit(update: bytes) -> Edit | None:
    """Read an update of that shape; None for all others."""
    head = _HEAD.match(update)
    if head is not None:
        count, client = head[1][0], client_of(head[2])
        structs, end = read_common(update, head.end(), client, clock_of(head[3]), count)
        if len(structs) < count:
            return None
    elif update[:1] == b"\x00":
        client, structs, end = -1, (), 1
    else:
        return None
    deletes = _deletes(update, end)
    return None if deletes is None else (client, structs, deletes)


def _deletes(update: bytes, at: int) -> Sequence[DeletedRange] | None:
    """The delete set at the end of the update; None if it is unusual or wrong."""
    if update[at:] == b"\x00":
        return ()
    found = _DELETE.fullmatch(update, at)
    if found is None:
        return _several_deletes(update, at)
    start, length = clock_of(found[2]), clock_of(found[3])
    if not length:
        return None
    return (DeletedRange(client_of(found[1]), start, start + length),)


def _several_deletes(update: bytes, at: int) -> Sequence[DeletedRange] | None:
    size = len(update) - at
    if not 0 < size <= _MAX_DELETES_BYTES or update[-1] >= 0x80 or LONG_NUMBER.search(update, at):
        return None
    numbers = iter(read_varuints(update, at, size)[0])
    deletes, clients = list[DeletedRange](), set[int]()
    for _ in range(next(numbers)):
        client, count, behind = next(numbers, 0), next(numbers, 0), 0
        if client in clients or not count:
            return None
        clients.add(client)
        for _ in range(count):
            start, length = next(numbers, 0), next(numbers, 0)
            if start < behind or not 0 < length <= MAX_CLOCK - start:
                return None
            behind = start + length
            deletes.append(DeletedRange(client, start, behind))
    return deletes if next(numbers, None) is None else None
