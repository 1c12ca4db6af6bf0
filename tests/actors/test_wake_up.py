from __future__ import annotations

import asyncio
import gc

from protobase_actors import ManualClock, WakeUp


async def settle() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_all_who_wait_go_on_and_who_comes_later_waits_for_the_next() -> None:
    wake_up = WakeUp()
    wake_up.wake()  # of which nobody hears
    first = [asyncio.ensure_future(wake_up.wait()) for _ in range(2)]
    await settle()
    assert not any(task.done() for task in first)
    wake_up.wake()
    later = asyncio.ensure_future(wake_up.wait())
    await settle()
    assert all(task.done() for task in first)
    assert not later.done()
    later.cancel()


async def test_who_waits_no_longer_than_so_long_wakes_nobody_else() -> None:
    wake_up, clock = WakeUp(), ManualClock()
    short, long = (asyncio.ensure_future(wake_up.wait_at_most(clock, seconds)) for seconds in (1, 2))
    await settle()
    await clock.advance(1)
    assert (short.done(), long.done()) == (True, False)
    wake_up.wake()
    await settle()
    assert long.done()


async def test_one_who_gives_up_takes_nobody_along() -> None:
    wake_up = WakeUp()
    leaving, staying = (asyncio.ensure_future(wake_up.wait()) for _ in range(2))
    await settle()
    leaving.cancel()
    await settle()
    assert not staying.done()
    wake_up.wake()
    await settle()
    assert staying.done()


async def test_all_go_on_in_the_next_round_of_the_loop() -> None:
    wake_up = WakeUp()
    tasks = [asyncio.ensure_future(wake_up.wait()) for _ in range(2)]
    await settle()
    wake_up.wake()
    await asyncio.sleep(0)
    await asyncio.sleep(0)  # what a task has returned is known in the round in which it runs, behind this one
    assert all(task.done() for task in tasks)


async def test_who_is_cancelled_in_the_same_moment_is_left_out() -> None:
    wake_up = WakeUp()
    leaving, staying = (asyncio.ensure_future(wake_up.wait()) for _ in range(2))
    await settle()
    leaving.cancel()
    wake_up.wake()
    await settle()
    assert leaving.cancelled()
    assert staying.done()


async def test_nothing_is_left_of_those_who_have_given_up() -> None:
    wake_up = WakeUp()
    for _ in range(3):
        waiting = asyncio.ensure_future(wake_up.wait())
        await settle()
        waiting.cancel()
        await settle()
    assert not any(isinstance(each, asyncio.Future) for each in gc.get_referents(*gc.get_referents(wake_up)))


async def test_one_who_is_about_to_wait_in_a_task_misses_nothing() -> None:
    wake_up = WakeUp()
    waiting = asyncio.ensure_future(wake_up.wait())
    wake_up.wake()
    await settle()
    assert waiting.done()


async def test_who_forgets_a_future_leaves_none() -> None:
    wake_up = WakeUp()
    kept, given_up = wake_up.future(), wake_up.future()
    given_up.set_result(None)  # by somebody else than who wakes
    wake_up.forget(given_up)
    wake_up.forget(given_up)
    assert not kept.done()
    wake_up.wake()
    assert kept.done()
