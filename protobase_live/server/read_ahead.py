"""Large updates are read before their turn comes, so that a collection's turn has less to do."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from protobase_live.live.turnstile import Turnstile
from protobase_live.protocol.yjs.update_walker import Walker


class ReadAhead:
    """Reads updates of all Yjs clients of a server, one step at a time.

    What is read takes many times the memory of its bytes, so there is a limit; what is beyond it is read in
    its turn.
    """

    def __init__(self, limit: int) -> None:
        """``limit``: bytes of updates that are read ahead and not taken yet."""
        self._room = limit
        self._turnstile = Turnstile()

    @asynccontextmanager
    async def read(self, update: bytes) -> AsyncGenerator[Walker | None]:
        """The update as it was read, to be let go of at the end; None where there is no room for it.

        Raises MalformedUpdate.
        """
        if len(update) > self._room:
            yield None
            return
        self._room -= len(update)
        try:
            yield await self._walk(update)
        finally:
            self._room += len(update)

    async def _walk(self, update: bytes) -> Walker:
        walker = Walker(update)
        steps, more = walker.steps(), True
        while more:
            async with self._turnstile:
                more = next(steps, walker) is None
        return walker
