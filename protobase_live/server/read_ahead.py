"""What is large is read before its turn comes, so that a collection's turn has less to do."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

from protobase_live.live.turnstile import Turnstile
from protobase_live.protocol.yjs.state_vector import decode_in_steps
from protobase_live.protocol.yjs.update_walker import Walker

T = TypeVar("T")


class ReadAhead:
    """Reads updates and state vectors of all Yjs clients of a server, one step at a time.

    An update that is read takes many times the memory of its bytes, so there is a limit; what is beyond it is
    read in its turn.
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

    async def read_state(self, state: bytes) -> Mapping[int, int]:
        """An encoded state vector. Raises ProtocolError."""
        return await self._in_turns(decode_in_steps(state))

    async def _walk(self, update: bytes) -> Walker:
        walker = Walker(update)
        await self._in_turns(walker.steps())
        return walker

    async def _in_turns(self, steps: Generator[None, None, T]) -> T:
        while True:
            async with self._turnstile:
                try:
                    next(steps)
                except StopIteration as end:
                    return end.value
