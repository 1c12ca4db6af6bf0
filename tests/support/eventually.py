"""Waiting for what other tasks of the same loop do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(true: Callable[[], bool]) -> None:
    """Let others run until this is true."""
    while not true():  # noqa: ASYNC110 - no event tells of what a server does inside
        await asyncio.sleep(0)
