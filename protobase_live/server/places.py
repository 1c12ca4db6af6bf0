"""How many of something each may have, so that one leaves room for the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from protobase_live.errors import Overloaded
from protobase_live.server.counters import Counters


class Places:
    """So many for each holder: an address, or an identity. Nothing is kept of who has none."""

    def __init__(self, most: int, limit: str, counters: Counters, advice: str = "") -> None:
        """``limit`` is the name of the limit whose value is ``most``; ``advice`` is told to who meets it."""
        self._most = most
        self._limit = limit
        self._counters = counters
        self._advice = advice
        self._taken: Counter[str] = Counter()

    def __len__(self) -> int:
        """How many have one."""
        return len(self._taken)

    def take(self, holder: str | None) -> None:
        """One more; nobody counts for whom there is no name. Raises Overloaded, and then it is not taken."""
        if holder is None:
            return
        if self._taken[holder] >= self._most:
            self._counters.limits.add(self._limit)
            raise Overloaded(f"{holder} has {self._most} already ({self._limit}){self._advice}")
        self._taken[holder] += 1

    def give_back(self, holder: str | None) -> None:
        """One that was taken."""
        if holder is None:
            return
        self._taken[holder] -= 1
        if not self._taken[holder]:
            del self._taken[holder]

    @contextmanager
    def one(self, holder: str | None) -> Generator[None]:
        """One more meanwhile. Raises Overloaded."""
        self.take(holder)
        try:
            yield
        finally:
            self.give_back(holder)
