"""What ends with a token, and when its end is told of before."""

from __future__ import annotations

import pytest

from protobase_actors import ManualClock
from protobase_live.server.expiry import Expiry, expiring


class Told:
    """What an expiry has said, and when, in seconds of its clock."""

    def __init__(self, warning_seconds: float = 30.0) -> None:
        self.clock = ManualClock(1_000_000.0)
        self.log: list[tuple[float, object]] = []
        self.expiry = Expiry(self.clock, lambda: self.say("ended"), self.say, warning_seconds)

    def say(self, what: object) -> None:
        self.log.append((self.clock.monotonic(), what))

    def set(self, left: float | None) -> None:
        self.expiry.set(None if left is None else self.clock.time() + left)


@pytest.mark.parametrize(("left", "warned", "seconds"), [(100.0, 70.0, 30.0), (40.0, 20.0, 20.0)])
async def test_the_end_and_a_warning_before_it(left, warned, seconds):
    told = Told()
    told.set(left)
    await told.clock.advance(left - 0.001)
    assert told.log == [(warned, seconds)]
    assert not told.expiry.over
    await told.clock.advance(0.001)
    assert told.log == [(warned, seconds), (left, "ended")]
    assert told.expiry.over


async def test_another_token_takes_the_place_of_the_first():
    told = Told()
    told.set(100.0)
    await told.clock.advance(80.0)
    told.set(100.0)
    await told.clock.advance(69.0)
    assert told.log == [(70.0, 30.0)]
    told.set(None)
    await told.clock.advance(1000.0)
    assert told.log == [(70.0, 30.0)]


async def test_the_same_token_again_is_not_warned_of_again():
    told = Told()
    told.set(100.0)
    await told.clock.advance(80.0)
    told.set(20.0)
    await told.clock.advance(20.0)
    assert told.log == [(70.0, 30.0), (100.0, "ended")]


async def test_what_is_over_already_ends_at_once_and_tells_no_negative_time():
    told = Told()
    told.set(-5.0)
    await told.clock.advance(0.0)
    assert (0.0, "ended") in told.log
    assert all(what in ("ended", 0.0) for _, what in told.log)


async def test_nothing_is_told_behind_the_block():
    clock, ends = ManualClock(), []
    with expiring(clock, 10.0, lambda: ends.append(clock.monotonic())):
        await clock.advance(5.0)
    await clock.advance(50.0)
    assert ends == []
    with expiring(clock, clock.time() + 1.0, lambda: ends.append(clock.monotonic())):
        await clock.advance(1.0)
    assert ends == [56.0]
