"""Who waits for what a collection has yet to show."""

from __future__ import annotations

import asyncio

from protobase_actors import Envelope
from protobase_live.collection.awaited import Awaited
from protobase_live.collection.messages import Message, Reach, Reached
from protobase_live.collection.turn import Reaching
from protobase_storage import Vector


def waits(awaited: Awaited, wanted: Vector) -> asyncio.Future[object]:
    answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    message: Message = Reach(wanted)
    awaited.add(Reaching(Envelope(message, answer), wanted, renewed=False))
    return answer


async def test_each_is_answered_when_all_he_wants_is_shown() -> None:
    awaited = Awaited()
    none, one, both = (waits(awaited, each) for each in ({}, {"a/t": 2}, {"a/t": 2, "b/t": 1}))
    awaited.look({"a/t": 1})
    assert (none.done(), one.done(), both.done()) == (True, False, False)
    awaited.look({"a/later": 2})
    assert (await one, both.done()) == (Reached({"a/later": 2}, renewed=False), False)
    awaited.look({"a/later": 2, "b/t": 1})
    assert both.done()
    assert len(awaited) == 0


async def test_who_gives_up_is_forgotten() -> None:
    awaited = Awaited()
    waits(awaited, {"a/t": 1}).cancel()
    awaited.look({})
    assert len(awaited) == 0


async def test_at_the_end_all_are_told_how_far_it_came() -> None:
    awaited = Awaited()
    answer = waits(awaited, {"a/t": 3})
    awaited.end({"a/t": 2})
    assert await answer == Reached({"a/t": 2}, renewed=False)
    assert len(awaited) == 0
