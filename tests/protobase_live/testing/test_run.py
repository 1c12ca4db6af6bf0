"""A run is a function of its seed."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator
from typing import Any

from protobase_live.testing import World, simulate


async def _numbers() -> AsyncGenerator[int]:
    yield 1


async def _leave_behind() -> None:
    """A generator in a cycle, as a crash leaves it."""
    numbers = _numbers()
    cycle: list[Any] = [numbers]
    cycle.append(cycle)
    await anext(numbers)


async def _scenario(world: World) -> None:
    for _ in range(20):
        await _leave_behind()
        _kept.append([[] for _ in range(_made)])
        await asyncio.sleep(0)


_kept: list[Any] = []
_made = 0
"""How many objects are made in each step: by these the collector goes."""


def test_when_the_collector_runs_changes_nothing() -> None:
    global _made
    traces: list[int] = []
    for _made in (0, 500, 3_000):
        traces.append(simulate(_scenario, 1).trace)
        _kept.clear()
    assert len(set(traces)) == 1
    assert gc.isenabled()
