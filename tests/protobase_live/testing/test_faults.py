"""What goes wrong in a simulated cluster ends when it is healed."""

from __future__ import annotations

import asyncio

from protobase_live.testing import Faults, World, simulate
from protobase_live.testing.faults import SLOW_SECONDS


async def two_slow_down(world: World) -> None:
    usual, faults, random = world.network.config, Faults(world), world.random("slow")
    slow = [asyncio.ensure_future(faults._slow_down([], random)) for _ in range(2)]
    await world.clock.sleep(0.1)
    assert world.network.config.latency == SLOW_SECONDS
    await asyncio.gather(*slow)
    assert world.network.config == usual


async def slow_when_healed(world: World) -> None:
    usual, faults = world.network.config, Faults(world)
    slow = asyncio.ensure_future(faults._slow_down([], world.random("slow")))
    await world.clock.sleep(0.1)
    faults.heal([])
    assert world.network.config == usual
    slow.cancel()


def test_a_network_that_was_slow_twice_at_once_is_fast_again() -> None:
    for seed in range(5):
        assert simulate(two_slow_down, seed).failure is None


def test_a_network_that_is_slow_is_fast_when_it_is_healed() -> None:
    assert simulate(slow_when_healed, 0).failure is None
