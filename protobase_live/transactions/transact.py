"""Run a function as a transaction until nothing gets in its way."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

from protobase_live.collections import Ids, system_ids
from protobase_live.errors import Conflict
from protobase_live.operations import Backend
from protobase_live.transactions.transaction import Transaction

MAX_ATTEMPTS = 32
"""How often `transact` runs its function before it gives up with Conflict."""

R = TypeVar("R")


async def transact(
    backend: Backend,
    fn: Callable[[Transaction], Awaitable[R] | R],
    *,
    lock: asyncio.Lock,
    author: str | None = None,
    ids: Ids = system_ids,
    attempts: int = MAX_ATTEMPTS,
) -> R:
    """Run ``fn(tx)``, plain or async, commit what it wrote and return what it returned.

    After a Conflict ``fn`` runs again on a fresh transaction, so it should have no effect outside it. The
    first attempt is optimistic. Later ones hold ``lock``, shared by all callers: contenders then go one
    after the other instead of starving each other. Raises Conflict when the last of ``attempts`` failed,
    and whatever ``fn`` or the commit raises otherwise.
    """

    async def attempt() -> R:
        async with Transaction(backend, author=author, ids=ids) as tx:
            result = fn(tx)
            return await result if inspect.isawaitable(result) else cast(R, result)

    try:
        return await attempt()
    except Conflict as error:
        conflict = error
    async with lock:
        for _ in range(attempts - 1):
            try:
                return await attempt()
            except Conflict as error:
                conflict = error
    raise Conflict(f"gave up after {attempts} attempts: {conflict}") from conflict
