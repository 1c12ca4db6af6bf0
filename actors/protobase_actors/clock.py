"""Time as a parameter: the real clock, and one that a test moves by hand."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable
from itertools import count
from typing import Protocol

SETTLE_ROUNDS = 32
"""Times `ManualClock.settle` lets the event loop run everything that is ready."""


class Timer(Protocol):
    """A callback that has been scheduled."""

    def cancel(self) -> None:
        """Make sure the callback is not called any more. Harmless when it already was."""
        ...


class Clock(Protocol):
    """What the runtime knows of time. All durations are seconds."""

    def time(self) -> float:
        """Seconds since the Unix epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment; never goes backwards."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        ...

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """Call `callback` from the event loop after `seconds`."""
        ...


class SystemClock:
    """The computer's clock and the running event loop's timers."""

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        return asyncio.get_running_loop().call_later(seconds, callback)


class _ManualTimer:
    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        self.callback = None


class ManualClock:
    """A clock for tests: time stands still until `advance` moves it.

    `epoch` is what `time()` says at the start, in seconds; `monotonic()` starts at 0.
    """

    def __init__(self, epoch: float = 0.0) -> None:
        self._epoch = epoch
        self._now = 0.0
        self._order = count()
        self._timers: list[tuple[float, int, _ManualTimer]] = []

    def time(self) -> float:
        return self._epoch + self._now

    def monotonic(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            return await asyncio.sleep(0)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = self.call_later(seconds, lambda: done.done() or done.set_result(None))
        try:
            await done
        finally:
            timer.cancel()

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        timer = _ManualTimer(callback)
        heapq.heappush(self._timers, (self._now + max(seconds, 0.0), next(self._order), timer))
        return timer

    def set_wall_clock(self, seconds: float) -> None:
        """Set what `time()` says forward, or back if `seconds` is negative. Nothing else moves."""
        self._epoch += seconds

    async def advance(self, seconds: float) -> None:
        """Move time on, calling each timer at its own moment and letting the loop settle after it."""
        target = self._now + seconds
        await self.settle()
        while self._timers and self._timers[0][0] <= target:
            self._now, _, timer = heapq.heappop(self._timers)
            if timer.callback is not None:
                timer.callback()
                await self.settle()
        self._now = target
        await self.settle()

    async def settle(self) -> None:
        """Let the event loop run what is ready, `SETTLE_ROUNDS` times over; time stands still."""
        for _ in range(SETTLE_ROUNDS):
            await asyncio.sleep(0)
