"""What a simulated run has at hand: time, randomness, a network."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

import detangle
from detangle.net import SimNetwork

from protobase_actors import Clock, Timer

EPOCH = 1_800_000_000.0
"""When every run begins, in seconds since the Unix epoch."""


class VirtualClock:
    """The time of the running simulation."""

    def time(self) -> float:
        """See `Clock.time`."""
        return EPOCH + detangle.now()

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return detangle.now()

    async def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`."""
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """See `Clock.call_later`."""
        return asyncio.get_running_loop().call_later(seconds, callback)


class SkewedClock(VirtualClock):
    """The clock of a host that is ahead of the others, or behind, and may run faster or slower."""

    def __init__(self, clock: Clock, skew: float, rate: float = 1.0) -> None:
        """``skew`` is in seconds; while a second goes by, ``rate`` seconds go by on this clock."""
        self._clock = clock
        self._skew = skew
        self._rate = rate

    def time(self) -> float:
        """See `Clock.time`."""
        return self._clock.time() + self._skew

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return self._clock.monotonic() * self._rate

    async def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`."""
        await self._clock.sleep(seconds / self._rate)

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """See `Clock.call_later`."""
        return self._clock.call_later(seconds / self._rate, callback)


class World:
    """One run's surroundings, all of them made from its seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.clock = VirtualClock()
        self.happened: Counter[str] = Counter()
        """How often something that a set of runs has to meet has happened, by what it is."""

    def random(self, concern: str) -> Random:
        """A random stream for one concern: what is drawn there moves no other."""
        return Random(f"{self.seed} {concern}")

    @property
    def network(self) -> SimNetwork:
        """What is between the hosts."""
        return detangle.network()

    def spawn(self, work: Coroutine[Any, Any, Any], host: str) -> asyncio.Task[Any]:
        """Begin something on a host; it ends when the host crashes."""
        return detangle.spawn(work, host=host)
