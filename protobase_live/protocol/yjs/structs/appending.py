"""The commonest structs on their way into their client's log, without a detour.

This runs for each struct of each update: it is one loop, written for speed. What breaks a rule or needs a
closer look is left to the general way (`Taking`), which does the same with what is taken here.
"""

from __future__ import annotations

from collections.abc import Iterator

from protobase_live.errors import MalformedUpdate
from protobase_live.protocol.yjs.struct import DELETED, HAS_PARENT_SUB, KIND, TEXT, TYPE, VALUES, Id, Struct
from protobase_live.protocol.yjs.structs.admission import NOWHERE, TEXT_KINDS, place_of
from protobase_live.protocol.yjs.structs.log import ASTRAL, CHAINED, GONE, KEYED, KIND_MARK, PAIR, Log
from protobase_live.protocol.yjs.structs.logs import Logs

_VALUE_IN_PARENT = VALUES | HAS_PARENT_SUB
"""The first byte of values that name their parent and their key."""

_IN_SEQUENCES = frozenset({DELETED, TEXT, VALUES})
"""What stands beside something, and has no rules but those that are checked here."""

_IN_ROOTS = frozenset({TYPE, VALUES})
"""What any root may hold, one at a time: it has no kind of its own, and is in nothing that is deleted."""


def append_common(logs: Logs, log: Log, update: bytes, structs: Iterator[Struct]) -> Struct | None:
    """Append a client's next structs, up to the first that is not common, with which it answers.

    `update` has their bytes. One that builds on what is not known is not common either.
    """
    client, last_parent, last_number = log.client, None, 0
    for struct in structs:
        clock, length, info, origin, right, parent, sub, start, content, end = struct
        if clock != log.end:
            return struct
        if info == _VALUE_IN_PARENT and parent == last_parent and length == 1 and sub:
            # What holds of the parent holds still: nothing is deleted before all structs are in.
            place = last_number, logs.key_number(sub)
            log.append_unjoined(update[start:end], content - start, 1, VALUES | KEYED, place, None)
            continue
        kind = info & KIND
        if kind == TEXT and length + 1 != end - content and PAIR.search(update, content, end):
            return struct
        if parent is not None:
            if kind in _IN_ROOTS and length == 1 and isinstance(parent, str):
                place = logs.root_number(parent), 0 if sub is None else logs.key_number(sub)
            elif kind == VALUES and length == 1 and parent == (client, clock - 1):
                place = _place_in_last(logs, log, sub)
            else:
                place = _place_in_parent(logs, client, struct)
            if place is None:
                return struct
            last_parent, last_number = parent, place[0]
            marks = kind | KEYED if place[1] else kind
            log.append(update[start:end], content - start, length, marks, place)
            continue
        if kind not in _IN_SEQUENCES:
            return struct
        if origin == (client, clock - 1):
            number = len(log.starts) - 1
            place, beside = (log.parents[number], log.subs[number]), log.marks[number]
            chained = right == log.right
        else:
            found = _place_beside(logs, right if origin is None else origin, origin is not None)
            if found is None:
                return struct
            place, beside = found
            chained = False
        if place[1] or place[0] == GONE or (place[0] >= 0 and logs.is_deleted(place[0])):
            return struct
        if kind == TEXT and place[0] >= 0 and beside & KIND_MARK not in TEXT_KINDS:
            return struct
        if right is not None and origin is not None and not chained:  # else it was looked at
            found = _place_beside(logs, right, False)
            if found is None or found[0] != place:
                return struct
        log.append(
            update[start:end], content - start, length, kind | CHAINED if chained else kind, place, right
        )
    return None


def _place_in_last(logs: Logs, log: Log, sub: str | None) -> tuple[int, int] | None:
    """Where a value in the last struct of a log belongs, as the first field of a new record does; None if
    that is no shared type, or deleted."""
    number = logs.type_number((log.client, log.end - 1))
    if log.marks[-1] & KIND_MARK != TYPE or logs.is_deleted(number):
        return None
    return number, 0 if sub is None else logs.key_number(sub)


def _place_in_parent(logs: Logs, client: int, struct: Struct) -> tuple[int, int] | None:
    """Where a struct without neighbours belongs; None if that needs a closer look."""
    parent = struct.parent
    if isinstance(parent, tuple) and not logs.knows(parent):
        return None
    try:
        place = place_of(logs, client, struct)
    except MalformedUpdate:  # read again by who can take it back and say what was wrong
        return None
    several = place.sub and struct.length > 1
    return None if place is NOWHERE or several else place


def _place_beside(logs: Logs, id: Id | None, is_left: bool) -> tuple[tuple[int, int], int] | None:
    """Where a neighbour is, and its marks; None if it is not there, or may cut two UTF-16 units apart."""
    assert id is not None, "a struct without a parent has a neighbour"
    log = logs.by_client.get(id[0])
    if log is None or log.end <= id[1]:
        return None
    number = log.find(id[1])
    marks = log.marks[number]
    if marks & ASTRAL and (log.end_of(number) != id[1] + 1 if is_left else log.starts[number] != id[1]):
        return None
    return (log.parents[number], log.subs[number]), marks
