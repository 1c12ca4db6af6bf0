"""Letting go of clients a few at a time, on a clock that tests move."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from protobase_actors import ManualClock
from protobase_live.server.draining import PAUSE_SECONDS, drain
from protobase_live.server.limits import ServerLimits


class Draining:
    """So many clients that are let go of."""

    def __init__(self, count: int, **limits: float) -> None:
        self.clock = ManualClock()
        self.let_go: list[int] = []
        self.answered = asyncio.Event()
        self.answered.set()
        how = ServerLimits(**{"drain_clients": 10, "drain_seconds": 1.0, **limits})  # type: ignore[arg-type]
        self.task = asyncio.ensure_future(drain(range(count), self._let_go, self.clock, how))

    async def _let_go(self, client: int) -> None:
        self.let_go.append(client)
        await self.answered.wait()

    async def left(self) -> Sequence[int]:
        return list(await asyncio.wait_for(self.task, 10))


async def test_a_few_are_left_to_go_at_once() -> None:
    draining = Draining(10)
    assert await draining.left() == list(range(10))
    assert draining.let_go == []


async def test_many_are_let_go_a_few_at_a_time() -> None:
    draining = Draining(35)
    await draining.clock.settle()
    assert draining.let_go == list(range(10))
    await draining.clock.advance(PAUSE_SECONDS)
    assert draining.let_go == list(range(20))
    await draining.clock.advance(2 * PAUSE_SECONDS)
    assert draining.let_go == list(range(30))
    assert await draining.left() == list(range(30, 35))


async def test_it_takes_no_longer_than_is_stated() -> None:
    draining = Draining(1_000, drain_seconds=0.12)
    await draining.clock.advance(0.12)
    assert await draining.left() == list(range(30, 1_000))


async def test_who_is_let_go_of_is_waited_for() -> None:
    draining = Draining(15)
    draining.answered.clear()
    await draining.clock.advance(1)
    assert not draining.task.done()
    draining.answered.set()
    assert await draining.left() == list(range(10, 15))
