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
        theirs = other.by_client[client]
        for start, end in _pieces(log, theirs, other.deletes.by_client.get(client, Ranges())):
            same_place = _place(one, (client, start)) == _place(other, (client, start))
            if not same_place or log.encode(start, end) != theirs.encode(start, end):
                return client, start
    return None


def _place(logs: Logs, id: Id) -> tuple[Id | str | None, int]:
    """Where a struct is, told so that it is the same in all documents."""
    place = logs.place(id)
    return logs.parent(place.parent), place.sub


def _pieces(one: Log, other: Log, deleted: Ranges) -> Iterator[tuple[int, int]]:
    """The clocks that are not deleted, in pieces that lie in one struct of either log."""
    edges = {*one.starts, *other.starts, *deleted.starts, *deleted.ends, one.end}
    for start, end in pairwise(sorted(edges)):
        if start not in deleted:
            yield start, end
