"""Waiting until a collection has what a cursor of another node names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from random import Random

import pytest

import protobase_live as pb
from protobase_actors import ManualClock
from protobase_live.collection.messages import Replicate
from protobase_live.database.database import Database
from protobase_live.model.cursor import Cursor
from protobase_live.model.operations import RECORDS, Op
from protobase_storage import Commit, MemoryStorage

AHEAD = pb.Limits().ahead_seconds


class Node:
    """A database of one collection."""

    def __init__(self, name: str) -> None:
        self.storage = MemoryStorage(make_identity=lambda: name)
        self.clock = ManualClock()
        self.db = Database(self.storage, clock=self.clock, random=Random(name))

    async def write(self, key: str) -> str:
        """Write a record; the cursor of that."""
        receipt = await self.db.commit({"tasks": [Op(RECORDS, "put", (key, {}, {}))]})
        return receipt.cursors["tasks"]

    async def commits(self) -> list[Commit]:
        return list((await self.storage.load("tasks")).commits)

    async def replicate(self, commits: list[Commit]) -> None:
        await (await self.db.ref("tasks")).ask(Replicate(commits))

    async def arriving(self, cursor: str) -> asyncio.Task[None]:
        """Somebody who waits for what can be had now."""
        task = asyncio.ensure_future(self.db.arrive("tasks", cursor))
        await self.clock.settle()
        return task


@pytest.fixture
async def nodes() -> AsyncIterator[tuple[Node, Node]]:
    pair = Node("first"), Node("second")
    yield pair
    for node in pair:
        await node.db.close()


async def test_what_is_here_is_not_waited_for(nodes: tuple[Node, Node]) -> None:
    first, second = nodes
    cursor = await first.write("a")
    await second.replicate(await first.commits())
    for node in nodes:
        await (await node.arriving(cursor))
        await (await node.arriving(pb.START))


async def test_it_is_waited_for_until_all_is_shown(nodes: tuple[Node, Node]) -> None:
    first, second = nodes
    await first.write("a")
    waiting = await second.arriving(await first.write("b"))
    async with second.db.live(pb.Query("tasks")) as live:
        for commit in await first.commits():
            await second.clock.advance(AHEAD / 4)
            assert not waiting.done()
            await second.replicate([commit])
        await waiting
        assert [row["_key"] for row in live.rows] == ["a", "b"]


async def test_after_a_while_what_lacks_is_told(nodes: tuple[Node, Node]) -> None:
    first, second = nodes
    await first.write("a")
    await second.replicate(await first.commits())
    waiting = await second.arriving(await first.write("b"))
    await second.clock.advance(AHEAD - 0.1)
    assert not waiting.done()
    await second.clock.advance(0.2)
    with pytest.raises(pb.Behind) as told:
        await waiting
    assert str(told.value) == (
        "tasks: commit 2 of node first (here is 1) did not come here within 3 seconds (ahead_seconds)"
    )
    assert told.value.retryable


async def test_of_many_nodes_some_are_named(nodes: tuple[Node, Node]) -> None:
    waiting = await nodes[0].arriving(Cursor({f"n{n}/t": 1 for n in range(9)}).encode())
    await nodes[0].clock.advance(AHEAD)
    with pytest.raises(pb.Behind, match=r"n0 .*, .*n1 .*, .*n2 \(here is 0\) and of 6 others did not come"):
        await waiting


@pytest.mark.parametrize("origin", ["second/lost", "first/elsewhere"])
async def test_what_can_never_come_is_told_at_once(nodes: tuple[Node, Node], origin: str) -> None:
    first, second = nodes
    await first.write("a")
    await second.replicate(await first.commits())
    with pytest.raises(pb.Behind, match="is not in its history here, and is not waited for any more") as told:
        await (await second.arriving(Cursor({origin: 1}).encode()))
    assert not told.value.retryable


async def test_what_was_deleted_here_is_not_missed(nodes: tuple[Node, Node]) -> None:
    node = nodes[0]
    cursor = await node.write("a")
    await node.db.drop("tasks")
    await (await node.arriving(cursor))


async def test_where_something_was_deleted_nobody_knows_of_which_history_another_node_speaks(
    nodes: tuple[Node, Node],
) -> None:
    first, second = nodes
    cursor = await first.write("a")
    await second.write("b")
    await second.db.drop("tasks")
    waiting = await second.arriving(cursor)
    await second.clock.advance(AHEAD)
    with pytest.raises(pb.Behind, match="not waited for any more") as told:
        await waiting
    assert not told.value.retryable


async def test_a_deletion_meanwhile_does_not_end_the_wait(nodes: tuple[Node, Node]) -> None:
    first, second = nodes
    await second.write("b")
    cursor = await first.write("a")
    waiting = await second.arriving(cursor)
    await second.db.drop("tasks")
    await second.clock.settle()
    assert not waiting.done()
    await second.replicate(await first.commits())
    await waiting


async def test_what_is_no_cursor_is_refused(nodes: tuple[Node, Node]) -> None:
    with pytest.raises(pb.ValidationError, match="not a cursor"):
        await nodes[0].db.arrive("tasks", "nonsense")
