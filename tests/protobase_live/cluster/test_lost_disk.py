"""A node that has lost its disk goes on under its old id, with an empty one."""

from __future__ import annotations

import pytest

from protobase_storage import MemoryStorage, node_of
from tests.support.nodes import Connection, Make, Node, agree


def begin(make: Make, start: int) -> Node:
    """The node b with an empty disk, as it is started for the first time or again."""
    return make("b", storage=MemoryStorage(make_identity=lambda: f"disk{start}"), start=start)


async def count(node: Node, amount: int) -> int:
    """What the counter comes to when ``amount`` is added at a node."""
    counter = await (await node.db.collection("tasks")).counter("done")
    await counter.add(amount)
    return await counter.value()


@pytest.mark.parametrize("before", [1, 2, 3])
async def test_what_it_writes_before_it_meets_others_is_merged(make: Make, before: int) -> None:
    """It writes as often as on the disk that it has lost, less often, and more often."""
    a, b = make("a"), begin(make, 1)
    link = Connection(a, b)
    await b.put("tasks", "old1", n=1)
    await b.put("tasks", "old2", n=2)
    await agree([a, b], "tasks")
    await link.cut()
    await b.close()
    b = begin(make, 2)
    for n in range(before):
        await b.put("tasks", f"new{n}", n=n)
    Connection(a, b)
    await agree([a, b], "tasks")
    assert (
        await a.keys("tasks")
        == await b.keys("tasks")
        == [*(f"new{n}" for n in range(before)), "old1", "old2"]
    )
    assert await a.db.state_hash("tasks") == await b.db.state_hash("tasks")
    assert {node_of(origin) for origin in await a.vector("tasks")} == {"b"}


async def test_what_it_had_counted_is_counted_on(make: Make) -> None:
    a, b = make("a"), begin(make, 1)
    link = Connection(a, b)
    await count(b, 3)
    await agree([a, b], "tasks")
    await link.cut()
    await b.close()
    b = begin(make, 2)
    await count(b, 5)
    Connection(a, b)
    await agree([a, b], "tasks")
    assert await count(a, 0) == await count(b, 0) == 8
