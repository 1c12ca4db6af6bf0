"""Who is refused again and again waits, ever longer, until he is not for a while."""

from __future__ import annotations

import gc

import pytest

from protobase_actors import ManualClock
from protobase_live.server.limits import ServerLimits
from protobase_live.server.restraint import Restraint, Restraints

LIMITS = ServerLimits(put_backs_in_a_row=2, put_back_seconds=1, put_back_seconds_most=6)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def restraint(clock: ManualClock) -> Restraint:
    return Restraints(clock, LIMITS).one()


async def counted(clock: ManualClock, restraint: Restraint, times: int) -> list[float]:
    """The pauses of so many in a row, each right after the pause before it."""
    pauses: list[float] = []
    for _ in range(times):
        pauses.append(restraint.count())
        assert restraint.active is (pauses[-1] > 0)
        await clock.advance(pauses[-1])
        assert not restraint.active
    return pauses


async def test_each_pause_is_twice_as_long_up_to_the_longest(clock, restraint):
    assert await counted(clock, restraint, 7) == [0, 0, 1, 2, 4, 6, 6]


async def test_a_row_is_forgotten_after_the_longest_pause_in_which_nothing_was_put_back(clock, restraint):
    await counted(clock, restraint, 4)
    await clock.advance(5.9)
    assert await counted(clock, restraint, 1) == [4]
    await clock.advance(6)
    assert await counted(clock, restraint, 3) == [0, 0, 1]


async def test_what_was_on_its_way_when_a_pause_began_is_not_counted(clock, restraint):
    assert [restraint.count() for _ in range(10)] == [0, 0, 1] + [0] * 7
    await clock.advance(1)
    assert restraint.count() == 2


async def test_there_may_be_no_pauses(clock):
    restraint = Restraint(clock, ServerLimits(put_backs_in_a_row=0, put_back_seconds=0))
    assert await counted(clock, restraint, 5) == [0] * 5


async def test_who_waits_is_called_once_and_who_left_is_not(clock, restraint):
    called: list[str] = []
    ann, bob = lambda: called.append("ann"), lambda: called.append("bob")
    for _ in range(3):
        restraint.count()
    for over in (ann, ann, bob):
        restraint.wait(over)
    restraint.leave(bob)
    await clock.advance(1)
    assert called == ["ann"]
    restraint.count()
    await clock.advance(2)
    assert called == ["ann"]


def test_a_collection_has_one_as_long_as_somebody_has_it(clock):
    restraints = Restraints(clock, LIMITS)
    one = restraints.of("a")
    assert one is restraints.of("a")
    assert one is not restraints.of("b")
    one.count()
    del one
    gc.collect()
    assert len(restraints._shared) == 0
