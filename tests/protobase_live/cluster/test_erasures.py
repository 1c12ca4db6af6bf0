"""Erasing on all nodes: those that are linked, those that come back, and what was stored beside the logs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from protobase_live.cluster.limits import ClusterLimits
from protobase_live.cluster.owned_log import OwnedLog
from protobase_live.cluster.promise import NAME, Promise, PromiseStore
from protobase_live.cluster.proposal import OwnedCommit, Proposal
from protobase_live.cluster.voter import OWNER, Voter
from protobase_live.collection.former import FIRST, History
from protobase_live.model.erasure import Erasure
from protobase_storage import Commit
from tests.support.nodes import Connection, Make, Node, agree, settle


async def holds(node: Node, word: bytes, *collections: str) -> bool:
    """Whether what a node has stored has a word in it."""
    loaded = [await node.storage.load(name) for name in collections]
    return any(word in part for each in loaded for part in (*each.updates, each.remains))


async def test_nothing_is_left_on_nodes_that_are_linked(make: Make) -> None:
    a, b, c = make("a"), make("b"), make("c")
    Connection(a, b), Connection(b, c), Connection(a, c)
    await a.put("tasks", "gone", title="secret")
    await b.put("tasks", "kept", title="kept")
    await agree([a, b, c], "tasks")
    await settle(lambda: len(a.db.replication.links) == 2)
    assert await a.db.erase("tasks", "gone") == Erasure(["a", "b", "c"])
    for node in (a, b, c):
        assert not await holds(node, b"secret", "tasks")
    await agree([a, b, c], "tasks")
    assert [await node.keys("tasks") for node in (a, b, c)] == [["kept"]] * 3


async def test_nodes_that_are_linked_through_others_are_asked_by_these(make: Make) -> None:
    nodes = a, b, c, d = make("a"), make("b"), make("c"), make("d")
    links = [Connection(a, b), Connection(b, c), Connection(c, d)]
    await a.put("tasks", "gone", title="secret")
    await agree(list(nodes), "tasks")
    assert set((await b.db.erase("tasks", "gone")).done) == {"a", "b", "c", "d"}
    assert not any([await holds(node, b"secret", "tasks") for node in nodes])
    await links[2].cut()
    erasure = await a.db.erase("tasks", "gone")
    assert (set(erasure.done), set(erasure.left)) == ({"a", "b", "c"}, {"d"})


async def test_of_a_whole_collection_nothing_is_left_on_any(make: Make) -> None:
    a, b = make("a"), make("b")
    Connection(a, b)
    await a.put("tasks", "gone", title="secret")
    await agree([a, b], "tasks")
    assert await b.db.erase("tasks") == Erasure(["b", "a"])
    assert not await holds(a, b"secret", "tasks")
    await a.put("tasks", "new", title="new")
    await agree([a, b], "tasks")
    assert await b.keys("tasks") == ["new"]


@pytest.mark.parametrize("key", [None, "gone"])
async def test_a_node_that_was_away_is_named_and_does_it_when_it_is_back(make: Make, key: str | None) -> None:
    a, b = make("a"), make("b")
    link = Connection(a, b)
    await a.put("tasks", "gone", title="secret")
    await agree([a, b], "tasks")
    await link.cut()
    erasure = await a.db.erase("tasks", key)
    assert (erasure.done, list(erasure.left)) == (["a"], ["b"])
    await b.put("tasks", "gone", title="secret again")
    erased: list[str] = []
    erase = b.storage.erase
    b.storage.erase = lambda name, *how: erased.append(name) or erase(name, *how)  # type: ignore[method-assign]
    Connection(a, b)
    await agree([a, b], "tasks")
    await settle(lambda: erased == ["tasks"])
    for node in (a, b):
        assert not await holds(node, b"secret", "tasks")


async def test_a_node_that_does_not_answer_is_named(make: Make) -> None:
    a, b = make("a", cluster_limits=ClusterLimits(erase_seconds=3.0, dead_seconds=100.0)), make("b")
    Connection(a, b)
    await a.put("tasks", "gone", title="secret")
    await agree([a, b], "tasks")
    late, erase = asyncio.Event(), b.storage.erase

    async def erase_late(*how):  # type: ignore[no-untyped-def]
        await late.wait()
        await erase(*how)

    b.storage.erase = erase_late  # type: ignore[method-assign]
    erasing = asyncio.create_task(a.db.erase("tasks", "gone"))
    while not erasing.done():
        await a.clock.advance(0.2)
    erasure = erasing.result()
    assert erasure.done == ["a"]
    assert "within 3.0 s" in erasure.left["b"]
    late.set()
    await settle(lambda: _is_clean(b))


async def test_who_lacks_what_another_node_has_waits_for_it_first(make: Make) -> None:
    """What it erases takes the place of all."""
    a, b = make("a"), make("b")
    for n in range(30):
        await a.put("tasks", f"k{n}", title="kept")
    await a.put("tasks", "gone", title="secret")
    Connection(a, b)
    await settle(lambda: b.db.replication.links)
    assert await b.db.erase("tasks", "gone") == Erasure(["b", "a"])
    await agree([a, b], "tasks")
    assert len(await a.keys("tasks")) == len(await b.keys("tasks")) == 30
    assert not await holds(a, b"secret", "tasks")


async def _is_clean(node: Node) -> bool:
    return not await holds(node, b"secret", "tasks")


async def test_of_two_that_erase_at_the_same_time_both_have_what_they_want(make: Make) -> None:
    a, b = make("a"), make("b")
    Connection(a, b)
    for key in ("one", "other", "kept"):
        await a.put("tasks", key, title=f"title of {key}")
    await agree([a, b], "tasks")
    for node in (a, b):
        _take_deletions_late(node)
    found = await asyncio.gather(a.db.erase("tasks", "one"), b.db.erase("tasks", "other"))
    await agree([a, b], "tasks")
    for node in (a, b):
        assert await node.keys("tasks") == ["kept"]
        assert not await holds(node, b"title of o", "tasks")
    assert [set(each.done) for each in found] == [{"a", "b"}] * 2


def _take_deletions_late(node: Node) -> None:
    take = node.db.home.take_deletion

    async def take_late(*how: Any) -> None:
        for _ in range(100):
            await asyncio.sleep(0)
        await take(*how)

    node.db.home.take_deletion = take_late  # type: ignore[method-assign]


async def test_what_a_voter_has_accepted_is_erased_with_its_history(make: Make) -> None:
    node = make("a")
    log, store = OwnedLog(node.storage), PromiseStore(node.storage, node.clock)
    voter = Voter(store, log, ClusterLimits(), node.clock)
    await voter.start()
    await voter.grant(1, "a")
    proposals = [Proposal((), (owned("orders", n, b"secret"), owned("other", n, b"kept"))) for n in (1, 1)]
    for number, proposal in enumerate(proposals, 1):
        assert await voter.accept(1, "a", number, proposal.encode())
    assert await holds(node, b"secret", NAME)
    await node.db.erase("orders")
    log.replaced("orders")
    await voter.forget()
    assert not await holds(node, b"secret", NAME)
    assert await holds(node, b"kept", NAME)
    assert await voter.accept(1, "a", 3, proposals[0].encode()), "it comes late, and is over"
    assert not await holds(node, b"secret", NAME)
    again = Voter(store, OwnedLog(node.storage), ClusterLimits(), node.clock)
    await again.start()
    assert (await again.grant(2, "a")).accepted == (1, 3)


async def test_a_voter_that_ended_in_between_does_it_at_its_next_start(make: Make) -> None:
    node = make("a")
    store = PromiseStore(node.storage, node.clock)
    proposal = Proposal((), (owned("orders", 1, b"secret"),))
    await store.store(Promise(1, "a", (1, 1), proposal.encode()))
    await node.db.erase("orders")
    assert await holds(node, b"secret", NAME)
    await Voter(store, OwnedLog(node.storage), ClusterLimits(), node.clock).start()
    assert not await holds(node, b"secret", NAME)


def owned(collection: str, sequence: int, update: bytes, history: History = FIRST) -> OwnedCommit:
    return OwnedCommit(history, Commit(OWNER, sequence, collection, update, (), 1.0))
