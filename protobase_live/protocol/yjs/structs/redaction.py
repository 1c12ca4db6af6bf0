"""Letting go of what some clients have just written, and of nothing else.

It is what compaction does with everything that is deleted, for the ends of some logs: the structs keep their
clocks and their places, so whoever has written them agrees with whoever is sent them without what they held.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import NamedTuple

from protobase_live.protocol.yjs.struct import DELETED, GC
from protobase_live.protocol.yjs.structs.admission import NOWHERE
from protobase_live.protocol.yjs.structs.log import CHAINED, GONE, KEYED, Log, Place
from protobase_live.protocol.yjs.structs.logs import Logs
from protobase_live.protocol.yjs.structs.store import Store
from protobase_live.protocol.yjs.update_walker import STEP_STRUCTS
from protobase_live.protocol.yjs.varint import varuint


class Empty(NamedTuple):
    """A struct without what it held, as `Log.append` takes it."""

    raw: bytes
    content: int
    length: int
    marks: int
    place: Place


def redact(store: Store, starts: Mapping[int, int]) -> Generator[None, None, None]:
    """Delete all clocks of each client from these on, and let go of what they held, with pauses."""
    logs = store.logs
    for client, start in starts.items():  # all of them first: one may be inside another client's
        store.delete(client, start, logs.by_client[client].end, [])
    store.fresh.sole = store.unsettled.sole = None
    for client, start in starts.items():
        yield from _empty(logs, logs.by_client[client], start)
        store.totals.changed.add(client)


def _empty(logs: Logs, log: Log, start: int) -> Generator[None, None, None]:
    emptied, right = list[Empty](), log.right
    for count, number in enumerate(range(log.find(start), len(log)), 1):
        emptied.append(_emptied(logs, log, number, max(start, log.starts[number])))
        if count % STEP_STRUCTS == 0:
            yield
    log.cut(start)
    for each in emptied:
        log.append(*each)
    log.right = right


def _emptied(logs: Logs, log: Log, number: int, start: int) -> Empty:
    """What becomes of a struct from the clock ``start`` on."""
    end, parent = log.end_of(number), log.parents[number]
    if parent == GONE or (parent >= 0 and logs.is_deleted(parent)):
        return Empty(b"\x00" + varuint(end - start), 1, end - start, GC | CHAINED, NOWHERE)
    splitter = log.splitter(number)
    kept = log.marks[number] & (KEYED | CHAINED) | (CHAINED if start > log.starts[number] else 0)
    raw, content = splitter.deleted(start, end), len(splitter.head(start))
    return Empty(raw, content, end - start, DELETED | kept, log.place(number))
