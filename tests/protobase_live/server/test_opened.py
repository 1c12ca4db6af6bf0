"""How many collections one client uses."""

from __future__ import annotations

import pytest

from protobase_actors import ManualClock
from protobase_live.errors import Overloaded
from protobase_live.server.counters import Counters
from protobase_live.server.limits import ServerLimits
from protobase_live.server.opened import Opened


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def opened(clock: ManualClock) -> Opened:
    limits = ServerLimits(identity_collections=2, identity_collection_seconds=60.0)
    return Opened(limits, clock, Counters())


async def test_so_many_are_used_until_they_were_left_for_a_while(opened: Opened, clock: ManualClock):
    opened.use(["a", "b"])
    await clock.advance(50)
    opened.use(["a"])
    with pytest.raises(Overloaded, match="identity_collections"):
        opened.use(["c"])
    await clock.advance(11)
    opened.use(["c"])
    with pytest.raises(Overloaded):
        opened.use(["b"])


async def test_what_is_open_counts_as_long_as_it_is(opened: Opened, clock: ManualClock):
    with opened.holding(["a"]), opened.holding(["a", "b"]):
        await clock.advance(1_000)
        assert not opened.idle
        with pytest.raises(Overloaded), opened.holding(["c"]):
            pass
    assert not opened.idle
    with pytest.raises(Overloaded):
        opened.use(["c"])
    await clock.advance(61)
    assert opened.idle
    opened.use(["c", "d"])
    assert len(opened) == 2


async def test_nothing_is_idle_from_the_start(opened: Opened):
    assert opened.idle
