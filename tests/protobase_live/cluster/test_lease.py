"""The owner stops making use of the lease before anybody else can have it."""

from __future__ import annotations

from protobase_actors import ManualClock
from protobase_live.cluster.lease import Lease


async def test_it_holds_from_when_it_was_asked_for_and_less_by_the_drift() -> None:
    clock = ManualClock()
    lease = Lease(clock, 2.0, 0.25)
    assert not lease.holds
    asked_at = clock.monotonic()
    await clock.advance(0.5)
    lease.renew(asked_at)
    assert lease.holds
    await clock.advance(1.0)
    assert lease.holds
    await clock.advance(0.1)
    assert not lease.holds


async def test_an_answer_that_comes_late_makes_it_no_shorter() -> None:
    clock = ManualClock()
    lease = Lease(clock, 2.0, 0.0)
    first = clock.monotonic()
    await clock.advance(1.0)
    lease.renew(clock.monotonic())
    lease.renew(first)
    await clock.advance(1.5)
    assert lease.holds
