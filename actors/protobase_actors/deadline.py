"""Waiting with a limit on any clock, and what becomes of it when who waits is cancelled meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from .clock import Clock

T = TypeVar("T")


def is_cancelled() -> bool:
    """Whether the running task is asked to end, and not only something that it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def mark_heard(done: asyncio.Future[Any]) -> None:
    """Who waits is told what it raised; if nobody does any more, asyncio has no need to complain of it."""
    if not done.cancelled():
        done.exception()


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """The result of ``work``, which is carried out also where nobody waits for it any more."""
    task = asyncio.get_running_loop().create_task(work)
    task.add_done_callback(mark_heard)
    return await asyncio.shield(task)


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
