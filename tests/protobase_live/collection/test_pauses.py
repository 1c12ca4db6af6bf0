"""What failed is tried again less and less often, and not everything is remembered for ever."""

from __future__ import annotations

import pytest

from protobase_actors import ManualClock
from protobase_live.collection.pauses import Pauses


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


async def test_each_failure_doubles_the_pause_up_to_its_limit(clock) -> None:
    failed, waited = Pauses(clock, 3.0, 2), []
    for _ in range(4):
        failed.add("a", "broken")
        begun = clock.monotonic()
        while failed.reason_to_wait("a") == "broken":
            await clock.advance(0.5)
        waited.append(clock.monotonic() - begun)
    assert waited == [1, 2, 3, 3]
    failed.release("a")
    assert (failed.add("a", "again"), failed.add("a", "again")) == (True, False)
    await clock.advance(2)
    assert failed.reason_to_wait("a") is None


def test_the_oldest_are_forgotten(clock) -> None:
    failed = Pauses(clock, 1.0, 2)
    for name in "abc":
        failed.add(name, name)
    assert failed.reasons == {"b": "b", "c": "c"}
