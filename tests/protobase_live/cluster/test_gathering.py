"""What is lacking waits for more only where that saves messages, and where nobody waits for it."""

from __future__ import annotations

import asyncio

import pytest

from protobase_actors import ManualClock
from protobase_live.cluster.gathering import Gathering
from protobase_live.cluster.limits import ClusterLimits

LIMITS = ClusterLimits(gather_seconds=0.5, gather_pause_seconds=0.25)
LITTLE, MUCH = 1, LIMITS.gather_bytes


class World:
    """A link that something is about to be sent on."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.gathering = Gathering(LIMITS, self.clock)

    async def next(self, unanswered: int = 0) -> asyncio.Task[None]:
        """A wait has begun with so much unanswered."""
        waiting = asyncio.ensure_future(self.gathering.wait(unanswered))
        await self.clock.settle()
        return waiting

    async def later(self, seconds: float) -> None:
        await self.clock.advance(seconds)
        await self.clock.settle()


@pytest.fixture
def world() -> World:
    return World()


async def test_the_first_message_waits_for_nothing(world: World) -> None:
    assert (await world.next()).done()


async def test_behind_a_little_one_that_was_answered_a_pause_is_made(world: World) -> None:
    world.gathering.sent(LITTLE)
    waiting = await world.next()
    await world.later(LIMITS.gather_pause_seconds / 2)
    assert not waiting.done()
    await world.later(LIMITS.gather_pause_seconds / 2)
    assert waiting.done()


async def test_the_pause_is_counted_from_the_message_on(world: World) -> None:
    world.gathering.sent(LITTLE)
    await world.later(LIMITS.gather_pause_seconds)
    assert (await world.next()).done()


async def test_behind_a_little_one_its_answer_is_waited_for(world: World) -> None:
    world.gathering.sent(LITTLE)
    waiting = await world.next(LITTLE)
    await world.later(LIMITS.gather_pause_seconds)
    assert not waiting.done()
    world.gathering.answered.wake()
    await world.clock.settle()
    assert waiting.done()


async def test_the_answer_is_not_waited_for_longer_than_so_long(world: World) -> None:
    world.gathering.sent(LITTLE)
    waiting = await world.next(LITTLE)
    await world.later(LIMITS.gather_seconds)
    assert waiting.done()


async def test_an_answer_that_comes_at_once_does_not_end_the_pause(world: World) -> None:
    world.gathering.sent(LITTLE)
    waiting = await world.next(LITTLE)
    world.gathering.answered.wake()
    await world.clock.settle()
    assert not waiting.done()
    await world.later(LIMITS.gather_pause_seconds)
    assert waiting.done()


async def test_behind_much_nothing_waits(world: World) -> None:
    world.gathering.sent(MUCH)
    assert (await world.next(MUCH)).done()
    assert (await world.next()).done(), "it was answered"


async def test_who_waits_to_be_durable_there_ends_the_pause(world: World) -> None:
    world.gathering.sent(LITTLE)
    waiting = await world.next()
    world.gathering.hurry()
    await world.clock.settle()
    assert waiting.done()


async def test_who_has_begun_to_wait_before_is_not_made_to_wait(world: World) -> None:
    world.gathering.sent(LITTLE)
    world.gathering.hurry()
    assert (await world.next()).done()
    world.gathering.sent(LITTLE)
    assert not (await world.next()).done(), "it was sent"
