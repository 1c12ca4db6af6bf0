"""What a node says of its links."""

from __future__ import annotations

import asyncio

from protobase_actors import SystemClock
from protobase_live.cluster.channel import Channel
from protobase_live.errors import Unavailable
from protobase_live.model.node_status import LinkStatus, MemberStatus, NodeStatus
from protobase_live.server.counters import Counters
from protobase_live.server.metrics import metrics
from protobase_live.server.permissions import Permissions
from protobase_storage import StorageFull
from tests.protobase_live.model.test_stream_status import WELL
from tests.support.figures import values_of
from tests.support.nodes import Connection, Make, Node, agree, settle


async def link_of(node: Node) -> LinkStatus:
    (link,) = (await node.db.cluster_status()).links
    return link


async def test_a_node_alone(make: Make) -> None:
    a = make("a")
    await a.put("tasks", "k", n=1)
    status = await a.db.cluster_status()
    assert (status.node, status.configured, status.links, status.held_commits) == ("a", 1, [], 0)
    assert (status.collections, status.loaded) == (1, 1)
    assert status.faults(0) == []


async def test_a_link_that_has_nothing_to_send(make: Make) -> None:
    a, b, c = make("a"), make("b"), make("c")
    Connection(b, c)
    await settle(lambda: b.cluster.linked)
    Connection(b, a)
    await a.put("tasks", "k", n=1)
    await agree([a, b, c], "tasks")
    await b.clock.advance(0.25)
    await settle(lambda: a.db.replication.links["b"].linked == ("c", "a"))
    link = await link_of(a)
    assert (link.node, link.address, link.up, link.problem) == ("b", None, True, None)
    assert (link.linked, link.lacking_commits, link.lacking_seconds) == (("c", "a"), 0, 0.0)


async def test_what_is_not_known_to_be_durable_there_is_lacking(make: Make) -> None:
    a, b = make("a"), make("b")
    connection = Connection(a, b)
    await a.put("tasks", "k", n=1)
    await agree([a, b], "tasks")
    await settle(lambda: a.db.replication.links["b"].outgoing.unanswered_bytes == 0)
    connection.ends[1].stalled = True  # so no answer comes
    await a.put("tasks", "k2", n=2)
    await settle(lambda: a.db.replication.links["b"].outgoing.unanswered_bytes)
    await a.clock.advance(0.25)
    await a.put("other", "k", n=1)
    await a.put("other", "k2", n=2)
    link = await link_of(a)
    assert (link.lacking_commits, link.lacking_seconds) == (3, 0.25)
    status = await a.db.cluster_status()
    assert status.faults(0.25) == []
    assert status.faults(0.2) == ["b has lacked commits for 0.2 s"]


def full(commits: object) -> asyncio.Future[None]:
    """How a storage without room appends."""
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    failed.set_exception(StorageFull("no space left"))
    return failed


async def test_what_is_sent_again_later_is_lacking_meanwhile(make: Make, monkeypatch) -> None:
    a, b = make("a"), make("b")
    Connection(a, b)
    await settle(lambda: a.cluster.linked and b.cluster.linked)
    monkeypatch.setattr(b.storage, "append", full)
    await a.put("tasks", "k", n=1)
    await settle(lambda: a.db.replication.links["b"].outgoing.unanswered_bytes)
    await settle(lambda: a.db.replication.links["b"].outgoing.unanswered_bytes == 0)
    await a.clock.advance(0.25)
    link = await link_of(a)
    assert (link.lacking_commits, link.lacking_seconds) == (1, 0.25)


async def test_what_was_lacking_beyond_a_link_is_lacking_since_then(make: Make, monkeypatch) -> None:
    a, b = make("a"), make("b")
    await b.put("there", "k", n=1)
    monkeypatch.setattr(b.storage, "append", full)
    for times in range(3):
        connection = Connection(a, b)
        await settle(lambda: a.cluster.linked and b.cluster.linked)
        outgoing = a.db.replication.links["b"].outgoing
        if times == 0:
            await a.put("tasks", "k", n=1)
        await settle(lambda each=outgoing: each.unanswered_bytes)
        await settle(lambda each=outgoing: each.unanswered_bytes == 0)
        await a.clock.advance(0.25)
        await b.clock.advance(0.25)
        assert outgoing.lacking_seconds == 0.25 * (times + 1)
        if times < 2:
            await connection.cut()
    monkeypatch.undo()
    await a.clock.advance(0.5)
    await b.clock.advance(0.5)
    await settle(lambda: outgoing.lacking_seconds == 0)
    monkeypatch.setattr(b.storage, "append", full)
    await a.put("tasks", "k2", n=2)
    await a.clock.advance(0.25)
    assert outgoing.lacking_seconds == 0.25


async def test_what_has_come_between_two_links_is_lacking_no_more(make: Make, monkeypatch) -> None:
    a, b = make("a"), make("b")
    connection = Connection(a, b)
    await a.put("tasks", "k", n=1)
    await agree([a, b], "tasks")
    await settle(lambda: not a.db.replication.links["b"].outgoing.lacking)
    connection.ends[1].stalled = True  # so no answer comes
    await a.put("tasks", "k1", n=1)
    await agree([a, b], "tasks")
    await a.clock.advance(0.25)
    assert a.db.replication.links["b"].outgoing.lacking
    await connection.cut()
    Connection(a, b)
    await settle(lambda: a.cluster.linked and b.cluster.linked)
    outgoing = a.db.replication.links["b"].outgoing
    await settle(lambda: outgoing.lacking_seconds == 0)
    monkeypatch.setattr(b.storage, "append", full)
    await a.put("tasks", "k2", n=2)
    await settle(lambda: outgoing.lacking)
    assert outgoing.lacking_seconds == 0


async def test_what_a_node_can_never_take_is_named(make: Make) -> None:
    a, b = make("a"), make("b")
    Connection(a, b)
    await settle(lambda: a.cluster.linked)
    a.db.replication.links["b"].outgoing.known["tasks"].stuck = "two histories"
    status = await a.db.cluster_status()
    assert status.faults(0) == ["b cannot take tasks: two histories"]


async def test_an_address_where_nobody_answers(make: Make) -> None:
    a = make("a")

    tried = asyncio.Event()

    async def dial() -> Channel:
        await tried.wait()
        raise Unavailable("nobody is there")

    a.cluster.dial([("ws://b/peer", dial)])
    link = await link_of(a)
    assert (link.node, link.address, link.up, link.problem) == ("", "ws://b/peer", False, None)
    assert (await a.db.cluster_status()).faults(0) == ["ws://b/peer is not linked: it was not dialed yet"]
    tried.set()
    await settle(lambda: a.db.replication.dialings[0].problem)
    assert (await a.db.cluster_status()).faults(0) == ["ws://b/peer is not linked: nobody is there"]


async def test_commits_that_wait_for_what_they_were_made_on_are_held(make: Make) -> None:
    a, b = make("a"), make("b")
    for n in range(3):
        await a.put("tasks", f"k{n}", n=n)
    first, second, third = (await a.storage.load("tasks")).commits
    await b.keys("tasks")  # it is in memory
    await b.db.replicate({"tasks": [third, second]})
    assert (await b.db.cluster_status()).held_commits == 2
    await b.db.replicate({"tasks": [first]})
    assert (await b.db.cluster_status()).held_commits == 0


async def test_parts_of_transactions_that_wait_are_held(make: Make) -> None:
    a, b = make("a"), make("b")
    await a.together("k1", "one", "two")
    await a.together("k2", "one", "two")
    logs = {name: (await a.storage.load(name)).commits for name in ("one", "two")}
    for name in logs:
        await b.keys(name)
    await b.db.replicate({name: log[1:] for name, log in logs.items()})
    assert (await b.db.cluster_status()).held_commits == 2
    assert (
        values_of(await metrics(b.db, Counters(), Permissions(SystemClock()), 0, 0))["protobase_held_commits"]
        == 2
    )
    await b.db.replicate({name: log[:1] for name, log in logs.items()})
    assert (await b.db.cluster_status()).held_commits == 0


def test_a_status_is_read_back_from_its_form() -> None:
    link = LinkStatus("b", "ws://b/peer", True, None, ["a"], 1, 0.5, 10, 0.25, {"tasks": "why"})
    nodes = (MemberStatus("c", "ws://c/live"),)
    for stream in (None, WELL):
        status = NodeStatus("a", 2, 100, 3, 1, 0, [link], "b", nodes, stream)
        assert NodeStatus.parse(status.form()) == status
