"""Commits of other nodes for collections that are not in memory: they are stored, and nothing is loaded."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from protobase_live.collection.former import FIRST
from protobase_live.collection.limits import Limits
from protobase_live.collection.messages import Replicated
from protobase_live.errors import CollectionDropped, MalformedUpdate, StorageFailed, Unavailable
from protobase_storage import Commit, StorageError
from tests.support.nodes import Node, durable_and_failed, settle


@pytest.fixture
async def nodes() -> AsyncIterator[tuple[Node, Node]]:
    """One that writes, and one that is told."""
    pair = Node("a"), Node("b")
    yield pair
    for node in pair:
        await node.close()


async def commits(node: Node, *collections: str):
    """All that is in the logs of a node."""
    return {name: list((await node.storage.load(name)).commits) for name in collections}


def in_memory(node: Node) -> list[str]:
    return sorted(node.db.actor_stats())


async def test_they_are_stored_in_order_and_read_later(nodes: tuple[Node, Node]) -> None:
    a, b = nodes
    for n in range(3):
        await a.put("tasks", f"k{n}", n=n)
    answers = await b.db.replicate(await commits(a, "tasks"))
    assert answers == {"tasks": Replicated(await a.vector("tasks"), 0, FIRST)}
    assert in_memory(b) == []
    assert await b.keys("tasks") == ["k0", "k1", "k2"]


async def test_what_is_known_is_left_out_and_what_lacks_something_is_counted(
    nodes: tuple[Node, Node],
) -> None:
    a, b = nodes
    for n in range(4):
        await a.put("tasks", f"k{n}", n=n)
    log = (await commits(a, "tasks"))["tasks"]
    await b.db.replicate({"tasks": log[:2]})
    answers = await b.db.replicate({"tasks": [*log[:2], log[3]]})
    assert isinstance(answers["tasks"], Replicated)
    assert answers["tasks"].held == 1
    assert list(answers["tasks"].vector.values()) == [2]
    await b.db.replicate({"tasks": log[2:]})
    assert await b.vector("tasks") == await a.vector("tasks")
    assert in_memory(b) == []


async def test_what_is_stored_behind_a_link_that_has_ended_is_told_all_the_same(
    nodes: tuple[Node, Node],
) -> None:
    a, b = nodes
    for n in range(4):
        await a.put("tasks", f"k{n}", n=n)
    log = (await commits(a, "tasks"))["tasks"]
    await b.db.replicate({"tasks": log[:1]})
    shown: list[int] = []
    b.db.replication.shown = lambda name, told, before: shown.extend(each.sequence for each in told)  # type: ignore[method-assign]
    durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    append = b.storage.append

    def give(told: Sequence[Commit]) -> asyncio.Future[None]:
        b.storage.append = append  # type: ignore[method-assign]
        append(told)
        return durable

    b.storage.append = give  # type: ignore[method-assign]
    taking = asyncio.ensure_future(b.db.replicate({"tasks": log[1:3]}))
    await settle(lambda: b.storage.append is append)
    taking.cancel()
    await asyncio.wait([taking])
    if not durable.cancelled():
        durable.set_result(None)
        await settle(lambda: shown)
    assert shown == [2, 3]
    answers = await b.db.replicate({"tasks": log[1:]})
    assert answers == {"tasks": Replicated(await a.vector("tasks"), 0, FIRST)}


async def test_what_fails_behind_a_link_that_has_ended_is_told_to_nobody(nodes: tuple[Node, Node]) -> None:
    a, b = nodes
    await a.put("tasks", "k", n=1)
    failing: list[asyncio.Future[None]] = []
    append = b.storage.append

    def fail_later(commits: Sequence[Commit]) -> asyncio.Future[None]:
        failing.append(asyncio.get_running_loop().create_future())
        return failing[0]

    b.storage.append = fail_later  # type: ignore[method-assign]
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    taking = asyncio.ensure_future(b.db.replicate(await commits(a, "tasks")))
    await settle(lambda: failing)
    taking.cancel()
    await asyncio.wait([taking])
    failing.pop().set_exception(StorageError("the disk failed"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del taking
    gc.collect()  # asyncio complains of what is let go of
    assert complaints == []
    b.storage.append = append  # type: ignore[method-assign]


async def test_what_is_durable_though_its_storing_failed_is_known_when_it_comes_again(
    nodes: tuple[Node, Node],
) -> None:
    a, b = nodes
    for n in range(3):
        await a.put("tasks", f"k{n}", n=n)
    log = (await commits(a, "tasks"))["tasks"]
    await b.db.replicate({"tasks": log[:1]})
    with durable_and_failed(b.storage, StorageError("no answer")):
        answers = await b.db.replicate({"tasks": log[1:2]})
    assert isinstance(answers["tasks"], StorageFailed)
    answers = await b.db.replicate({"tasks": log[1:]})
    assert answers == {"tasks": Replicated(await a.vector("tasks"), 0, FIRST)}
    assert in_memory(b) == []


async def test_a_transaction_over_several_is_one_append(nodes: tuple[Node, Node]) -> None:
    a, b = nodes
    await a.together("k", "x", "y")
    batches: list[list[str]] = []
    append = b.storage.append
    b.storage.append = lambda told: batches.append([each.collection for each in told]) or append(told)  # type: ignore[method-assign]
    await b.db.replicate(await commits(a, "x", "y"))
    assert batches == [["x", "y"]]
    assert in_memory(b) == []


async def test_a_transaction_is_shown_as_a_whole_where_one_of_its_collections_is_in_memory(
    nodes: tuple[Node, Node],
) -> None:
    a, b = nodes
    await b.keys("x")
    await a.together("k", "x", "y")
    await b.db.replicate(await commits(a, "x", "y"))
    assert in_memory(b) == ["x", "y"]
    assert await b.keys("x") == await b.keys("y") == ["k"]


async def test_a_transaction_of_which_a_part_cannot_be_stored_yet_is_held_as_a_whole(
    nodes: tuple[Node, Node],
) -> None:
    a, b = nodes
    await a.put("y", "early", n=0)
    await a.together("k", "x", "y")
    logs = await commits(a, "x", "y")
    await b.db.replicate({"x": [], "y": logs["y"][:1]})
    await b.db.replicate({"x": logs["x"], "y": []})
    assert await b.keys("x") == ["k"]  # alone: whoever sends has all parts in one call
    await b.db.replicate({"y": logs["y"][1:]})
    assert await b.keys("y") == ["early", "k"]


async def test_what_is_of_a_history_that_is_over_is_not_taken(nodes: tuple[Node, Node]) -> None:
    a, b = nodes
    await a.put("tasks", "k", n=1)
    log = await commits(a, "tasks")
    await b.put("tasks", "own", n=1)
    await b.db.drop("tasks")
    answers = await b.db.replicate(log, {"tasks": FIRST})
    assert isinstance(answers["tasks"], CollectionDropped)
    later = FIRST.next("h").next("i")
    assert isinstance((await b.db.replicate(log, {"tasks": later}))["tasks"], Unavailable)
    assert await b.keys("tasks") == []


async def test_a_log_that_has_grown_long_is_loaded_and_can_be_folded() -> None:
    a, b = Node("a"), Node("b", limits=Limits(log_commits=5))
    for n in range(7):
        await a.put("tasks", f"k{n}", n=n)
    for commit in (await commits(a, "tasks"))["tasks"]:
        await b.db.replicate({"tasks": [commit]})
    assert in_memory(b) == ["tasks"]
    for node in (a, b):
        await node.close()


async def test_one_that_cannot_be_read_fails_alone(nodes: tuple[Node, Node]) -> None:
    a, b = nodes
    for n in range(3):
        await a.put("tasks", f"k{n}", n=n)
    await a.put("sound", "k", n=0)
    sent = await commits(a, "tasks", "sound")
    first, second, third = sent["tasks"]
    answers = await b.db.replicate({**sent, "tasks": [first, replace(second, update=b"nonsense"), third]})
    assert isinstance(answers["tasks"], MalformedUpdate)
    assert in_memory(b) == []
    assert (await b.keys("tasks"), await b.keys("sound")) == (["k0"], ["k"])
    await b.db.replicate(sent)
    assert await b.keys("tasks") == ["k0", "k1", "k2"]
