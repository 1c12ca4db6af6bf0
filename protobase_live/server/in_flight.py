"""How much of what one client wants to write is under way."""

from __future__ import annotations

import asyncio


class InFlight:
    """Counts bytes. Whoever takes more than there is room for waits; what is longer is taken alone."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._bytes = 0
        self._freed = asyncio.Event()

    async def take(self, size: int) -> None:
        """So many bytes more, when there is room. One waits at a time: who reads the messages of a client."""
        while self._bytes and self._bytes + size > self._most:
            self._freed.clear()
            await self._freed.wait()
        self._bytes += size

    def give_back(self, size: int) -> None:
        """So many are no longer under way."""
        self._bytes -= size
        self._freed.set()
