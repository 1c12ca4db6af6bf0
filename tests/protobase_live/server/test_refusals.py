"""Who was refused waits when it comes back, and nobody else does."""

from __future__ import annotations

import asyncio

import pytest

from protobase_actors import ManualClock
from protobase_live.server.limits import ServerLimits
from protobase_live.server.refusals import Refusals

LIMITS = ServerLimits(refusal_seconds=1, refusal_seconds_most=16, hold_seconds=8, held=2, refusals=5)
ANN, BOB = 1, 2


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def refusals(clock: ManualClock) -> Refusals:
    return Refusals(clock, LIMITS)


async def waited(clock: ManualClock, refusals: Refusals, caller: int) -> tuple[float, bool, object]:
    """How long a caller was held, whether it was let in, and its ticket."""
    start = clock.monotonic()
    admitting = asyncio.create_task(refusals.admit(caller))
    while not admitting.done():
        await clock.advance(0.5)
    admitted, ticket = admitting.result()
    return clock.monotonic() - start, admitted, ticket


async def test_nobody_waits_who_was_not_refused(clock, refusals):
    refusals.add(ANN, None)
    assert await refusals.admit(BOB) == (True, None)


async def test_each_refusal_doubles_the_wait(clock, refusals):
    ticket, waits = None, []
    for _ in range(4):
        refusals.add(ANN, ticket)
        seconds, admitted, ticket = await waited(clock, refusals, ANN)
        assert admitted
        waits.append(seconds)
    assert waits == pytest.approx([1, 2, 4, 8], abs=0.5)


async def refused_often(clock, refusals, times: int) -> None:
    """Refuse a caller, who comes back when its time has come, so many times."""
    ticket = None
    for _ in range(times):
        refusals.add(ANN, ticket)
        await clock.advance(LIMITS.refusal_seconds_most)
        _, ticket = await refusals.admit(ANN)
    refusals.add(ANN, ticket)


async def test_who_has_to_wait_too_long_is_turned_away_and_still_has_to_wait(clock, refusals):
    await refused_often(clock, refusals, 10)
    seconds, admitted, _ = await waited(clock, refusals, ANN)
    assert (seconds, admitted) == (LIMITS.hold_seconds, False)
    seconds, admitted, _ = await waited(clock, refusals, ANN)
    assert (seconds, admitted) == (LIMITS.refusal_seconds_most - LIMITS.hold_seconds, True)


async def test_a_good_session_clears_it(clock, refusals):
    refusals.add(ANN, None)
    await waited(clock, refusals, ANN)
    assert await refusals.admit(ANN) == (True, None)
    assert len(refusals) == 0


async def test_one_refusal_holds_up_one_connection(clock, refusals):
    """A neighbour behind the same address does not wait for the faults of another."""
    refusals.add(ANN, None)
    held = asyncio.create_task(refusals.admit(ANN))
    await clock.settle()
    assert await refusals.admit(ANN) == (True, None)
    assert not held.done()
    await clock.advance(1)
    assert held.result()[0]


async def test_who_gives_up_waiting_keeps_its_ticket(clock, refusals):
    refusals.add(ANN, None)
    held = asyncio.create_task(refusals.admit(ANN))
    await clock.settle()
    held.cancel()
    await clock.settle()
    assert len(refusals) == 1
    seconds, admitted, _ = await waited(clock, refusals, ANN)
    assert (seconds, admitted) == (1, True)


async def test_a_caller_that_went_away_keeps_its_ticket(clock, refusals):
    refusals.add(ANN, None)
    _, _, ticket = await waited(clock, refusals, ANN)
    refusals.give_back(ANN, ticket)
    refusals.give_back(BOB, None)
    assert len(refusals) == 1


async def test_only_so_many_are_held(clock, refusals):
    for _ in range(3):
        refusals.add(ANN, None)
    held = [asyncio.create_task(refusals.admit(ANN)) for _ in range(2)]
    await clock.settle()
    admitted, _ = await refusals.admit(ANN)
    assert not admitted
    await clock.advance(1)
    assert [task.result()[0] for task in held] == [True, True]
    assert len(refusals) == 1


async def test_refusals_are_forgotten_with_time_and_in_order(clock, refusals):
    refusals.add(ANN, None)
    await clock.advance(1 + LIMITS.refusal_seconds_most + 0.1)
    assert await refusals.admit(ANN) == (True, None)
    for caller in range(100):
        refusals.add(caller, None)
    assert len(refusals) == LIMITS.refusals
    assert await refusals.admit(94) == (True, None)
    assert (await waited(clock, refusals, 95))[0] == 1
