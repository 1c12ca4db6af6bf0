"""A transaction is sent as a whole, though others are stored while the logs are read for its parts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

import protobase_live as pb
from protobase_live import F
from protobase_live.cluster.outgoing import READINGS
from protobase_storage import MemoryStorage, Vector
from tests.support.nodes import Connection, Make, agree

HALF = (
    pb.Query("z")
    .join("y", on={"_key": "_key"}, as_="other", how="left")
    .where(F.other._key.is_none())
    .select("_key")
)
"""Records of transactions over both of which one part is there alone."""


class Interrupted(MemoryStorage):
    """Something happens whenever a log is about to be read."""

    def __init__(self, name: str) -> None:
        super().__init__(make_identity=lambda: name)
        self.before: Callable[[], Awaitable[None]] | None = None

    async def commits_after(self, collection: str, vector: Vector, limit: int):
        if self.before is not None:
            await self.before()
        return await super().commits_after(collection, vector, limit)


@pytest.mark.parametrize("times", [1, 2, 3, 6, 4 * READINGS])
async def test_no_half_is_sent_of_what_is_stored_while_logs_are_read(make: Make, times: int) -> None:
    storage = Interrupted("a")
    a, b = make("a", storage=storage), make("b")
    connection = Connection(a, b)
    await a.together("first", "x", "y", "z")
    await agree([a, b], "x", "y", "z")
    await connection.cut()
    await a.together("meanwhile", "x", "y", "z")
    left = list(range(times))

    async def write() -> None:
        if left:
            await a.together(f"k{left.pop()}", "y", "z")

    storage.before = write
    seen = set[str]()
    async with b.db.live(HALF) as live:

        async def watch() -> None:
            async for _ in live:
                seen.update(row["_key"] for row in live.rows)

        watching = asyncio.ensure_future(watch())
        Connection(a, b)
        await agree([a, b], "x", "y", "z")
        watching.cancel()
    assert times - len(left) >= min(times, READINGS)
    assert not seen, "shown without their other parts"
    assert await b.keys("z") == await b.keys("y") == await a.keys("y")
