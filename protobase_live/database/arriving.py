"""Waiting until a collection has what somebody was acknowledged or shown at another node."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import cast

from protobase_live.collection.messages import Message, Reach, Reached
from protobase_live.errors import Behind
from protobase_live.model.arrival import Arrival
from protobase_live.model.cursor import Cursor
from protobase_storage import Vector, includes, node_of, sequence_of
from protobase_storage.commit import NOTHING

TOLD = 3
"""Most nodes that an error names."""


async def arrive(
    collection: str, cursor: str, arrival: Arrival, ask: Callable[[Message], Awaitable[object]]
) -> None:
    """Wait until ``collection`` has shown all that ``cursor`` names, for as long as ``arrival`` says.

    ``ask`` has the collection's actor answer. What was deleted here with the history that it belongs to is
    not waited for. Raises Behind, and ValidationError for what is no cursor.
    """
    wanted = Cursor.decode(cursor).reach

    async def reach(wanted: Vector) -> Reached:
        return cast(Reached, await ask(Reach(wanted)))

    here = await reach(NOTHING)
    while arrival.awaits((here.vector, wanted)):
        await arrival.wait(partial(reach, wanted))
        here = await reach(NOTHING)
    if not includes(here.vector, wanted):
        _refuse(collection, wanted, here, arrival)


def _refuse(collection: str, wanted: Vector, here: Reached, arrival: Arrival) -> None:
    can_come = arrival.can_come((here.vector, wanted))
    if here.renewed and not can_come:
        return
    lacking = _lacking(here.vector, wanted)
    if can_come and not here.renewed:
        raise Behind(
            f"{collection}: {lacking} did not come here within {arrival.seconds:g} seconds (ahead_seconds)"
        )
    error = Behind(f"{collection}: {lacking} is not in its history here, and is not waited for any more")
    error.retryable = False
    raise error


def _lacking(here: Vector, wanted: Vector) -> str:
    """The commits that are not here, in words."""
    told = [
        f"commit {sequence} of node {node_of(origin)} (here is {sequence_of(here, origin)})"
        for origin, sequence in wanted.items()
        if not includes(here, {origin: sequence})
    ]
    more = f" and of {len(told) - TOLD} others" if len(told) > TOLD else ""
    return ", ".join(told[:TOLD]) + more
