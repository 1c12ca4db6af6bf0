"""Waiting with a limit on any clock."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from .clock import Clock

T = TypeVar("T")


async def within(clock: Clock, seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """The result of ``work``. Raises TimeoutError, with ``work`` cancelled, after ``seconds``."""
    task = asyncio.get_running_loop().create_task(work)
    late = False

    def expire() -> None:
        nonlocal late
        late = task.cancel()

    timer = clock.call_later(seconds, expire)
    try:
        return await task
    except asyncio.CancelledError:
        if not late:
            task.cancel()
            raise
        raise TimeoutError(f"not within {seconds:g} seconds") from None
    finally:
        timer.cancel()
