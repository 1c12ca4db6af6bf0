"""How many bytes the connections of a server hold, all together."""

from __future__ import annotations

from typing import Protocol

from protobase_live.server.counters import Counters


class Holder(Protocol):
    """Who holds some."""

    @property
    def address(self) -> str | None:
        """From where it comes; its bytes count together with those of others from there."""
        ...

    def give_way(self, reason: str) -> None:
        """Let go of all that it holds, since there is no more room. It is counted no more."""
        ...


class Holdings:
    """Counts what each holds, by address. Where it is too much, those of the address with most give way."""

    def __init__(self, most: int, limit: str, counters: Counters) -> None:
        """``limit`` is the name of the limit whose value is ``most``, in bytes."""
        self._most = most
        self._limit = limit
        self._counters = counters
        self._sizes: dict[Holder, int] = {}
        self._homes: dict[Holder, str | None] = {}
        self._addresses: dict[str | None, dict[Holder, None]] = {}
        self.total = 0
        """Bytes that all hold."""

    def __len__(self) -> int:
        """How many hold any."""
        return len(self._sizes)

    @property
    def full(self) -> bool:
        """Whether nobody should hold more."""
        return self.total >= self._most

    def weigh(self, holder: Holder, size: int) -> None:
        """It holds so many bytes now."""
        self.total += size - self._sizes.get(holder, 0)
        if size:
            if holder not in self._sizes:
                self._homes[holder] = holder.address
                self._addresses.setdefault(holder.address, {})[holder] = None
            self._sizes[holder] = size
        elif self._sizes.pop(holder, None) is not None:
            self._forget(holder)

    def make_room(self) -> None:
        """While there is too much, of the address that holds most the one gives way that has for longest."""
        while self.total > self._most:
            heaviest = max(self._addresses.values(), key=self._weight)
            holder = next(iter(heaviest))
            self.weigh(holder, 0)
            self._counters.limits.add(self._limit)
            holder.give_way(f"all clients hold {self._most} bytes already ({self._limit})")

    def _weight(self, holders: dict[Holder, None]) -> int:
        return sum(map(self._sizes.__getitem__, holders))

    def _forget(self, holder: Holder) -> None:
        home = self._homes.pop(holder)
        del self._addresses[home][holder]
        if not self._addresses[home]:
            del self._addresses[home]
