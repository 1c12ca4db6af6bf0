"""Answers that are waited for, and given up at once where none can come any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from .stream import Unanswered


class Answers:
    """Those of the servers that a process is connected to."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Timeout, None] = {}
        self._tell: list[Callable[[], None]] = []
        self._why = ""

    @asynccontextmanager
    async def awaited(self) -> AsyncGenerator[None]:
        """Wait for one in the block, which raises `Unanswered` when it is given up."""
        limit = asyncio.timeout(None)
        self._waiting[limit] = None
        try:
            async with limit:
                yield
        except TimeoutError as error:
            if limit.expired():
                raise Unanswered(self._why) from error
            raise
        finally:
            self._waiting.pop(limit, None)

    def give_up(self, why: str) -> None:
        """None comes to what was asked until now."""
        waiting, self._waiting, self._why = self._waiting, {}, why
        now = asyncio.get_running_loop().time()
        for each in waiting:
            each.reschedule(now)

    def when_again(self, tell: Callable[[], None]) -> None:
        """See `Stream.when_again`."""
        self._tell.append(tell)

    def begin_again(self) -> None:
        """What is asked from now on is answered."""
        for tell in self._tell:
            tell()
