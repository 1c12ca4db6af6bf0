"""What an editor sends at a keystroke: one common struct of one client, and at most one deleted range.

It is read without a walker, several times faster. Whatever is of another shape, be it right or wrong, goes to
the walker.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from protobase_live.protocol.common_structs import CLIENT, CLOCK, client_of, clock_of, read_common
from protobase_live.protocol.struct import Struct
from protobase_live.protocol.update_walker import DeletedRange

_HEAD = re.compile(rb"\x01\x01" + CLIENT + CLOCK)
_DELETE = re.compile(rb"\x01" + CLIENT + rb"\x01" + CLOCK + CLOCK)


class Keystroke(NamedTuple):
    """One struct, and what it deletes."""

    client: int
    struct: Struct
    deletes: tuple[DeletedRange, ...]


def read_keystroke(update: bytes) -> Keystroke | None:
    """Read an update of that shape; None for all others."""
    head = _HEAD.match(update)
    if head is None:
        return None
    client, clock = client_of(head[1]), clock_of(head[2])
    structs, end = read_common(update, head.end(), client, clock, 1)
    if not structs:
        return None
    deletes = _deletes(update, end)
    return None if deletes is None else Keystroke(client, structs[0], deletes)


def _deletes(update: bytes, at: int) -> tuple[DeletedRange, ...] | None:
    """A delete set of none or one range at the end of the update; None for another."""
    if update[at:] == b"\x00":
        return ()
    found = _DELETE.fullmatch(update, at)
    if found is None:
        return None
    start, length = clock_of(found[2]), clock_of(found[3])
    return (DeletedRange(client_of(found[1]), start, start + length),) if length else None
