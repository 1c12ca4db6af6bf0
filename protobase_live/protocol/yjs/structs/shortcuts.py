"""The updates that editors send most, taken in at once.

Two have a regular expression of their own, which reads all of the update: typing on, and setting a key that
is set. Then come all that `read_edit` knows. They run for each keystroke of each client, so they are
written for speed. Whatever is not exactly of these shapes, or breaks a rule, is left to the general way
(`Taking`), which does the same. A gate (`Gate`) says of the first two whether they are let.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence

from protobase_live.protocol.yjs.common_structs import CLIENT, CLOCK, ID, PLAIN, client_of, clock_of
from protobase_live.protocol.yjs.struct import VALUES, Id, Struct
from protobase_live.protocol.yjs.structs.appending import append_common
from protobase_live.protocol.yjs.structs.edits import Edit, read_edit
from protobase_live.protocol.yjs.structs.gate import Gate
from protobase_live.protocol.yjs.structs.log import CHAINED, GONE, KEYED
from protobase_live.protocol.yjs.structs.store import Store

_TYPING = re.compile(
    rb"\x01\x01" + ID + rb"(?:\x84|(\xc4))" + ID + rb"(?(3)" + ID + rb")([\x01-\x7f])([\x00-\x7f]+)\x00",
    re.DOTALL,
)
"""One struct, ASCII, with a left neighbour and perhaps a right one; nothing deleted."""

_DELETED_CLOCK = rb"\x01" + CLIENT + rb"\x01" + CLOCK + rb"\x01"
_VALUE = rb"(?:" + PLAIN + rb"|\x77([\x00-\x7f])([\x00-\x7f]*))"
_ENTRY = re.compile(rb"\x01\x01" + ID + rb"\xa8" + ID + rb"\x01" + _VALUE + _DELETED_CLOCK, re.DOTALL)
"""One struct with one plain value, or ASCII, and a left neighbour, and one clock deleted."""


def is_typing(update: bytes) -> bool:
    """Whether it is ASCII that is typed behind something; where that is, is not looked at."""
    found = _TYPING.fullmatch(update)
    if found is None or len(found[9]) != found[8][0]:
        return False
    client, clock, two, left, left_clock, right, right_clock = found.groups()[:7]
    own = client_of(client), clock_of(clock)
    return not _is_later(own, left, left_clock) and (two is None or not _is_later(own, right, right_clock))


def _is_later(own: Id, client: bytes, clock: bytes) -> bool:
    """Whether a neighbour comes behind what has it, which nothing can build on."""
    return clock_of(clock) >= own[1] and client_of(client) == own[0]


def take_typing(store: Store, update: bytes, barred: int | None, gate: Gate | None = None) -> bool:
    """Take in ASCII typed behind what its client typed last. False: it is something else, or not let."""
    found = _TYPING.fullmatch(update)
    if found is None:
        return False
    client_raw, clock_raw, two, left_client, left_clock, right_client, right_clock, size, text = (
        found.groups()
    )
    client, clock = client_of(client_raw), clock_of(clock_raw)
    log = store.logs.by_client.get(client)
    if log is None or log.end != clock or left_client != client_raw or client == barred:
        return False
    if len(text) != size[0] or clock_of(left_clock) != clock - 1:
        return False
    right = (client_of(right_client), clock_of(right_clock)) if two else None
    parent = log.parents[-1]
    if (parent >= 0 and store.logs.is_deleted(parent)) or (gate is not None and not gate.lets_typing(parent)):
        return False
    if not log.extend_text(text, right):
        return False
    store.note(client, clock)
    store.vector[client] = log.end
    return True


def take_entry(store: Store, update: bytes, barred: int | None, gate: Gate | None = None) -> bool:
    """Take in a value that replaces another under its key. False: it is something else, or not let."""
    found = _ENTRY.fullmatch(update)
    if found is None:
        return False
    client_raw, clock_raw, left_client, left_clock, size, text, gone_client, gone_clock = found.groups()
    if gone_client != left_client or gone_clock != left_clock or (size and size[0] != len(text)):
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
    start, content, end = found.end(2), found.end(4), found.start(7) - 1
    if gate is not None and not gate.lets_entry(other, number, update, content, end):
        return False
    chained = CHAINED if left == client and at == clock - 1 and log.right is None else 0
    store.note(client, clock)
    place = (parent, other.subs[number])
    log.append_unjoined(
        update[start:end], content - start, 1, VALUES | KEYED | chained, place, None
    )  # no entries are joined
    store.vector[client] = clock + 1
    store.delete(left, at, at + 1, [])  # what stands under a key is no text that could be cut
    return True


def take_edit(store: Store, update: bytes, barred: int | None, former: Container[int] = ()) -> bool:
    """Take in common structs of one client that follow what is known, and deletions of what is known.

    False: it is something else, or breaks a rule; nothing was taken.
    """
    edit = read_edit(update)
    if edit is None:
        return False
    client, structs, deletes = edit
    if client == barred or (deletes and not _deletes_known(store.vector, edit)):
        return False
    if structs and client in former and client not in store.vector:
        return False
    if structs and not _append(store, client, update, structs):
        return False
    if deletes:
        cuts: list[Id] = []
        for deleted in deletes:
            store.delete(*deleted, cuts)
        store.cut(cuts)
    return True


def _append(store: Store, client: int, update: bytes, structs: Sequence[Struct]) -> bool:
    logs, roots = store.logs, store.logs.root_count
    log = logs.of(client)  # of which the first struct has to be the next: else it is not common
    before = log.mark() if len(structs) > 1 else None
    if append_common(logs, log, update, iter(structs)) is None:
        store.note(client, structs[0].clock)
        store.vector[client] = log.end
        return True
    if before is not None:
        log.restore(before)
    logs.forget_unused(roots)
    return False


def _deletes_known(vector: Mapping[int, int], edit: Edit) -> bool:
    """Whether all that is deleted with structs is known, themselves included."""
    client, structs, deletes = edit
    for other, _, end in deletes:
        if end > vector.get(other, 0):
            own = other == client and structs
            if not own or end > structs[-1].clock + structs[-1].length:
                return False
    return True
