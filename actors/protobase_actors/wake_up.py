"""Waking everybody who waits for something to happen."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Any

from .clock import Clock

_Waiting = dict[asyncio.Future[None], None]


class WakeUp:
    """Each who waits has a future of its own: with a shielded one for all they go on a round later."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: _Waiting = {}

    def wait(self) -> Coroutine[Any, Any, None]:
        """Wait for the next `wake`, from the call on: a task that is made to wait begins later than that."""
        return _until(self.future(), self._waiting)

    async def wait_at_most(self, clock: Clock, seconds: float) -> None:
        """`wait`, but no longer than that."""
        future = self.future()
        timer = clock.call_later(seconds, partial(_let_go_on, future))
        try:
            await future
        finally:
            timer.cancel()
            self.forget(future)

    def future(self) -> asyncio.Future[None]:
        """Done at the next `wake`, or when somebody sets it before. Who waits no more has to `forget` it."""
        future = asyncio.get_running_loop().create_future()
        self._waiting[future] = None
        return future

    def forget(self, future: asyncio.Future[None]) -> None:
        """Harmless when it was woken."""
        self._waiting.pop(future, None)

    def wake(self) -> None:
        """Let everybody go on."""
        waiting, self._waiting = self._waiting, {}
        for future in waiting:
            _let_go_on(future)


def _let_go_on(future: asyncio.Future[None]) -> None:
    if not future.done():  # it was cancelled, and its task has not run since
        future.set_result(None)


async def _until(future: asyncio.Future[None], waiting: _Waiting) -> None:
    try:
        await future
    finally:
        waiting.pop(future, None)  # who is cancelled again and again would leave one each time
