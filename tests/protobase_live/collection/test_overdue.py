"""What the storage was asked for too long is told, once, in time."""

from __future__ import annotations

import asyncio

import pytest

from protobase_actors import ManualClock
from protobase_live.collection.overdue import Overdue


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def overdue(clock, told) -> Overdue:
    return Overdue(clock, 10, lambda: told.append("late"))


async def test_what_is_answered_in_time_is_not_told(overdue, clock, told) -> None:
    for _ in range(5):
        answer = asyncio.get_running_loop().create_future()
        overdue.expect(answer)
        await clock.advance(9)
        answer.set_result(None)
        await asyncio.sleep(0)
    await clock.advance(100)
    assert told == []
    assert overdue.reason is None


async def test_the_oldest_counts(overdue, clock, told) -> None:
    first, second = (asyncio.get_running_loop().create_future() for _ in range(2))
    overdue.expect(first)
    await clock.advance(6)
    overdue.expect(second)
    await clock.advance(3.9)
    assert (told, overdue.reason) == ([], None)
    await clock.advance(0.1)
    assert told == ["late"]
    assert overdue.reason == "the storage has not answered for 10 seconds (storage_seconds)"
    first.set_result(None)
    await asyncio.sleep(0)
    assert overdue.reason is None
    await clock.advance(6)
    assert overdue.reason is not None


async def test_what_is_answered_already_is_not_waited_for(overdue, clock, told) -> None:
    answer = asyncio.get_running_loop().create_future()
    answer.set_result(None)
    overdue.expect(answer)
    await clock.advance(100)
    assert (told, overdue.reason) == ([], None)


async def test_nothing_is_told_after_the_end(overdue, clock, told) -> None:
    overdue.expect(asyncio.get_running_loop().create_future())
    overdue.close()
    await clock.advance(100)
    assert (told, overdue.reason) == ([], None)
