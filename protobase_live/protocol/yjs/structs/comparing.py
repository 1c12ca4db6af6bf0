"""Whether two documents hold the same, however that is cut into structs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from protobase_live.protocol.yjs.ranges import Ranges
from protobase_live.protocol.yjs.struct import Id
from protobase_live.protocol.yjs.structs.log import Log
from protobase_live.protocol.yjs.structs.logs import Logs


def first_difference(one: Logs, other: Logs) -> Id | None:
    """The first clock of a client that is not the same in both, where `other` has not deleted it.

    Both have as many clocks of each client. The same are bytes, neighbours and places.
    """
    for client, log in one.by_client.items():
        deleted = other.deletes.by_client.get(client, Ranges())
        for start, end in _kept(log, deleted):
            if not _is_cut_alike(one, other, client, start, end):
                differing = _first_in(one, other, client, start, end)
                if differing is not None:
                    return client, differing
    return None


def _kept(log: Log, deleted: Ranges) -> Iterator[tuple[int, int]]:
    """The clocks that are not deleted, as ranges without their ends."""
    at = 0
    for start, end in deleted:
        if at < start:
            yield at, start
        at = end
    if at < log.end:
        yield at, log.end


def _is_cut_alike(one: Logs, other: Logs, client: int, start: int, end: int) -> bool:
    """Whether these clocks are the same and also cut into the same structs: then all are compared at once."""
    log, theirs = one.by_client[client], other.by_client[client]
    encoded = log.encode(start, end)
    if encoded != theirs.encode(start, end):
        return False
    first, found = log.find(start), theirs.find(start)
    last, stop = first + encoded[0], found + encoded[0]
    parents = set(zip(log.parents[first:last], theirs.parents[found:stop], strict=True))
    return log.subs[first:last] == theirs.subs[found:stop] and all(
        one.parent(mine) == other.parent(its) for mine, its in parents
    )


def _first_in(one: Logs, other: Logs, client: int, start: int, end: int) -> int | None:
    """The first of these clocks that is not the same in both."""
    log, theirs = one.by_client[client], other.by_client[client]
    for at, stop in _pieces(log, theirs, start, end):
        same_place = _place(one, (client, at)) == _place(other, (client, at))
        if not same_place or log.encode(at, stop) != theirs.encode(at, stop):
            return at
    return None


def _place(logs: Logs, id: Id) -> tuple[Id | str | None, int]:
    """Where a struct is, told so that it is the same in all documents."""
    place = logs.place(id)
    return logs.parent(place.parent), place.sub


def _pieces(one: Log, other: Log, start: int, end: int) -> Iterator[tuple[int, int]]:
    """These clocks, in pieces that lie in one struct of either log."""
    edges = {start, end}
    for log in (one, other):
        edges.update(log.starts[log.find(start) + 1 : log.find(end - 1) + 1])
    return pairwise(sorted(edges))
