"""What a client has under way is bounded in bytes."""

from __future__ import annotations

import asyncio

from protobase_live.server.in_flight import InFlight


async def waits(task: asyncio.Task[None]) -> bool:
    for _ in range(3):
        await asyncio.sleep(0)
    return not task.done()


async def test_who_takes_more_waits_until_there_is_room() -> None:
    under_way = InFlight(10)
    await under_way.take(4)
    await under_way.take(6)
    task = asyncio.ensure_future(under_way.take(5))
    assert await waits(task)
    under_way.give_back(4)
    assert await waits(task)
    under_way.give_back(6)
    await task


async def test_what_is_longer_is_taken_alone() -> None:
    under_way = InFlight(10)
    await under_way.take(1_000)
    task = asyncio.ensure_future(under_way.take(1_000))
    assert await waits(task)
    under_way.give_back(1_000)
    await task
