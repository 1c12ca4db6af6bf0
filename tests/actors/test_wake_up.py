from __future__ import annotations

import asyncio

from protobase_actors import WakeUp


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


async def test_one_who_is_about_to_wait_in_a_task_misses_nothing() -> None:
    wake_up = WakeUp()
    waiting = asyncio.ensure_future(wake_up.wait())
    wake_up.wake()
    await settle()
    assert waiting.done()
