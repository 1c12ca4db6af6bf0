"""The event loop that something lives in."""

from __future__ import annotations

import asyncio

from protobase_live.errors import ValidationError


class HomeLoop:
    """The loop in which something is used first. Another one, of another thread, must not touch it."""

    __slots__ = ("_loop",)

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    def require(self) -> None:
        """Raise ValidationError in any other loop, before anything is done there."""
        running = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = running
        elif running is not self._loop:
            raise ValidationError(
                "this database is used in another event loop already; from a thread, hand it over with "
                "asyncio.run_coroutine_threadsafe(coroutine, loop)"
            )
