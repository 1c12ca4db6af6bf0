"""Answers that are there already."""

import inspect

from protobase_live.handles import Done, then


async def test_done_gives_its_result_every_time():
    done = Done(3)
    assert await done == 3
    assert await done == 3


async def test_then_of_something_done_is_done():
    assert isinstance(then(Done(3), str), Done)
    assert await then(Done(3), str) == "3"


async def test_then_of_a_coroutine_is_one():
    async def three():
        return 3

    waiting = then(three(), str)
    assert inspect.iscoroutine(waiting)
    assert await waiting == "3"
