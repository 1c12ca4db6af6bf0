"""Waking everybody who waits for something to happen."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class WakeUp:
    """One future for all who wait, made when somebody does."""

    __slots__ = ("_future",)

    def __init__(self) -> None:
        self._future: asyncio.Future[None] | None = None

    def wait(self) -> Coroutine[Any, Any, None]:
        """Wait for the next `wake`, from the call on: a task that is made to wait begins later than that."""
        if self._future is None:
            self._future = asyncio.get_running_loop().create_future()
        return _until(self._future)

    def wake(self) -> None:
        """Let everybody go on."""
        if self._future is not None:
            self._future.set_result(None)
            self._future = None


async def _until(future: asyncio.Future[None]) -> None:
    await asyncio.shield(future)
