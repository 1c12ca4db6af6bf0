"""Letting go of clients a few at a time, so that they do not all come to another server at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from protobase_actors import Clock
from protobase_live.server.limits import ServerLimits

PAUSE_SECONDS = 0.05
"""Between those that are let go at once and the next ones."""

Client = TypeVar("Client")


async def drain(
    clients: Sequence[Client],
    let_go: Callable[[Client], Awaitable[None]],
    clock: Clock,
    limits: ServerLimits,
) -> Sequence[Client]:
    """Let go of all but the last few, which are returned; waits for each that was begun with."""
    until, size = clock.monotonic() + limits.drain_seconds, max(1, limits.drain_clients)
    begun: list[asyncio.Future[None]] = []
    while len(clients) > size and clock.monotonic() < until:
        begun += [asyncio.ensure_future(let_go(each)) for each in clients[:size]]
        clients = clients[size:]
        await clock.sleep(min(PAUSE_SECONDS, max(0.0, until - clock.monotonic())))
    await asyncio.gather(*begun)
    return clients
