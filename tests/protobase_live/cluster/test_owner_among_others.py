"""Owned collections whose logs are folded, that are deleted, and that cannot be loaded."""

from __future__ import annotations

import asyncio

import pytest

from protobase_live.cluster.limits import ClusterLimits
from protobase_live.collection.limits import Limits
from protobase_live.errors import CollectionUnloadable
from protobase_live.protocol.peer.messages import SnapshotPart
from protobase_storage import Commit
from tests.protobase_live.cluster.test_owner import Nodes, cluster, count, increment
from tests.support.nodes import Node

SHORT = Limits(log_commits=8, retained_commits=1)
NOTHING_KEPT = ClusterLimits(kept_log_bytes=0, recent_bytes=0)


async def pair(node: Node, key: str) -> None:
    """One transaction over two owned collections."""
    async with node.db.transaction() as tx:
        tx["orders/1"].insert({"by": node.name}, key=key)
        tx["orders/2"].insert({"by": node.name}, key=key)


async def keys(node: Node) -> tuple[list[str], list[str]]:
    return await node.keys("orders/1"), await node.keys("orders/2")


def others_than(three: Nodes, node: Node) -> list[Node]:
    return [each for each in three.nodes if each is not node]


@pytest.mark.parametrize("kept", [NOTHING_KEPT, ClusterLimits()])
async def test_who_missed_what_was_folded_votes_for_what_comes_behind_it_and_becomes_the_owner(
    kept: ClusterLimits,
) -> None:
    async with cluster(limits=SHORT, cluster_limits=kept) as three:
        await three.get(pair(three.nodes[0], "first"))
        (owner,) = three.owners
        away, stays = others_than(three, owner)
        await three.cut_off(away)
        for n in range(30):
            await three.get(pair(owner, f"k{n:02}"))
        three.join(away)
        await three.cut_off(stays)
        await three.get(pair(away, "z1"))
        assert await keys(away) == await keys(owner)
        sent = three.links[frozenset((owner.name, away.name))].ends
        snapshots = [each for end in sent for each in end.messages(SnapshotPart)]
        assert {each.collection for each in snapshots} == (
            {"orders/1", "orders/2"} if kept is NOTHING_KEPT else set()
        )
        await three.cut_off(owner)
        three.link(stays, away)
        await three.until(lambda: three.owners and three.owners[0] is not owner)
        await three.get(pair(stays, "z2"))
        assert len((await keys(stays))[0]) == 33
        assert (await keys(stays))[0] == (await keys(stays))[1]


async def test_what_was_deleted_elsewhere_begins_again_while_the_owner_goes_on() -> None:
    async with cluster() as three:
        await three.get(increment(three.nodes[0], 3))
        (owner,) = three.owners
        other, third = others_than(three, owner)
        told = asyncio.gather(increment(owner, 4), increment(third, 4))
        await three.tick()
        await three.get(other.db.drop("orders"))
        await three.get(told)
        await three.get(increment(other))
        assert 1 <= await count(other) <= 9
        for node in three.nodes:
            await three.get(increment(node))
        assert await count(owner) == await count(third)


async def test_one_that_cannot_be_loaded_stops_no_other() -> None:
    bad = Commit("x/1", 1, "orders/bad", b"nonsense", (), 1.0)

    async def write(node: Node) -> None:
        async with node.db.transaction() as tx:
            tx["orders/bad"].put({"n": 1}, key="k")

    async with cluster() as three:
        await three.get(increment(three.nodes[0]))
        for node in three.nodes:
            await node.storage.append([bad])
        for node in three.nodes:
            with pytest.raises(CollectionUnloadable):
                await three.get(write(node))
        (owner,) = three.owners
        await three.get(increment(owner))
        assert await count(owner) == 2


async def test_a_status_tells_who_is_the_owner_and_that_nobody_is() -> None:
    async with cluster() as three:
        await three.get(increment(three.nodes[0]))
        (owner,) = three.owners
        found = [await node.db.cluster_status() for node in three.nodes]
        assert {(each.owner, each.held_commits) for each in found} == {(owner.name, 0)}
        assert [each.collections for each in found] == [1, 1, 1], "what was promised is no collection"
        assert found[0].faults(2.0) == []
        await three.cut_off(owner)
        await three.until(lambda: owner not in three.owners)
        alone = await owner.db.cluster_status()
        assert (alone.owner, alone.faults(2.0)) == ("", ["no node is the owner of the owned collections"])


async def test_a_status_of_a_node_without_owned_collections_names_no_owner() -> None:
    node = Node("a")
    status = await node.db.cluster_status()
    assert (status.owner, status.faults(2.0)) == (None, [])
    await node.close()
