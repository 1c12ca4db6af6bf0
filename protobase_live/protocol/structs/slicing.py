"""A part of what somebody lacks, so large that it can be sent or applied without holding others up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from protobase_live.protocol.structs.log import Log
from protobase_live.protocol.structs.ordering import Ordering
from protobase_live.protocol.structs.writing import Run


class Slice(NamedTuple):
    """Structs that build on nothing but themselves and what was known."""

    runs: list[Run]
    reached: dict[int, int]
    """The state vector of somebody who was given them."""
    complete: bool
    """Whether nothing is left."""


def cut_slice(logs: Mapping[int, Log], known: Mapping[int, int], limit: int) -> Slice:
    """What follows `known`, a state vector, up to about `limit` bytes (at least one struct)."""
    reached = dict(known)
    lacking = {client: log for client, log in logs.items() if log.end > known.get(client, 0)}
    complete = sum(log.size(known.get(client, 0)) for client, log in lacking.items()) <= limit
    if complete:
        reached.update({client: log.end for client, log in lacking.items()})
    else:
        _advance(lacking, reached, limit)
    runs = [
        (client, start, *log.encode(start, reached[client]))
        for client, log in lacking.items()
        if (start := known.get(client, 0)) < reached.get(client, 0)
    ]
    return Slice(runs, reached, complete)


def _advance(logs: Mapping[int, Log], reached: dict[int, int], limit: int) -> None:
    """Raise `reached` struct by struct, in causal order, until these take `limit` bytes."""
    if len(logs) == 1:  # what one client wrote is in causal order
        (log,) = logs.values()
        reached[log.client] = log.end_within(reached.get(log.client, 0), limit)
        return
    queues = {client: log.structs(reached.get(client, 0)) for client, log in logs.items()}
    size = 0
    for client, run in Ordering(queues, reached):
        for struct in run:
            reached[client] = struct.clock + struct.length
            size += struct.end - struct.start
            if size >= limit:
                return
