"""A transaction is acknowledged when it is durable on as many nodes as it asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from protobase_live.errors import NotReplicated, ValidationError
from protobase_live.model.durability import LOCAL, MAJORITY, Durability, durability
from protobase_live.protocol.peer.messages import Taken
from protobase_storage import MemoryStorage, Vector
from tests.support.nodes import Connection, Make, Node, agree, settle


class Slow(MemoryStorage):
    """Is done when the test says so."""

    def __init__(self, name: str) -> None:
        super().__init__(make_identity=lambda: name)
        self.waiting: list[tuple[asyncio.Future[None], asyncio.Future[None]]] = []

    def append(self, commits):
        done = asyncio.get_running_loop().create_future()
        self.waiting.append((super().append(commits), done))
        return done

    def flush(self) -> None:
        for _, done in self.waiting:
            done.set_result(None)
        self.waiting.clear()


async def write(node: Node, level: str | None, key: str = "k") -> int:
    """One transaction; on how many nodes it is known to be durable."""
    async with node.db.transaction(durability=level) as tx:
        tx["tasks"].put({"n": 1}, key=key)
    return tx.receipt.nodes


async def test_local_waits_for_nobody(make: Make) -> None:
    assert await write(make("a"), None) == 1
    assert await write(make("b"), "local") == 1


async def test_it_is_acknowledged_when_the_other_nodes_have_stored_it(make: Make) -> None:
    storage = Slow("b")
    a, b = make("a"), make("b", storage=storage)
    connection = Connection(a, b)
    await settle(lambda: a.cluster.linked)
    written = asyncio.ensure_future(write(a, "peers=1"))
    await settle(lambda: storage.waiting)
    assert not written.done()
    assert connection.ends[1].messages(Taken) == []
    storage.flush()
    assert await written == 2


async def test_who_waits_for_others_waits_for_nobody_who_may_write_more(make: Make) -> None:
    a, b = make("a", pause=1.0), make("b", pause=1.0)
    Connection(a, b)
    await settle(lambda: a.cluster.linked)
    for n in range(3):  # their clocks stand still
        assert await asyncio.wait_for(write(a, "peers=1", f"k{n}"), 10) == 2


async def test_a_link_that_ends_in_the_same_moment_takes_nothing_back(make: Make) -> None:
    a, b = make("a"), make("b")
    Connection(a, b)
    await settle(lambda: a.cluster.linked)
    (link,) = a.db.replication.links.values()
    has_durable = link.outgoing.has_durable

    def end_then(vectors: Mapping[str, Vector]) -> bool:
        if has := has_durable(vectors):
            asyncio.get_running_loop().call_soon(a.db.replication.remove, link)
        return has

    link.outgoing.has_durable = end_then  # type: ignore[method-assign]
    assert await write(a, "peers=1") == 2


async def test_all_collections_of_a_transaction_are_waited_for(make: Make) -> None:
    a, b = make("a"), make("b")
    Connection(a, b)
    async with a.db.transaction(durability="peers=1") as tx:
        for name in ("x", "y"):
            tx[name].put({"n": 1}, key="k")
    assert tx.receipt.nodes == 2
    assert await b.vector("x") == await a.vector("x")
    assert await b.vector("y") == await a.vector("y")


async def test_a_majority_is_that_of_the_configured_nodes(make: Make) -> None:
    a, b, c = make("a"), make("b"), make("c")
    a.db.replication.configured = 4
    Connection(a, b)
    Connection(c, a)
    assert await write(a, "majority") == 3


async def test_a_write_by_itself_is_as_durable_as_it_asks_for(make: Make) -> None:
    storage = Slow("b")
    a, b = make("a"), make("b", storage=storage)
    Connection(a, b)
    await settle(lambda: a.cluster.linked)
    tasks = await a.db.collection("tasks")
    written = asyncio.ensure_future(tasks.put({"n": 1}, key="k", durability="peers=1"))
    await settle(lambda: storage.waiting)
    assert not written.done()
    storage.flush()
    await written


async def test_what_is_not_reached_in_time_is_told_and_not_undone(make: Make) -> None:
    a, b = make("a"), make("b")
    Connection(a, b)
    await settle(lambda: a.cluster.linked)
    written = asyncio.ensure_future(write(a, "peers=2"))
    await agree([a, b], "tasks")
    for _ in range(26):
        for node in (a, b):
            await node.clock.advance(0.2)
    with pytest.raises(NotReplicated, match=r"on 1 other nodes, not on 2, within 5.0 s .* it is not undone"):
        await written
    assert await a.keys("tasks") == ["k"]


@pytest.mark.parametrize(
    ("text", "level"),
    [("local", LOCAL), ("majority", MAJORITY), ("peers=0", LOCAL), ("peers=2", Durability(2))],
)
def test_levels_are_written_as_texts(text: str, level: Durability) -> None:
    assert durability(text) == level
    assert durability(str(level)) == level


@pytest.mark.parametrize("text", ["", "peers", "peers=", "peers=-1", "peers=x", "peers=²", "all", None, 3])
def test_what_is_no_level_is_told_so(text: object) -> None:
    with pytest.raises(ValidationError, match="no durability; expected 'local', 'majority', or 'peers=K'"):
        durability(text)


def test_a_majority_includes_the_node_itself() -> None:
    assert [MAJORITY.others(nodes) for nodes in (1, 2, 3, 4, 5)] == [0, 1, 1, 2, 2]
