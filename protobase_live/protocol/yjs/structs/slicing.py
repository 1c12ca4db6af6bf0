"""A part of what somebody lacks, so large that it can be sent or applied without holding others up.

There may be very many clients: each is looked at once for a slice, and no further if nothing of it is in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from protobase_live.protocol.yjs.struct import Struct
from protobase_live.protocol.yjs.structs.log import Log
from protobase_live.protocol.yjs.structs.ordering import Ordering
from protobase_live.protocol.yjs.structs.writing import Run

SLICE_STRUCTS = 1_000
"""Most structs that a slice puts in order, and most clients that it has any of; it takes some 20 ms."""


class Slice(NamedTuple):
    """Structs that build on nothing but themselves and what was known."""

    runs: list[Run]
    reached: dict[int, int]
    """The state vector of somebody who was given them."""
    complete: bool
    """Whether nothing is left."""


def cut_slice(logs: Mapping[int, Log], known: Mapping[int, int], limit: int) -> Slice:
    """What follows `known`, a state vector, up to about `limit` bytes (at least one struct).

    It is less where these bytes are very many structs of several clients (`SLICE_STRUCTS`).
    """
    lacking = (log for client, log in logs.items() if log.end > known.get(client, 0))
    ends, size = dict[int, int](), 0
    for log in lacking:
        ends[log.client] = log.end
        size += log.size(known.get(log.client, 0))
        if size > limit or len(ends) > SLICE_STRUCTS:
            break
    complete = size <= limit and len(ends) <= SLICE_STRUCTS
    if not complete and len(ends) == 1 and next(lacking, None) is None:
        ends = {client: logs[client].end_within(known.get(client, 0), limit) for client in ends}
    elif not complete:
        ends = _ends_in_order(logs, list(ends), known, limit)
    return Slice(_runs(logs, known, ends), {**known, **ends}, complete)


def all_runs(logs: Mapping[int, Log], known: Mapping[int, int]) -> list[Run]:
    """All that follows `known`, a state vector."""
    ends = {client: log.end for client, log in logs.items() if log.end > known.get(client, 0)}
    return _runs(logs, known, ends)


def _runs(logs: Mapping[int, Log], known: Mapping[int, int], ends: Mapping[int, int]) -> list[Run]:
    """What follows `known`, of each client in `ends` up to the clock there."""
    starts = {client: known.get(client, 0) for client in ends}
    return [(client, start, *logs[client].encode(start, ends[client])) for client, start in starts.items()]


def _ends_in_order(
    logs: Mapping[int, Log], clients: list[int], known: Mapping[int, int], limit: int
) -> dict[int, int]:
    """The clocks behind the first structs of `clients`, and of others before them in causal order.

    They take `limit` bytes, which `clients` have.
    """
    reached, ends, size = dict(known), dict[int, int](), 0
    left = SLICE_STRUCTS
    for client, run in Ordering(_Queues(logs, clients, reached), reached):
        for struct in run:
            reached[client] = ends[client] = struct.clock + struct.length
            size += struct.end - struct.start
            left -= 1
            if size >= limit or not left:
                return ends
    return ends


class _Queues(Mapping[int, Iterator[Struct]]):
    """The structs that are not reached, of some clients and whoever else is asked for."""

    def __init__(self, logs: Mapping[int, Log], clients: list[int], reached: Mapping[int, int]) -> None:
        self._logs = logs
        self._clients = clients
        self._reached = reached
        self._begun: dict[int, Iterator[Struct]] = {}

    def __getitem__(self, client: int) -> Iterator[Struct]:
        if client not in self._begun:
            self._begun[client] = self._logs[client].structs(self._reached.get(client, 0))
        return self._begun[client]

    def __contains__(self, client: object) -> bool:
        return client in self._logs

    def __iter__(self) -> Iterator[int]:
        return iter(self._clients)

    def __len__(self) -> int:
        return len(self._clients)
