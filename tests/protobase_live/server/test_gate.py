"""How fast clients come in, on a clock that tests move."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from protobase_actors import ManualClock
from protobase_live.server.gate import TICK_SECONDS, Gate
from protobase_live.server.limits import ServerLimits

LIMITS = ServerLimits(handshakes_per_second=100, handshakes_at_once=10, waiting_handshakes=50)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def gate(clock: ManualClock) -> Gate:
    return Gate(clock, LIMITS)


class Clients:
    """Those that have asked, in their order."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.gone = set[int]()
        self.tasks: list[asyncio.Task[bool]] = []

    async def come(self, count: int) -> None:
        for _ in range(count):
            entering = self._gate.enter(partial(self.gone.__contains__, len(self.tasks)))
            self.tasks.append(asyncio.create_task(entering))
        for _ in range(5):
            await asyncio.sleep(0)

    @property
    def let_in(self) -> list[int]:
        return [number for number, task in enumerate(self.tasks) if task.done() and task.result()]

    @property
    def refused(self) -> list[int]:
        return [number for number, task in enumerate(self.tasks) if task.done() and not task.result()]


async def test_who_comes_when_few_come_does_not_wait(gate: Gate, clock: ManualClock) -> None:
    clients = Clients(gate)
    for _ in range(20):
        await clients.come(5)
        await clock.advance(0.05)
    assert clients.let_in == list(range(100))
    assert gate.waiting == 0


async def test_of_many_so_many_come_in_a_second_in_their_order(gate: Gate, clock: ManualClock) -> None:
    clients = Clients(gate)
    await clients.come(50)
    assert clients.let_in == list(range(10))
    await clock.advance(0.1)
    assert clients.let_in == list(range(20))
    await clock.advance(1)
    assert clients.let_in == list(range(50))
    assert gate.waiting == 0


async def test_who_comes_later_does_not_overtake(gate: Gate, clock: ManualClock) -> None:
    clients = Clients(gate)
    await clients.come(20)
    await clock.advance(0.75 * TICK_SECONDS)  # there is room, and nobody has looked yet
    await clients.come(1)
    assert 20 not in clients.let_in
    await clock.advance(1)
    assert 20 in clients.let_in


async def test_only_so_many_wait(gate: Gate, clock: ManualClock) -> None:
    clients = Clients(gate)
    await clients.come(70)
    assert clients.refused == list(range(60, 70))
    await clock.advance(10)
    assert clients.let_in == list(range(60))


async def test_who_has_gone_takes_nobodys_place(gate: Gate, clock: ManualClock) -> None:
    clients = Clients(gate)
    await clients.come(40)
    clients.gone |= set(range(10, 30))
    await clock.advance(0.1)
    assert set(clients.let_in) - clients.gone == {*range(10), *range(30, 40)}


async def test_at_the_end_nobody_is_let_in(gate: Gate, clock: ManualClock) -> None:
    clients = Clients(gate)
    await clients.come(15)
    gate.close()
    await clients.come(1)
    assert clients.let_in == list(range(10))
    assert clients.refused == list(range(10, 16))
