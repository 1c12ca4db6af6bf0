"""The updates that editors send most, taken in at once.

Two have a regular expression of their own, which reads all of the update: typing on, and setting a key that
is set. Then come all that `read_keystroke` knows. They run for each keystroke of each client, so they are
written for speed. Whatever is not exactly of these shapes, or breaks a rule, is left to the general way
(`Taking`), which does the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from protobase_live.errors import MalformedUpdate
from protobase_live.protocol.common_structs import CLIENT, CLOCK, PLAIN, client_of, clock_of
from protobase_live.protocol.struct import VALUES, Struct
from protobase_live.protocol.structs.admission import NOWHERE, marks_of, place_of
from protobase_live.protocol.structs.keystrokes import read_keystroke
from protobase_live.protocol.structs.log import CHAINED, GONE, KEYED
from protobase_live.protocol.structs.store import Store
from protobase_live.protocol.update_walker import DeletedRange

_ID = CLIENT + CLOCK

_TYPING = re.compile(rb"\x01\x01" + _ID + rb"\x84" + _ID + rb"([\x01-\x7f])([\x00-\x7f]+)\x00", re.DOTALL)
"""One struct, ASCII, with a left neighbour and no right one; nothing deleted."""

_DELETED_CLOCK = rb"\x01" + CLIENT + rb"\x01" + CLOCK + rb"\x01"
_ENTRY = re.compile(rb"\x01\x01" + _ID + rb"\xa8" + _ID + rb"\x01" + PLAIN + _DELETED_CLOCK, re.DOTALL)
"""One struct with one plain value and a left neighbour, and one clock deleted."""


def take_typing(store: Store, update: bytes, barred: int | None) -> bool:
    """Take in ASCII that is typed behind what its client typed last. False: it is something else."""
    found = _TYPING.fullmatch(update)
    if found is None:
        return False
    client_raw, clock_raw, left_client, left_clock, size, text = found.groups()
    client, clock = client_of(client_raw), clock_of(clock_raw)
    log = store.logs.by_client.get(client)
    if log is None or log.end != clock or left_client != client_raw or client == barred:
        return False
    if len(text) != size[0] or clock_of(left_clock) != clock - 1:
        return False
    parent = log.parents[-1]
    if (parent >= 0 and store.logs.is_deleted(parent)) or not log.extend_text(text):
        return False
    store.note(client, clock)
    store.vector[client] = log.end
    return True


def take_entry(store: Store, update: bytes, barred: int | None) -> bool:
    """Take in a value that replaces another under its key. False: it is something else."""
    found = _ENTRY.fullmatch(update)
    if found is None:
        return False
    client_raw, clock_raw, left_client, left_clock, gone_client, gone_clock = found.groups()
    if gone_client != left_client or gone_clock != left_clock:
        return False
    client, clock = client_of(client_raw), clock_of(clock_raw)
    left, at = client_of(left_client), clock_of(left_clock)
    logs = store.logs
    log, other = logs.by_client.get(client), logs.by_client.get(left)
    if log is None or other is None or log.end != clock or other.end <= at or client == barred:
        return False
    number = other.find(at)
    parent = other.parents[number]
    if not other.marks[number] & KEYED or parent == GONE or (parent >= 0 and logs.is_deleted(parent)):
        return False
    chained = CHAINED if left == client and at == clock - 1 and log.right is None else 0
    raw = update[found.end(2) : found.start(5) - 1]
    store.note(client, clock)
    content, place = found.end(4) - found.end(2), (parent, other.subs[number])
    log.append_unjoined(raw, content, 1, VALUES | KEYED | chained, place, None)  # no entries are joined
    store.vector[client] = clock + 1
    store.delete(left, at, at + 1, [])  # what stands under a key is no text that could be cut
    return True


def take_keystroke(store: Store, update: bytes, barred: int | None) -> bool:
    """Take in one struct that follows what is known. False: it is something else, or breaks a rule."""
    found = read_keystroke(update)
    if found is None or found.client == barred or store.astral:
        return False
    client, struct, deletes = found
    if not _fits(store, client, struct) or not _knows(store, client, struct, deletes):
        return False
    try:
        place = place_of(store.logs, client, struct)
    except MalformedUpdate:  # read again by who can take it back and say what was wrong
        return False
    if place is NOWHERE:
        return False
    log, marks = store.logs.of(client), marks_of(struct, place)
    if struct.right == log.right and struct.origin == (client, struct.clock - 1):
        marks |= CHAINED
    store.note(client, log.end)
    raw = update[struct.start : struct.end]
    log.append(raw, struct.content - struct.start, struct.length, marks, place, struct.right)
    store.vector[client] = log.end
    for deleted in deletes:
        store.delete(*deleted, [])  # without pairs of units there are none to cut
    return True


def _fits(store: Store, client: int, struct: Struct) -> bool:
    """Whether a struct comes next, and all that it builds on is known."""
    clock, _, _, origin, right, parent, *_ = struct
    vector = store.vector
    if clock != vector.get(client, 0):
        return False
    if origin is not None and origin[1] >= vector.get(origin[0], 0):
        return False
    if right is not None and right[1] >= vector.get(right[0], 0):
        return False
    return not isinstance(parent, tuple) or parent[1] < vector.get(parent[0], 0)


def _knows(store: Store, client: int, struct: Struct, deletes: Sequence[DeletedRange]) -> bool:
    """Whether all that is deleted with a struct is known, itself included."""
    for deleted in deletes:
        known = store.vector.get(deleted.client, 0)
        if deleted.client == client:
            known += struct.length
        if deleted.end > known:
            return False
    return True
