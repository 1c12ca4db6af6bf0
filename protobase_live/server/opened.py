"""Which collections one client has open, or has used of late."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Generator, Iterable
from contextlib import contextmanager

from protobase_actors import Clock
from protobase_live.errors import Overloaded
from protobase_live.server.counters import Counters
from protobase_live.server.limits import ServerLimits

LOOK_SECONDS = 1.0
"""Between two searches for those that were used long ago."""


class Opened:
    """What a client uses is loaded, or made, and stays in memory for a while: so that is counted."""

    def __init__(self, limits: ServerLimits, clock: Clock, counters: Counters) -> None:
        self._most = limits.identity_collections
        self._seconds = limits.identity_collection_seconds
        self._clock = clock
        self._counters = counters
        self._used: OrderedDict[str, float] = OrderedDict()
        """When each was used last, the longest ago first."""
        self._held: Counter[str] = Counter()
        self._looked = float("-inf")

    def __len__(self) -> int:
        """How many there are; some may have been used longer ago."""
        return len(self._used)

    @property
    def idle(self) -> bool:
        """Whether the last use of any is long ago."""
        last = next(reversed(self._used.values()), float("-inf"))
        return not self._held and last + self._seconds <= self._clock.monotonic()

    def use(self, collections: Iterable[str]) -> None:
        """The client uses these now. Raises Overloaded, and then the rest of them is not to be used."""
        now = self._clock.monotonic()
        for name in collections:
            if name not in self._used and len(self._used) >= self._most:
                self._forget(now)
                if len(self._used) >= self._most:
                    self._counters.limits.add("identity_collections")
                    raise Overloaded(
                        f"this client uses {self._most} collections already (identity_collections); "
                        f"others can be used {self._seconds:g} seconds after some of them were left"
                    )
            self._used[name] = now
            self._used.move_to_end(name)

    @contextmanager
    def holding(self, collections: Iterable[str]) -> Generator[None]:
        """The client has these open meanwhile. Raises Overloaded."""
        names = list(collections)
        self.use(names)
        self._held.update(names)
        try:
            yield
        finally:
            self._held -= Counter(names)
            self.use(name for name in names if name in self._used)

    def _forget(self, now: float) -> None:
        """Those that were used long ago and are not open."""
        if now < self._looked + LOOK_SECONDS:
            return
        self._looked = now
        for name, used in list(self._used.items()):
            if used + self._seconds > now:
                break
            if name not in self._held:
                del self._used[name]
