"""Owned collections: one node at a time carries out their transactions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest

from protobase_live import Counter
from protobase_live.cluster.limits import ClusterLimits
from protobase_live.errors import NoOwner, OutcomeUnknown, RecordExists, ValidationError
from protobase_live.model.atoms import Atom
from protobase_live.model.schemas import Schemas
from protobase_storage import Commit, StorageFull
from tests.support.nodes import Connection, Node

T = TypeVar("T")
LIMITS = ClusterLimits()


class Order(Atom):
    item: str
    votes: Counter = 0


class Nodes:
    """Nodes whose clocks go on while something is waited for."""

    def __init__(self, names: str, configured: int, others: Sequence[str], **settings: Any) -> None:
        """``others`` are the patterns that all but the first have."""
        patterns = [others if at else ("orders*",) for at in range(len(names))]
        self.nodes = [Node(name, owner=each, **settings) for name, each in zip(names, patterns, strict=True)]
        self.links: dict[frozenset[str], Connection] = {}
        self._configured = configured

    async def start(self) -> None:
        for node in self.nodes:
            node.db.replication.configured = self._configured
            assert node.db.owner is not None
            node.db.owner.start()
        for at, one in enumerate(self.nodes):
            for other in self.nodes[at + 1 :]:
                self.link(one, other)

    def link(self, one: Node, other: Node) -> None:
        self.links[frozenset((one.name, other.name))] = Connection(one, other)

    async def cut_off(self, node: Node) -> None:
        for names in [each for each in self.links if node.name in each]:
            await self.links.pop(names).cut()

    def join(self, node: Node) -> None:
        for other in self.nodes:
            if other is not node:
                self.link(node, other)

    async def tick(self, seconds: float = 0.05) -> None:
        for node in self.nodes:
            await node.clock.advance(seconds)
        for _ in range(30):
            await asyncio.sleep(0)

    async def get(self, work: Awaitable[T]) -> T:
        """The result of something that takes time."""
        task = asyncio.ensure_future(work)
        for _ in range(400):
            if task.done():
                break
            await self.tick()
        return await task

    async def until(self, condition: Callable[[], Any]) -> None:
        for _ in range(400):
            if condition():
                return
            await self.tick()
        raise AssertionError("it did not come to that")

    @property
    def owners(self) -> list[Node]:
        return [node for node in self.nodes if node.db.owner is not None and node.db.owner.is_owner]


@asynccontextmanager
async def cluster(
    names: str = "abc", configured: int = 0, others: Sequence[str] = ("orders*",), **settings: Any
) -> AsyncIterator[Nodes]:
    made = Nodes(names, configured or len(names), others, **settings)
    await made.start()
    try:
        yield made
    finally:
        for node in made.nodes:
            assert node.db.owner is not None
            await node.db.owner.close()
            await node.close()


async def put(node: Node, key: str, **fields: Any) -> None:
    await (await node.db.collection("orders")).insert(fields, key=key)


async def increment(node: Node, times: int = 1) -> None:
    async def one(tx: Any) -> None:
        before = await tx["orders"].get("n")
        await tx["orders"].put({"n": (before or {"n": 0})["n"] + 1}, key="n")

    for _ in range(times):
        await node.db.transact(one)


async def count(node: Node) -> int:
    found = await (await node.db.collection("orders")).get("n")
    return 0 if found is None else found["n"]


async def test_one_node_is_the_owner_and_who_wrote_sees_it() -> None:
    async with cluster() as three:
        for node in three.nodes:
            await three.get(put(node, f"k{node.name}", by=node.name))
            assert f"k{node.name}" in await node.keys("orders")
        assert len(three.owners) == 1
        assert await three.nodes[2].keys("orders") == ["ka", "kb", "kc"]


async def test_an_insert_at_all_nodes_at_once_succeeds_at_one() -> None:
    async with cluster() as three:
        found = await three.get(
            asyncio.gather(*(put(node, "k", by=node.name) for node in three.nodes), return_exceptions=True)
        )
        assert sorted(type(each).__name__ for each in found) == ["NoneType", "RecordExists", "RecordExists"]


async def test_what_does_not_fit_a_schema_is_not_written_from_any_node() -> None:
    async with cluster(schemas=Schemas({"orders": Order})) as three:
        for node in three.nodes:
            orders = await node.db.collection("orders")
            with pytest.raises(ValidationError, match="Order"):
                await three.get(orders.insert({"item": 5}, key="misfit"))
            await three.get(orders.insert({"item": "a", "votes": 2}, key=node.name))
            with pytest.raises(ValidationError, match="Order"):
                await three.get(orders.update(node.name, item=5))
            await three.get(orders.field(node.name, "votes", Counter).add(3))
            assert await orders.get("misfit") is None
            assert await orders.get(node.name) == {"item": "a", "votes": 5}
        assert len(three.owners) == 1


async def test_no_increment_is_lost() -> None:
    async with cluster() as three:
        await three.get(asyncio.gather(*(increment(node, 5) for node in three.nodes)))
        for node in three.nodes:
            await three.get(increment(node))
        assert await count(three.nodes[2]) == 18


async def test_another_node_is_the_owner_when_it_is_cut_off() -> None:
    async with cluster() as three:
        await three.get(increment(three.nodes[0], 3))
        (owner,) = three.owners
        await three.cut_off(owner)
        others = [node for node in three.nodes if node is not owner]
        await three.until(lambda: three.owners and three.owners[0] in others)
        await three.get(asyncio.gather(*(increment(node, 2) for node in others)))
        with pytest.raises(NoOwner, match="owner_seconds"):
            await three.get(increment(owner))
        three.join(owner)
        await three.get(increment(owner))
        assert await count(owner) == 8


async def test_without_a_majority_there_is_no_owner_and_the_rest_goes_on() -> None:
    async with cluster() as three:
        a, b, _ = three.nodes
        await three.get(increment(a))
        await three.cut_off(a)
        await three.cut_off(b)
        await three.until(lambda: not three.owners)
        with pytest.raises(NoOwner):
            await three.get(increment(b))
        assert await count(b) == 1
        await b.put("tasks", "k", n=1)


async def test_what_no_majority_has_is_not_acknowledged_nor_shown() -> None:
    async with cluster() as three:
        await three.get(increment(three.nodes[0]))
        (owner,) = three.owners
        await three.cut_off(owner)
        assert owner in three.owners
        with pytest.raises(OutcomeUnknown):
            await three.get(increment(owner))
        assert await count(owner) == 1
        three.join(owner)
        for node in three.nodes:
            await three.get(increment(node))
        assert await count(three.nodes[2]) in (4, 5)


@pytest.mark.parametrize("how", [{"names": "ab", "others": ("orders",)}, {"configured": 2}])
async def test_nodes_that_are_told_something_else_have_no_owner(how: dict[str, Any]) -> None:
    async with cluster(**how) as three:
        for _ in range(100):
            await three.tick()
        assert three.owners == []


async def test_a_collection_that_was_deleted_begins_again() -> None:
    async with cluster() as three:
        await three.get(increment(three.nodes[0], 3))
        (owner,) = three.owners
        await three.get(owner.db.drop("orders"))
        for node in three.nodes:
            await three.tick(0.0)
            await three.get(increment(node))
        assert await count(three.nodes[2]) == 3


async def test_a_transaction_on_owned_and_other_collections_is_refused() -> None:
    async def both(node: Node) -> None:
        async with node.db.transaction() as tx:
            tx["orders"].put({"n": 1}, key="k")
            tx["tasks"].put({"n": 1}, key="k")

    async with cluster("a") as one:
        with pytest.raises(ValidationError, match="'orders' is owned and 'tasks' is not"):
            await both(one.nodes[0])


async def test_a_transaction_over_several_owned_collections_is_one() -> None:
    async def both(node: Node) -> None:
        async with node.db.transaction() as tx:
            tx["orders/1"].put({"n": 1}, key="k")
            tx["orders/2"].insert({"n": 1}, key="k")

    async with cluster() as three:
        await three.get(both(three.nodes[1]))
        with pytest.raises(RecordExists):
            await three.get(both(three.nodes[2]))
        assert await three.nodes[2].keys("orders/1") == await three.nodes[2].keys("orders/2") == ["k"]


async def test_who_stops_ends_what_is_under_way_and_gives_back_the_lease() -> None:
    async with cluster() as three:
        await three.get(increment(three.nodes[0]))
        (owner,) = three.owners
        others = [node for node in three.nodes if node is not owner]
        told = [asyncio.ensure_future(increment(node)) for node in others]
        await asyncio.sleep(0)
        assert owner.db.owner is not None
        await three.get(owner.db.owner.close())
        stopped_at = others[0].clock.monotonic()
        await three.until(lambda: three.owners)
        assert three.owners[0] in others
        assert others[0].clock.monotonic() - stopped_at < LIMITS.lease_seconds / 2
        await three.get(asyncio.gather(*told))
        assert await count(others[0]) == await count(others[1]) == 3


async def test_who_cannot_store_is_not_the_owner_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(commits: Sequence[Commit]) -> asyncio.Future[None]:
        failed = asyncio.get_running_loop().create_future()
        failed.set_exception(StorageFull("no room"))
        return failed

    async with cluster() as three:
        await three.get(increment(three.nodes[0]))
        (owner,) = three.owners
        others = [node for node in three.nodes if node is not owner]
        monkeypatch.setattr(owner.storage, "append", full)
        with pytest.raises(OutcomeUnknown):
            await three.get(increment(others[0]))
        await three.until(lambda: three.owners and three.owners[0] in others)
        await three.get(increment(others[0]))
        assert await count(others[1]) == 3, "what a majority had was completed"


async def test_who_is_closed_while_a_term_ends_is_closed() -> None:
    async def end_slowly() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await asyncio.sleep(0.0)
            await asyncio.sleep(0.0)

    async with cluster("a") as one:
        assert one.nodes[0].db.owner is not None
        election = one.nodes[0].db.owner._election
        await one.until(lambda: election.reign)
        assert election.reign is not None
        ending = asyncio.ensure_future(end_slowly())
        await asyncio.sleep(0.0)
        election.reign.ready = False
        stopping = asyncio.ensure_future(election._stop(election.reign, ending))
        await asyncio.sleep(0.0)
        stopping.cancel()
        await asyncio.wait([stopping])
        assert stopping.cancelled()
        await asyncio.wait([ending])


async def test_a_database_without_a_server_has_no_owner() -> None:
    node = Node("a", owner=("orders*",))
    with pytest.raises(NoOwner, match="its server has not started"):
        await put(node, "k")
    await node.close()
