"""Who tries a transaction again, one after the other where they want the same collections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary


class Contenders:
    """A line for each collection. Those of different collections know nothing of each other."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """They live as long as somebody has or wants them."""

    def __len__(self) -> int:
        """For how many collections somebody tries again or waits to."""
        return len(self._locks)

    @asynccontextmanager
    async def alone(self, collections: Iterable[str]) -> AsyncGenerator[None]:
        """Wait for those who came before, and keep out those who come later."""
        async with AsyncExitStack() as stack:
            for name in sorted(collections):  # in the same order for all, so that none wait for each other
                await stack.enter_async_context(self._lock(name))
            yield

    def _lock(self, name: str) -> asyncio.Lock:
        lock = self._locks.get(name)
        if lock is None:
            lock = self._locks[name] = asyncio.Lock()
        return lock
