"""A node whose folder is put back as it was some time ago."""

from __future__ import annotations

import asyncio

import pytest

from protobase_live.collection.limits import Limits
from protobase_live.errors import Unavailable
from protobase_storage import MemoryStorage, Storage
from tests.support.nodes import Connection, Make, Node, agree, settle

KEPT, LOST = 2, 3
"""Writes that the folder has when it is put back, and those behind it that other nodes have."""


async def copied(storage: Storage) -> Storage:
    """A copy of the folder as it is now."""
    copy = MemoryStorage(make_identity=lambda: storage.identity)
    await copy.append((await storage.load("tasks")).commits)
    return copy


async def put_back(make: Make, a: Node) -> Node:
    """The node b, which has lost its last writes; the node a has them all."""
    storage = MemoryStorage(make_identity=lambda: "disk")
    b = make("b", storage=storage)
    link = Connection(a, b)
    for n in range(KEPT + LOST):
        if n == KEPT:
            kept = await copied(storage)
        await b.put("tasks", f"old{n}")
    await agree([a, b], "tasks")
    await link.cut()
    await b.close()
    return make("b", storage=kept, start=2)


async def is_acknowledged(node: Node, key: str) -> bool:
    """Whether a write is said to be durable on another node, however long that is waited for."""

    async def write() -> None:
        async with node.db.transaction(durability="peers=1") as tx:
            tx["tasks"].put({}, key=key)

    writing = asyncio.ensure_future(write())
    for _ in range(500):
        await asyncio.sleep(0)
    acknowledged = writing.done()
    writing.cancel()
    await asyncio.wait([writing])
    return acknowledged


def stuck(*nodes: Node) -> list[str]:
    """What the nodes say of the collection."""
    links = [link for node in nodes for link in node.db.replication.links.values()]
    return [why for link in links if (why := link.outgoing.known["tasks"].stuck) is not None]


async def test_what_it_has_not_written_on_comes_back(make: Make) -> None:
    a = make("a")
    b = await put_back(make, a)
    Connection(a, b)
    await agree([a, b], "tasks")
    await b.put("tasks", "new")
    await agree([a, b], "tasks")
    assert await a.keys("tasks") == await b.keys("tasks")


@pytest.mark.parametrize("again", [False, True], ids=["", "started again"])
@pytest.mark.parametrize("before", range(1, LOST + 3))
async def test_what_it_has_written_on_is_told_and_goes_nowhere(make: Make, before: int, again: bool) -> None:
    """It writes less often than what was lost, as often, and more often. So what was written on top of what
    was lost does not come to it, be its numbers covered there or not.
    """
    a = make("a")
    b = await put_back(make, a)
    await a.put("tasks", "old0", n=1)
    await a.put("tasks", "on top")
    for n in range(before):
        await b.put("tasks", f"new{n}")
    if again:
        storage = await copied(b.storage)
        await b.close()
        b = make("b", storage=storage, start=3)
    Connection(a, b)
    await settle(lambda: stuck(a) and stuck(b))
    assert all("start it with an empty folder" in why for why in stuck(a, b))
    for n in range(LOST + 2):
        assert not await is_acknowledged(b, f"then{n}")
    assert not await is_acknowledged(a, "also")
    assert await a.keys("tasks") == ["also", *(f"old{n}" for n in range(KEPT + LOST)), "on top"]
    written = [*(f"new{n}" for n in range(before)), *(f"then{n}" for n in range(LOST + 2))]
    assert await b.keys("tasks") == sorted(["old0", "old1", *written])
    assert await (await b.db.collection("tasks")).get("old0") == {}


@pytest.mark.parametrize("at", ["a", "b"])
@pytest.mark.parametrize("before", [1, LOST, LOST + 3])
async def test_nothing_is_erased_before_one_is_chosen(make: Make, before: int, at: str) -> None:
    """It would take the place of what only the other one has."""
    a = make("a")
    b = await put_back(make, a)
    for n in range(before):
        await b.put("tasks", f"new{n}")
    Connection(a, b)
    await settle(lambda: stuck(a) and stuck(b))
    with pytest.raises(Unavailable, match="two histories") as raised:
        await (a if at == "a" else b).db.erase("tasks", "old0")
    assert not raised.value.retryable
    assert "old0" in await a.keys("tasks")
    assert "old0" in await b.keys("tasks")


async def test_what_was_folded_elsewhere_is_told_by_who_knows_what_it_wrote(make: Make) -> None:
    a = make("a", limits=Limits(log_commits=4, retained_commits=0))
    b = await put_back(make, a)
    for n in range(8):
        await a.put("tasks", f"more{n}")

    async def is_folded() -> bool:
        return (await a.storage.load("tasks")).snapshot is not None

    await settle(is_folded)
    await b.put("tasks", "new")
    Connection(a, b)
    await settle(lambda: stuck(a) and stuck(b))
    assert await b.keys("tasks") == ["new", "old0", "old1"]


async def test_one_that_begins_with_an_empty_folder_is_one_again(make: Make) -> None:
    a = make("a")
    b = await put_back(make, a)
    await b.put("tasks", "new")
    link = Connection(a, b)
    await settle(lambda: stuck(a) and stuck(b))
    await link.cut()
    await b.close()
    b = make("b", storage=MemoryStorage(make_identity=lambda: "another disk"), start=3)
    Connection(a, b)
    await b.put("tasks", "then")
    await agree([a, b], "tasks")
    assert (
        await a.keys("tasks") == await b.keys("tasks") == [*(f"old{n}" for n in range(KEPT + LOST)), "then"]
    )
    assert stuck(a, b) == []
