"""Work in steps on the event loop: others may run between them."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")


async def in_steps(steps: Generator[None, None, T]) -> T:
    """Run steps to their end; others may run between them."""
    try:
        next(steps)
        while True:
            next(steps)
            await asyncio.sleep(0)
    except StopIteration as end:
        return end.value
