"""Letting go of what some clients have just written, and of nothing else.

It is what compaction does with everything that is deleted, for the ends of some logs: the structs keep their
clocks and their places, so whoever has written them agrees with whoever is sent them without what they held.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Generator, Iterator, Mapping
from typing import NamedTuple

from protobase_live.protocol.yjs.ranges import Ranges
from protobase_live.protocol.yjs.struct import DELETED, GC, Id
from protobase_live.protocol.yjs.structs.admission import NOWHERE
from protobase_live.protocol.yjs.structs.log import CHAINED, GONE, KEYED, Log, Place
from protobase_live.protocol.yjs.structs.logs import Logs
from protobase_live.protocol.yjs.structs.pieces import Splitter
from protobase_live.protocol.yjs.structs.store import Store
from protobase_live.protocol.yjs.update_walker import STEP_STRUCTS
from protobase_live.protocol.yjs.varint import varuint


class Piece(NamedTuple):
    """A struct or a part of one, as `Log.append` takes it."""

    raw: bytes
    content: int
    length: int
    marks: int
    place: Place


def redact(store: Store, gone: Mapping[int, Ranges]) -> Generator[None, None, None]:
    """Delete clocks, some of the last of each client, and let go of what they held, with pauses."""
    logs, cuts = store.logs, list[Id]()
    for client, ranges in gone.items():  # all of them first: one may be inside another client's
        store.delete_all(client, ranges, cuts)
    store.cut(cuts)
    store.fresh.sole = store.unsettled.sole = None
    for client, ranges in gone.items():
        yield from _let_go(logs, logs.by_client[client], ranges)
        store.totals.changed.add(client)


def _let_go(logs: Logs, log: Log, gone: Ranges) -> Generator[None, None, None]:
    pieces, right, start = list[Piece](), log.right, gone.starts[0]
    for number in range(log.find(start), len(log)):
        splitter = log.splitter(number)
        for begin, end in _apart(max(start, log.starts[number]), log.end_of(number), gone):
            cut = _emptied if begin in gone else _kept
            pieces.append(cut(logs, log, number, splitter, begin, end))
        if number % STEP_STRUCTS == 0:
            yield
    log.cut(start)
    for piece in pieces:
        log.append(*piece)
    log.right = right


def _apart(start: int, end: int, gone: Ranges) -> Iterator[tuple[int, int]]:
    """The clocks from ``start`` to ``end`` in parts that are gone as a whole or not at all."""
    number = bisect_right(gone.ends, start)
    while start < end:
        edge = end
        if number < len(gone.ends):
            edge = gone.starts[number] if start < gone.starts[number] else gone.ends[number]
            number += edge == gone.ends[number]
        yield start, min(edge, end)
        start = min(edge, end)


def _emptied(logs: Logs, log: Log, number: int, splitter: Splitter, start: int, end: int) -> Piece:
    parent = log.parents[number]
    if parent == GONE or (parent >= 0 and logs.is_deleted(parent)):
        return Piece(b"\x00" + varuint(end - start), 1, end - start, GC | CHAINED, NOWHERE)
    marks = DELETED | log.marks[number] & (KEYED | CHAINED) | _chained(splitter, start)
    return _piece(splitter.deleted(start, end), splitter, start, end, marks, log.place(number))


def _kept(logs: Logs, log: Log, number: int, splitter: Splitter, start: int, end: int) -> Piece:
    marks = log.marks[number] | _chained(splitter, start)
    return _piece(splitter.piece(start, end), splitter, start, end, marks, log.place(number))


def _piece(raw: bytes, splitter: Splitter, start: int, end: int, marks: int, place: Place) -> Piece:
    return Piece(raw, len(splitter.head(start)), end - start, marks, place)


def _chained(splitter: Splitter, start: int) -> int:
    """CHAINED for what does not begin where its struct does: it follows the rest of it."""
    return CHAINED if start > splitter.struct.clock else 0
