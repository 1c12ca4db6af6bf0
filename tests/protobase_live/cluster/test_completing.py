"""A transaction is sent as a whole, though others are stored while the logs are read for its parts."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest

import protobase_live as pb
from protobase_live import F
from protobase_live.cluster.limits import ClusterLimits
from protobase_live.cluster.outgoing import READINGS
from protobase_live.collection.commit_form import unpack_commit_of
from protobase_live.protocol.peer.messages import Commits
from protobase_storage import Joint, MemoryStorage, Vector
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


async def test_a_chain_of_transactions_over_many_collections_is_sent_as_a_whole(make: Make) -> None:
    """Each log leads to one that has not been read."""
    names = [f"c{n:02}" for n in range(2 * READINGS)]
    limits = ClusterLimits(batch_commits=10)
    a, b = make("a", cluster_limits=limits), make("b")
    connection = Connection(a, b)
    for name in names:
        await a.put(name, "first", n=1)
    await agree([a, b], *names)
    await connection.cut()
    for one, other in reversed(list(pairwise(names))):
        await a.together(f"{one}-{other}", one, other)
    for n in range(limits.batch_commits):
        await a.put(names[0], f"k{n}", n=n)
    connection = Connection(a, b)
    await agree([a, b], *names)
    halves = list[str]()
    for message in connection.ends[0].messages(Commits):
        parts = Counter[Joint]()
        for name, (_, forms) in message.commits.items():
            parts.update(joint for form in forms if (joint := unpack_commit_of(name, form).joint))
        halves += [joint.id for joint, count in parts.items() if count < len(joint.collections)]
    assert not halves
