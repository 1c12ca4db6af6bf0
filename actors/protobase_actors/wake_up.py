"""Waking everybody who waits for something to happen."""

from __future__ import annotations

import asyncio


class WakeUp:
    """One future for all who wait, made when somebody does."""

    __slots__ = ("_future",)

    def __init__(self) -> None:
        self._future: asyncio.Future[None] | None = None

    async def wait(self) -> None:
        """Wait for the next `wake`."""
        if self._future is None:
            self._future = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._future)

    def wake(self) -> None:
        """Let everybody go on."""
        if self._future is not None:
            self._future.set_result(None)
            self._future = None
