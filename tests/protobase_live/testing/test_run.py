"""A run is a function of its seed."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from protobase_live.testing import World, simulate
from protobase_live.testing.run import Scenario


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


CLIENTS = 8


async def _connections(world: World) -> None:
    """A server closes several at once: in which order it does that is what comes after."""

    async def wait(connection: ServerConnection) -> None:
        _kept.append([object() for _ in range(_addresses.randrange(100))])
        await connection.wait_closed()

    async def stay() -> None:
        with suppress(OSError):
            async with connect("ws://localhost:8765") as connection:
                await connection.wait_closed()

    async with asyncio.TaskGroup() as group, serve(wait, "localhost", 8765):
        for _ in range(CLIENTS):
            group.create_task(stay())
        await asyncio.sleep(1)


async def _groups(world: World) -> None:
    """A group cancels its tasks: in which order it does that is what comes after."""

    async def wait() -> None:
        _kept.append([object() for _ in range(_addresses.randrange(100))])
        await asyncio.sleep(10)

    with suppress(ExceptionGroup):
        async with asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(wait())
            await asyncio.sleep(1)
            raise ValueError


_addresses = Random(1)
"""Not the world's: where objects lie is to differ from run to run."""


@pytest.mark.parametrize("scenario", [_connections, _groups])
def test_where_objects_lie_changes_nothing(scenario: Scenario) -> None:
    runs = [simulate(scenario, 1) for _ in range(5)]
    _kept.clear()
    assert [run.failure for run in runs] == [None] * 5
    assert len({run.trace for run in runs}) == 1
