"""How much of what one client wants to write is under way."""

from __future__ import annotations

from protobase_actors import WakeUp


class InFlight:
    """Counts bytes. Whoever takes more than there is room for waits; what is longer is taken alone."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._bytes = 0
        self._freed = WakeUp()

    async def take(self, size: int) -> None:
        """So many bytes more, when there is room. One waits at a time: who reads the messages of a client."""
        while self._bytes and self._bytes + size > self._most:
            await self._freed.wait()
        self._bytes += size

    def give_back(self, size: int) -> None:
        """So many are no longer under way."""
        self._bytes -= size
        self._freed.wake()
