"""Commits of other nodes for a collection that is being loaded: it grows meanwhile, and nobody waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from protobase_live.collection.fold import fold
from protobase_live.collection.former import FIRST
from protobase_live.collection.limits import Limits
from protobase_live.collection.messages import Replicated
from protobase_live.errors import ProtoBaseError, StorageFailed, Unavailable, ValidationError
from protobase_storage import Commit, Loaded, Snapshot, Storage, StorageError
from tests.support.nodes import HeldAppend, Node, durable_and_failed, settle


@pytest.fixture
async def nodes() -> AsyncIterator[tuple[Node, Node]]:
    """One that writes, and one that is told."""
    pair = Node("a"), Node("b")
    yield pair
    for node in pair:
        await node.close()


class Loads:
    """Loads of a storage end when they are let through, each with what there was when it began."""

    def __init__(self, storage: Storage) -> None:
        self.begun: list[str] = []
        self._go_on = asyncio.Event()
        self._load = storage.load
        storage.load = self._slowly  # type: ignore[method-assign]

    def end(self) -> None:
        """Let them through, and all that come after them."""
        self._go_on.set()

    async def _slowly(self, name: str) -> Loaded:
        self.begun.append(name)
        loaded = await self._load(name)
        await self._go_on.wait()
        return loaded


@pytest.fixture
def loads(nodes: tuple[Node, Node]) -> Iterator[Loads]:
    """Those of the node that is told."""
    found = Loads(nodes[1].storage)
    yield found
    found.end()  # or what failed could not be closed


async def log(node: Node, name: str) -> list[Commit]:
    return list((await node.storage.load(name)).commits)


async def replicated(node: Node, commits: dict[str, list[Commit]]) -> dict[str, object]:
    """What is answered without any load having ended."""
    answering = asyncio.ensure_future(node.db.replicate(commits))
    await settle(answering.done)
    return dict(answering.result())


async def test_they_are_durable_before_it_is_loaded_and_shown_once_it_is(
    nodes: tuple[Node, Node], loads: Loads
) -> None:
    a, b = nodes
    for n in range(5):
        await a.put("tasks", f"k{n}", n=n)
    sent = await log(a, "tasks")
    await b.db.replicate({"tasks": sent[:2]})
    opening = asyncio.ensure_future(b.keys("tasks"))
    await settle(lambda: loads.begun == ["tasks"])
    assert await replicated(b, {"tasks": sent[2:3]}) == {"tasks": Replicated({sent[0].origin: 3}, 0, FIRST)}
    await replicated(b, {"tasks": sent[3:4]})
    assert await b.vector("tasks") == {sent[0].origin: 4}
    loads.end()
    assert await opening == ["k0", "k1", "k2", "k3"]
    await b.db.replicate({"tasks": sent[4:]})
    assert await b.keys("tasks") == ["k0", "k1", "k2", "k3", "k4"]
    assert await log(b, "tasks") == sent


async def test_what_was_being_stored_when_it_was_loaded_is_in_it(nodes: tuple[Node, Node]) -> None:
    a, b = nodes
    for n in range(2):
        await a.put("tasks", f"k{n}", n=n)
    sent = await log(a, "tasks")
    held = HeldAppend(b.storage)
    storing = asyncio.ensure_future(b.db.replicate({"tasks": sent[:1]}))
    await settle(lambda: held.told)
    opening = asyncio.ensure_future(b.keys("tasks"))
    behind = asyncio.ensure_future(b.db.replicate({"tasks": sent[1:]}))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not opening.done()
    await held.go_on()
    await asyncio.gather(storing, behind)
    assert "k0" in await opening
    assert await b.keys("tasks") == ["k0", "k1"]


async def test_while_the_storage_hangs_a_collection_is_not_available_and_nothing_is_wrong_with_it(
    nodes: tuple[Node, Node],
) -> None:
    a, b = nodes
    await a.put("tasks", "k", n=0)
    sent = await log(a, "tasks")
    held = HeldAppend(b.storage)
    storing = asyncio.ensure_future(b.db.replicate({"tasks": sent}))
    await settle(lambda: held.told)
    opening = asyncio.ensure_future(b.keys("tasks"))
    for _ in range(100):
        await asyncio.sleep(0)
    await b.clock.advance(Limits().storage_seconds)
    with pytest.raises(Unavailable, match="storage_seconds"):
        await opening
    await held.go_on()
    await storing
    assert await b.keys("tasks") == ["k"]


async def test_what_is_durable_though_its_storing_failed_meanwhile_is_there(
    nodes: tuple[Node, Node], loads: Loads
) -> None:
    a, b = nodes
    for n in range(3):
        await a.put("tasks", f"k{n}", n=n)
    sent = await log(a, "tasks")
    await b.db.replicate({"tasks": sent[:1]})
    opening = asyncio.ensure_future(b.keys("tasks"))
    await settle(lambda: loads.begun == ["tasks"])
    with durable_and_failed(b.storage, StorageError("no answer")):
        assert isinstance((await replicated(b, {"tasks": sent[1:2]}))["tasks"], StorageFailed)
    loads.end()
    assert await opening == ["k0", "k1"]
    assert await replicated(b, {"tasks": sent[1:]}) == {"tasks": Replicated({sent[0].origin: 3}, 0, FIRST)}


async def test_what_was_not_shown_is_told_before_more_is_taken(nodes: tuple[Node, Node]) -> None:
    """Also where the collection could not be loaded again at once."""
    a, b = nodes
    for n in range(2):
        await a.put("tasks", f"k{n}", n=n)
    sent = await log(a, "tasks")
    await b.db.replicate({"tasks": sent[:1]})
    await b.keys("tasks")
    load = b.storage.load

    async def fail(name: str) -> Loaded:
        raise StorageError("the disk failed")

    b.storage.load = fail  # type: ignore[method-assign]
    with durable_and_failed(b.storage, RuntimeError("nothing that can be undone")):
        with pytest.raises(ProtoBaseError):
            await b.put("tasks", "own", n=1)
        for _ in range(12):  # until it is loaded again no more
            await b.clock.advance(10.0)
            for _ in range(200):
                await asyncio.sleep(0)
    b.storage.load = load  # type: ignore[method-assign]
    await b.db.replicate({"tasks": sent[1:]})
    assert sorted(b.db.actor_stats()) == ["tasks"]
    assert await b.keys("tasks") == ["k0", "k1", "own"]


async def test_two_nodes_that_send_at_once_load_nothing(nodes: tuple[Node, Node]) -> None:
    a, b = nodes
    await a.put("x", "k", n=0)
    await a.put("y", "k", n=0)
    sent = {name: await log(a, name) for name in "xy"}
    await asyncio.gather(b.db.replicate(sent), b.db.replicate(dict(reversed(sent.items()))))
    assert sorted(b.db.actor_stats()) == []
    assert await log(b, "x") == sent["x"]


async def test_parts_of_a_transaction_are_stored_as_one_while_all_its_collections_are_loaded(
    nodes: tuple[Node, Node], loads: Loads
) -> None:
    a, b = nodes
    await a.together("k", "x", "y")
    sent = {name: await log(a, name) for name in "xy"}
    openings = asyncio.gather(b.keys("x"), b.keys("y"))
    await settle(lambda: loads.begun == ["x", "y"])
    await replicated(b, sent)
    loads.end()
    assert await openings == [["k"], ["k"]]


async def test_the_collections_of_a_transaction_are_loaded_at_the_same_time(
    nodes: tuple[Node, Node], loads: Loads
) -> None:
    _, b = nodes
    writing = asyncio.ensure_future(b.together("k", "x", "y"))
    await settle(lambda: loads.begun == ["x", "y"])
    loads.end()
    await writing
    assert await b.keys("x") == await b.keys("y") == ["k"]


async def test_a_log_that_was_folded_meanwhile_is_loaded_anew(nodes: tuple[Node, Node], loads: Loads) -> None:
    """As another process may do that shares the storage."""
    a, b = nodes
    for n in range(3):
        await a.put("tasks", f"k{n}", n=n)
    sent = await log(a, "tasks")
    await b.db.replicate({"tasks": sent[:1]})
    opening = asyncio.ensure_future(b.keys("tasks"))
    await settle(lambda: loads.begun == ["tasks"])
    await replicated(b, {"tasks": sent[1:]})
    update = fold([commit.update for commit in sent])
    await b.storage.compact(Snapshot("tasks", update, await b.vector("tasks"), 1.0))
    loads.end()
    assert await opening == ["k0", "k1", "k2"]
    assert loads.begun == ["tasks", "tasks"]


async def test_one_that_could_not_be_loaded_is_not_in_memory(nodes: tuple[Node, Node]) -> None:
    a, b = nodes
    for n in range(2):
        await a.put("tasks", f"k{n}", n=n)
    sent = await log(a, "tasks")

    async def fail(name: str) -> Loaded:
        raise StorageError("the disk failed")

    load, b.storage.load = b.storage.load, fail  # type: ignore[method-assign]
    with pytest.raises(ProtoBaseError):
        await b.keys("tasks")
    await replicated(b, {"tasks": sent})
    assert sorted(b.db.actor_stats()) == []
    b.storage.load = load  # type: ignore[method-assign]
    assert await b.keys("tasks") == ["k0", "k1"]


async def test_a_commit_made_before_its_node_knew_of_a_restart_waits_for_no_load(
    nodes: tuple[Node, Node],
) -> None:
    """Where timelines began tells whether it is of the same history, and stands in the log."""
    a, b = nodes
    c = Node("c")
    await a.put("tasks", "early", n=0)
    await c.db.replicate({"tasks": await log(a, "tasks")})
    for n in range(2):
        await c.put("tasks", f"beside{n}", n=0)
    again = Node("a", storage=a.storage, start=2)
    await again.put("tasks", "late", n=0)
    await b.db.replicate({"tasks": await log(again, "tasks")})
    beside = (await log(c, "tasks"))[1:]
    read = list[str]()
    load = b.storage.load
    b.storage.load = lambda name: read.append(name) or load(name)  # type: ignore[method-assign,func-returns-value]
    for commit in beside:
        await replicated(b, {"tasks": [commit]})
    assert sorted(b.db.actor_stats()) == []
    assert read == ["tasks"], "where they began is remembered"
    of_another = replace(beside[-1], sequence=3, after={(await log(a, "tasks"))[0].origin: 2})
    assert isinstance((await replicated(b, {"tasks": [of_another]}))["tasks"], ValidationError)
    assert await b.keys("tasks") == ["beside0", "beside1", "early", "late"]
    await c.close()
