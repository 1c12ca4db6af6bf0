"""The manual clock."""

from __future__ import annotations

import asyncio

import pytest

from protobase_actors import ManualClock, SystemClock


async def test_timers_run_in_order_at_their_own_moment():
    clock = ManualClock(epoch=1_000.0)
    seen: list[tuple[str, float]] = []

    def note(name: str) -> None:
        seen.append((name, clock.monotonic()))
        if name == "b":
            clock.call_later(1, lambda: note("later"))

    clock.call_later(3, lambda: note("c"))
    clock.call_later(1, lambda: note("a"))
    clock.call_later(1, lambda: note("b"))
    clock.call_later(2, lambda: note("cancelled")).cancel()
    await clock.advance(2.5)
    assert seen == [("a", 1), ("b", 1), ("later", 2)]
    assert clock.monotonic() == 2.5
    assert clock.time() == 1_002.5


async def test_sleep_can_be_cancelled():
    clock = ManualClock()
    sleeps = [asyncio.create_task(clock.sleep(1)) for _ in range(2)]
    await clock.settle()
    sleeps[0].cancel()
    await clock.advance(1)
    assert sleeps[0].cancelled()
    assert sleeps[1].done()


async def test_system_clock_uses_the_loop():
    clock = SystemClock()
    called = asyncio.Event()
    clock.call_later(0, called.set)
    await asyncio.wait_for(called.wait(), 5)
    await clock.sleep(0)
    assert clock.monotonic() <= clock.monotonic()
    assert clock.time() == pytest.approx(clock.time(), abs=60)
