"""Letting go of what is deleted, as Yjs does (`tryGcDeleteSet`, `Item.gc`).

A deleted struct keeps its place and loses its content; what was inside a deleted shared type loses its place,
too. Neighbours that have become alike are joined.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from protobase_live.protocol.structs.admission import NOWHERE
from protobase_live.protocol.structs.log import CHAINED, GONE, KEYED, KIND_MARK, Log
from protobase_live.protocol.structs.logs import Logs
from protobase_live.protocol.structs.pieces import deleted, head, piece
from protobase_live.protocol.update_walker import DELETED, GC, STEP_STRUCTS
from protobase_live.protocol.varint import varuint


def compact(logs: Logs) -> Iterator[None]:
    """Let go of everything that is deleted, with pauses in which nothing else may be done with the logs."""
    while _delete_orphans(logs):
        yield
    for client, log in logs.by_client.items():
        ranges = logs.deletes.get(client)
        if ranges is None:
            continue
        compacted, at = Log(client, log.index), 0
        for number, (start, end) in enumerate(ranges):
            _copy(log, compacted, at, start)
            yield from _let_go(logs, log, compacted, start, end)
            at = end
            if number % STEP_STRUCTS == STEP_STRUCTS - 1:
                yield
        _copy(log, compacted, at, log.end)
        compacted.right = log.right
        log.become(compacted)
        yield


def _delete_orphans(logs: Logs) -> bool:
    """Delete what was written into a shared type before somebody deleted that; whether there was any.

    Whoever deletes a type names what he sees in it. What others wrote meanwhile every Yjs client deletes by
    itself.
    """
    found = False
    for client, log in logs.by_client.items():
        deleted = {parent for parent in set(log.parents) if parent >= 0 and logs.is_deleted(parent)}
        for number, parent in enumerate(log.parents) if deleted else ():
            if parent in deleted and logs.delete(client, log.starts[number], log.end_of(number)):
                found = True
    return found


def _copy(log: Log, target: Log, start: int, end: int) -> None:
    """Add the clocks from `start` up to `end` as they are."""
    while target.end < end:
        first = log.find(target.end)
        last = log.find(end)  # the first that is not whole
        if end == log.end:
            last = len(log)
        if log.starts[first] == target.end and first < last:
            _copy_whole(log, target, first, last)
        else:
            _copy_piece(log, target, first, min(end, log.end_of(first)))


def _copy_whole(log: Log, target: Log, first: int, last: int) -> None:
    begin = log.offsets[first]
    end = log.offsets[last] if last < len(log) else len(log.data)
    moved = len(target.data) - begin
    target.data += log.data[begin:end]
    target.starts += log.starts[first:last]
    target.offsets += array("I", [offset + moved for offset in log.offsets[first:last]])
    target.parents += log.parents[first:last]
    target.subs += log.subs[first:last]
    target.marks += log.marks[first:last]
    target.end = log.end_of(last - 1)
    target.contents = target.read(len(target) - 1).content


def _copy_piece(log: Log, target: Log, number: int, end: int) -> None:
    struct, start = log.read(number), target.end
    marks = log.marks[number] | (CHAINED if start > struct.clock else 0)
    raw = piece(log.data, log.client, struct, start, end)
    content = len(head(log.data, log.client, struct, start))
    target.append(raw, content, end - start, marks, log.place(number))


def _let_go(logs: Logs, log: Log, target: Log, start: int, end: int) -> Iterator[None]:
    """Add the clocks from `start` up to `end` without what they held."""
    steps = 0
    while target.end < end:
        number = log.find(target.end)
        parent = log.parents[number]
        if parent == GONE or (parent >= 0 and logs.is_deleted(parent)):
            length = min(end, log.end_of(number)) - target.end
            target.append(b"\x00" + varuint(length), 1, length, GC | CHAINED, NOWHERE)
        else:
            _append_deleted(log, target, number, end)
        steps += 1
        if steps % STEP_STRUCTS == 0:
            yield


def _append_deleted(log: Log, target: Log, number: int, end: int) -> None:
    struct, start, marks = log.read(number), target.end, log.marks[number]
    last, place = number, log.place(number)
    while last + 1 < len(log) and log.end_of(last) < end and _follows(log, last + 1, marks):
        last += 1
    stop = min(end, log.end_of(last))
    kept = DELETED | marks & (KEYED | CHAINED) | (CHAINED if start > struct.clock else 0)
    raw = deleted(log.data, log.client, struct, start, stop)
    target.append(raw, len(head(log.data, log.client, struct, start)), stop - start, kept, place)


def _follows(log: Log, number: int, marks: int) -> bool:
    """Whether a struct can be one with the deleted one before it, once both have lost their content."""
    mark = log.marks[number]
    return mark & CHAINED != 0 and (mark ^ marks) & KEYED == 0 and mark & KIND_MARK != GC
