"""Nodes that are linked come to have the same, whatever happens to the links."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from types import SimpleNamespace
from typing import cast

import pytest

from protobase_live.cluster import link, recent
from protobase_live.cluster.limits import ClusterLimits
from protobase_live.cluster.link import Link
from protobase_live.collection.audience import Audience
from protobase_live.collection.commit_form import unpack_commit_of
from protobase_live.collection.former import FIRST, History, history_of
from protobase_live.collection.limits import Limits
from protobase_live.collection.turn import Turn
from protobase_live.errors import (
    Closed,
    ProtoBaseError,
    ProtocolError,
    Unauthorized,
    Unavailable,
    ValidationError,
)
from protobase_live.protocol.peer.messages import (
    Commits,
    Deleted,
    PeerMessage,
    Prove,
    SnapshotPart,
    Standings,
    Taken,
    encode,
)
from protobase_live.query.language.query import Query
from protobase_storage import CollectionCorrupt, Commit, MemoryStorage, StorageError, StorageFull, covers
from tests.support.nodes import Connection, Make, Node, agree, settle
from tests.support.pipes import End, pipe


async def test_what_was_there_and_what_is_written_later_goes_both_ways(make: Make) -> None:
    a, b = make("a"), make("b")
    await a.put("tasks", "k1", n=1)
    await b.put("tasks", "k2", n=2)
    Connection(a, b)
    await agree([a, b], "tasks")
    await a.put("tasks", "k3", n=3)
    await b.put("other", "k4", n=4)
    await agree([a, b], "tasks", "other")
    assert await a.keys("tasks") == await b.keys("tasks") == ["k1", "k2", "k3"]
    assert await a.keys("other") == ["k4"]


async def test_no_more_logs_are_read_than_fill_a_message(make: Make) -> None:
    a, b = make("a", cluster_limits=ClusterLimits(batch_commits=2)), make("b")
    names = [f"c{n}" for n in range(6)]
    for name in names:
        await a.put(name, "k1", n=1)
        await a.put(name, "k2", n=2)
    read: list[str] = []
    commits_after = a.storage.commits_after
    a.storage.commits_after = lambda name, *how: read.append(name) or commits_after(name, *how)  # type: ignore[method-assign]
    Connection(a, b)
    await agree([a, b], *names)
    assert len(read) <= 2 * len(names)  # the second time there is nothing more


async def test_no_commit_of_a_transaction_is_read_twice(make: Make) -> None:
    a, b = make("a", cluster_limits=ClusterLimits(batch_commits=4)), make("b")
    for n in range(8):
        await a.together(f"k{n}", "x", "y")
    read: list[int] = []
    commits_after = a.storage.commits_after

    async def count(*how):  # type: ignore[no-untyped-def]
        found = await commits_after(*how)
        read.append(len(found or ()))
        return found

    a.storage.commits_after = count  # type: ignore[method-assign]
    connection = Connection(a, b)
    await agree([a, b], "x", "y")
    assert sum(read) == 16
    assert all(len(each.commits) == 2 for each in connection.ends[0].messages(Commits))


async def test_what_the_other_node_has_sent_is_gone_through_once(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = make("a"), make("b")
    compared: list[Commit] = []
    monkeypatch.setattr(
        recent, "covers", lambda vector, commit: compared.append(commit) or covers(vector, commit)
    )
    assert await b.keys("tasks") == []  # it is in memory there
    Connection(a, b)
    for n in range(20):
        await a.put("tasks", f"k{n}", n=n)
        await agree([a, b], "tasks")
        await settle(lambda: not b.db.replication.links["a"].outgoing.backlog)
    assert len(compared) == 20, "each commit once, where it was made"
    for n in range(3):
        await b.put("tasks", f"back{n}", n=n)
        await agree([a, b], "tasks")
    assert len(compared) == 20 + 20 + 3, "on the other side before the first that is sent back"


@pytest.mark.parametrize(("most", "expected"), [(link.TAKEN_BYTES, [1, 3]), (1, [1, 1, 1, 1])])
async def test_messages_that_wait_are_taken_in_one_go_up_to_so_many_bytes(
    make: Make, monkeypatch: pytest.MonkeyPatch, most: int, expected: list[int]
) -> None:
    monkeypatch.setattr(link, "TAKEN_BYTES", most)
    a, b = make("a", cluster_limits=ClusterLimits(batch_commits=1, gather_bytes=0)), make("b")
    for n in range(4):
        await a.put("tasks", f"k{n}", n=n)
    appended, flushed = list[int](), asyncio.Event()
    append = b.storage.append

    async def flush(stored: asyncio.Future[None]) -> None:
        await flushed.wait()
        await stored

    b.storage.append = lambda told: appended.append(len(told)) or asyncio.ensure_future(flush(append(told)))  # type: ignore[method-assign,return-value]
    connection = Connection(a, b)
    await settle(lambda: len(connection.ends[0].messages(Commits)) == 4)
    flushed.set()
    await agree([a, b], "tasks")
    assert appended == expected
    await settle(lambda: connection.ends[1].messages(Taken)[-1].number == 4)


async def test_what_brings_no_commits_is_taken_by_itself() -> None:
    """A queue of parts of snapshots would else be held beside the next one."""
    waiting: asyncio.Queue[PeerMessage] = asyncio.Queue()
    part, commits, taken = (
        SnapshotPart("c", FIRST, {}, 0.0, b"", False, False),
        Commits(1, {}),
        Taken(1, {}, {}),
    )
    messages = [part, part, commits, taken, commits, part, commits]
    for each in messages:
        waiting.put_nowait(each)
    goes = list[list[PeerMessage]]()

    async def take(go: list[PeerMessage]) -> None:
        goes.append(go)

    parts = SimpleNamespace(_queue=waiting, _incoming=SimpleNamespace(take=take))
    taking = asyncio.ensure_future(Link._take(cast(Link, parts)))
    await settle(waiting.empty)
    taking.cancel()
    assert goes == [[part], [part], [commits, taken, commits, part], [commits]]


async def test_what_was_written_on_both_sides_of_a_cut_is_merged(make: Make) -> None:
    a, b = make("a"), make("b")
    connection = Connection(a, b)
    await a.put("tasks", "k", n=1, who="a")
    await agree([a, b], "tasks")
    await connection.cut()
    await (await a.db.collection("tasks")).update("k", n=2)
    await (await b.db.collection("tasks")).update("k", who="b")
    Connection(b, a)
    await agree([a, b], "tasks")
    for node in (a, b):
        assert await (await node.db.collection("tasks")).get("k") == {"n": 2, "who": "b"}


async def test_commits_go_on_through_nodes_between(make: Make) -> None:
    a, b, c = make("a"), make("b"), make("c")
    Connection(a, b)
    Connection(b, c)
    await a.put("tasks", "k1", n=1)
    await c.put("tasks", "k2", n=2)
    await agree([a, b, c], "tasks")
    assert await c.keys("tasks") == ["k1", "k2"]


async def test_nobody_is_sent_back_what_he_sent(make: Make) -> None:
    a, b = make("a"), make("b")
    connection = Connection(a, b)
    await a.put("tasks", "k1", n=1)
    await agree([a, b], "tasks")
    await a.put("tasks", "k2", n=2)
    await agree([a, b], "tasks")
    assert len(connection.ends[0].messages(Commits)) == 2
    assert connection.ends[1].messages(Commits) == []


async def test_change_streams_and_live_queries_of_the_other_node_see_it(make: Make) -> None:
    a, b = make("a"), make("b")
    Connection(a, b)
    tasks = await b.db.collection("tasks")
    async with tasks.changes() as changes, b.db.live(Query("tasks")) as live:
        await a.put("tasks", "k1", n=1)
        assert (await anext(changes)).after == {"n": 1}
        await anext(live)
        assert live.rows == [{"_key": "k1", "n": 1}]


async def test_a_collection_that_is_not_in_memory_is_not_loaded(make: Make) -> None:
    a, b = make("a"), make("b")
    Connection(a, b)
    for n in range(3):
        await a.put("tasks", f"k{n}", n=n)
    await agree([a, b], "tasks")
    assert "tasks" not in b.db.actor_stats()
    assert await b.keys("tasks") == ["k0", "k1", "k2"]


async def test_only_what_is_lacking_is_sent(make: Make) -> None:
    a, b = make("a"), make("b")
    for n in range(20):
        await a.put(f"c{n:02}", "k", n=n)
    connection = Connection(a, b)
    await agree([a, b], *(f"c{n:02}" for n in range(20)))
    await connection.cut()
    await a.put("c07", "k2", n=0)
    again = Connection(a, b)
    await agree([a, b], "c07")
    sent = [name for message in again.ends[0].messages(Commits) for name in message.commits]
    assert sent == ["c07"]


async def test_many_collections_are_told_in_pages(make: Make) -> None:
    limits = ClusterLimits(standings=3)
    a, b = make("a", cluster_limits=limits), make("b", cluster_limits=limits)
    for n in range(10):
        await (a if n % 2 else b).put(f"c{n}", "k", n=n)
    connection = Connection(a, b)
    await agree([a, b], *(f"c{n}" for n in range(10)))
    pages = connection.ends[0].messages(Standings)
    assert [len(page.positions) for page in pages] == [3, 2, 0]
    assert [page.complete for page in pages] == [False, False, True]


async def test_a_node_that_is_behind_the_log_is_sent_a_snapshot_in_parts(make: Make) -> None:
    limits = ClusterLimits(snapshot_part_bytes=500)
    a = make("a", limits=Limits(log_commits=10, retained_commits=2), cluster_limits=limits)
    b = make("b")
    await b.put("tasks", "own", n=0)
    for n in range(30):
        await a.put("tasks", f"k{n:02}", n=n)
    await settle(lambda: _is_folded(a))
    await a.put("tasks", "last", n=1)
    connection = Connection(b, a)
    await agree([a, b], "tasks")
    parts = connection.ends[1].messages(SnapshotPart)
    assert len(parts) > 1
    assert await b.keys("tasks") == await a.keys("tasks")
    assert len(await b.keys("tasks")) == 32


async def _is_folded(node: Node) -> bool:
    return (await node.storage.load("tasks")).snapshot is not None


async def test_a_deletion_takes_the_place_of_what_was_written_elsewhere_meanwhile(make: Make) -> None:
    a, b, c = make("a"), make("b"), make("c")
    Connection(b, c)
    connection = Connection(a, b)
    await a.put("tasks", "early", n=1)
    await agree([a, b, c], "tasks")
    await connection.cut()
    await a.db.drop("tasks")
    await a.put("tasks", "new", n=2)
    await b.put("tasks", "meanwhile", n=3)
    Connection(a, b)
    await agree([a, b, c], "tasks")
    for node in (a, b, c):
        assert await node.keys("tasks") == ["new"]


async def test_two_deletions_that_did_not_know_of_each_other_come_to_one(make: Make) -> None:
    a, b = make("a"), make("b")
    connection = Connection(a, b)
    await a.put("tasks", "early", n=1)
    await agree([a, b], "tasks")
    await connection.cut()
    for node in (a, b):
        await node.db.drop("tasks")
        await node.put("tasks", f"of {node.name}", n=1)
    Connection(a, b)
    await agree([a, b], "tasks")
    assert await a.keys("tasks") == await b.keys("tasks") in (["of a"], ["of b"])


async def test_what_is_restored_takes_the_place_of_what_was_deleted_everywhere(make: Make) -> None:
    a, b = make("a"), make("b")
    connection = Connection(a, b)
    await a.put("tasks", "early", n=1)
    backup = await a.db.backup("tasks")
    await a.put("tasks", "later", n=2)
    await agree([a, b], "tasks")
    await connection.cut()
    await a.db.drop("tasks")
    await a.db.restore("tasks", backup)
    again = Connection(a, b)
    await agree([a, b], "tasks")
    assert await a.keys("tasks") == await b.keys("tasks") == ["early"]
    assert again.ends[1].messages(Deleted) == []


async def test_who_writes_before_all_of_a_restored_history_has_come_loses_nothing(make: Make) -> None:
    """It has fewer of its own commits then than others have of it."""
    a, b = make("a"), make("b")
    connection = Connection(a, b)
    for n in range(3):
        await b.put("tasks", f"early {n}", n=n)
        await (await b.db.collection("tasks")).counter("count").add(1)
    await agree([a, b], "tasks")
    await connection.cut()
    backup = await a.db.backup("tasks")
    await a.db.drop("tasks")
    await a.db.restore("tasks", backup)
    await b.db.home.take_deletion("tasks", (await a.storage.standing("tasks")).remains)
    await b.put("tasks", "later", n=4)
    await (await b.db.collection("tasks")).counter("count").add(1)
    Connection(a, b)
    await agree([a, b], "tasks")
    for node in (a, b):
        assert await node.keys("tasks") == ["early 0", "early 1", "early 2", "later"]
        assert await (await node.db.collection("tasks")).counter("count").value() == 4


async def test_the_parts_of_a_transaction_are_in_one_message(make: Make) -> None:
    a, b = make("a", cluster_limits=ClusterLimits(batch_commits=2)), make("b")
    for n in range(5):
        await a.put("x", f"x{n}", n=n)
        await a.together(f"t{n}", "x", "y")
        await a.put("y", f"y{n}", n=n)
    connection = Connection(a, b)
    await agree([a, b], "x", "y")
    for n in range(5, 8):
        await a.together(f"t{n}", "x", "y")
    await agree([a, b], "x", "y")
    for message in connection.ends[0].messages(Commits):
        assert len(message.commits) == 2 or all(len(forms) <= 2 for _, forms in message.commits.values())
    joints = [_joints(message) for message in connection.ends[0].messages(Commits)]
    assert all(of_x == of_y for of_x, of_y in joints)


def _joints(message: Commits) -> tuple[set[str], set[str]]:
    def of(name: str) -> set[str]:
        _, forms = message.commits.get(name, (None, ()))
        return {joint.id for form in forms if (joint := unpack_commit_of("x", form).joint)}

    return of("x"), of("y")


class Full(MemoryStorage):
    """Takes nothing for a while."""

    full = False
    full_after_deletion = False
    error: StorageError = StorageFull("no room")

    def append(self, commits):
        if not self.full or not commits:
            return super().append(commits)
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        failed.set_exception(self.error)
        return failed

    async def delete(self, collection, remains=b""):
        if self.full:
            raise self.error
        await super().delete(collection, remains)
        self.full = self.full_after_deletion

    async def compact(self, snapshot):
        if self.full:
            raise self.error
        await super().compact(snapshot)


@pytest.mark.parametrize("error", [StorageFull("no room"), StorageError("no room: the disk failed")])
async def test_what_the_other_node_cannot_store_is_sent_again(make: Make, error: StorageError) -> None:
    storage = Full(make_identity=lambda: "b")
    storage.error = error
    a, b = make("a"), make("b", storage=storage)
    connection = Connection(a, b)
    await a.put("tasks", "k1", n=1)
    await agree([a, b], "tasks")
    storage.full = True
    await a.put("tasks", "k2", n=2)
    await settle(lambda: len(connection.ends[1].messages(Taken)) == 2)
    assert "no room" in str(connection.ends[1].messages(Taken)[1].failures)
    storage.full = False
    await a.clock.advance(0.6)
    await agree([a, b], "tasks")
    assert await b.keys("tasks") == ["k1", "k2"]


async def test_a_deletion_that_the_other_node_cannot_store_is_told_again(make: Make) -> None:
    storage = Full(make_identity=lambda: "b")
    a, b = make("a"), make("b", storage=storage)
    connection = Connection(a, b)
    await a.put("tasks", "k1", n=1)
    await agree([a, b], "tasks")
    storage.full = True
    await a.db.drop("tasks")
    await settle(lambda: any(each.failures for each in connection.ends[1].messages(Taken)))
    storage.full = False
    await a.put("tasks", "k2", n=2)
    for _ in range(3):  # the collection starts again there, and is sent it then
        await b.clock.advance(0.6)
        await a.clock.advance(0.6)
    await agree([a, b], "tasks")
    assert await b.keys("tasks") == ["k2"]


async def test_a_restore_that_fails_half_way_is_no_other_history_at_other_nodes(make: Make) -> None:
    storage = Full(make_identity=lambda: "a")
    a, b = make("a", storage=storage), make("b")
    Connection(a, b)
    await a.put("tasks", "early", n=1)
    backup = await a.db.backup("tasks")
    await a.db.drop("tasks")
    await agree([a, b], "tasks")
    storage.full_after_deletion = True
    with pytest.raises(Unavailable, match="no room"):
        await a.db.restore("tasks", backup)
    storage.full = storage.full_after_deletion = False
    begun = history_of((await a.storage.standing("tasks")).remains)
    await settle(lambda: _is_of(b, "tasks", begun))
    await b.put("tasks", "of b", n=2)
    await agree([a, b], "tasks")
    await a.put("tasks", "of a", n=3)
    await agree([a, b], "tasks")
    assert await a.keys("tasks") == await b.keys("tasks") == ["of a", "of b"]


async def _is_of(node: Node, collection: str, history: History) -> bool:
    return history_of((await node.storage.standing(collection)).remains) == history


async def test_what_is_durable_and_could_not_be_shown_is_sent_when_it_is_loaded(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = make("a"), make("b")
    Connection(a, b)
    await a.put("tasks", "k1", n=1)
    await agree([a, b], "tasks")
    show = Audience.show

    def fail_once(audience: Audience, turn: Turn) -> asyncio.Future[None] | None:
        monkeypatch.setattr(Audience, "show", show)
        raise RuntimeError("it cannot be shown")

    monkeypatch.setattr(Audience, "show", fail_once)
    writing = asyncio.create_task(a.put("tasks", "k2", n=2))
    await settle(lambda: Audience.show is show)
    await a.clock.advance(0.2)  # it begins again, before the link is taken for dead
    with pytest.raises(ProtoBaseError):
        await writing
    await agree([a, b], "tasks")
    assert await b.keys("tasks") == ["k1", "k2"]
    await a.put("tasks", "k3", n=3)
    await agree([a, b], "tasks")


async def _has_no(node: Node, key: str) -> bool:
    return key not in await node.keys("tasks")


async def test_commits_of_a_history_that_is_over_are_not_sent_as_of_the_next(make: Make) -> None:
    a, b = make("a"), make("b")
    connection = Connection(a, b)
    await a.put("y", "early", n=1)
    await agree([a, b], "y")
    await connection.cut()
    await a.together("joint", "x", "y")
    await b.db.drop("y")
    Connection(a, b)
    await agree([a, b], "x", "y")
    assert await a.keys("x") == await b.keys("x") == ["joint"]
    assert await a.keys("y") == await b.keys("y") == []


async def test_who_sends_what_was_deleted_goes_on_when_he_knows(make: Make) -> None:
    a, b = make("a"), make("b")
    connection = Connection(a, b)
    await a.put("tasks", "k1", n=1)
    await agree([a, b], "tasks")
    await asyncio.gather(b.db.drop("tasks"), a.put("tasks", "k2", n=2))
    await settle(lambda: any(each.failures for each in connection.ends[1].messages(Taken)))
    (failed,) = [each for each in connection.ends[1].messages(Taken) if each.failures]
    await settle(lambda: _has_no(a, "k1"))
    await a.put("tasks", "k3", n=3)
    await a.clock.advance(0.6)
    await agree([a, b], "tasks")
    assert await b.keys("tasks") == ["k3"]
    assert failed.failures["tasks"][1], "it was said that it can never be taken"


class Rotten(MemoryStorage):
    """A collection of it cannot be read."""

    async def commits_after(self, collection, vector, limit):
        if collection == "rotten":
            raise CollectionCorrupt(collection, "a page is damaged")
        return await super().commits_after(collection, vector, limit)


async def test_a_collection_that_cannot_be_read_stops_no_other(make: Make) -> None:
    a, b = make("a", storage=Rotten(make_identity=lambda: "a")), make("b")
    await a.put("rotten", "k", n=1)
    await a.put("sound", "k", n=1)
    Connection(a, b)
    await agree([a, b], "sound")
    assert await b.keys("rotten") == []
    known = a.db.replication.links["b"].outgoing.known["rotten"]
    assert known.stuck is not None
    assert "damaged" in known.stuck


class RottenStanding(MemoryStorage):
    """Where a collection of it stands cannot be read."""

    async def standing(self, collection):
        if collection == "rotten":
            raise CollectionCorrupt(collection, "a page is damaged")
        return await super().standing(collection)

    async def load(self, collection):
        if collection == "rotten":
            raise CollectionCorrupt(collection, "a page is damaged")
        return await super().load(collection)


class RottenLog(RottenStanding):
    """Nothing can be put behind its log, either."""

    async def standing(self, collection):
        return await MemoryStorage.standing(self, collection)

    def append(self, commits):
        if not any(commit.collection == "rotten" for commit in commits):
            return super().append(commits)
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        failed.set_exception(CollectionCorrupt("rotten", "a page is damaged"))
        return failed


@pytest.mark.parametrize("kind", [RottenStanding, RottenLog])
async def test_a_collection_that_cannot_be_read_there_stops_no_other_of_its_message(
    make: Make, kind: type[MemoryStorage]
) -> None:
    a, b = make("a"), make("b", storage=kind(make_identity=lambda: "b"))
    await a.put("rotten", "k", n=1)
    for name in ("sound", "well"):
        await a.put(name, "k", n=1)
    Connection(a, b)
    await agree([a, b], "sound", "well")
    outgoing = a.db.replication.links["b"].outgoing
    await settle(lambda: outgoing.known["rotten"].stuck)
    assert "damaged" in (outgoing.known["rotten"].stuck or "")
    assert outgoing.has_durable({"sound": await a.vector("sound")})
    assert not outgoing.has_durable({"rotten": await a.vector("rotten")})


async def test_who_knows_another_secret_is_sent_nothing(make: Make) -> None:
    a, b = make("a"), make("b", secret=b"another secret of enough bytes")
    await a.put("tasks", "k", n=1)
    connection = Connection(a, b)
    await connection.over()
    assert any(isinstance(error, Unauthorized) for error in connection.errors)
    assert {end.closed for end in connection.ends} & {(4401, "the other node has another cluster secret")}
    assert not connection.ends[0].messages(Standings)


async def test_who_says_much_before_it_is_known_is_refused(make: Make) -> None:
    a = make("a")
    one, other = pipe()
    serving = asyncio.create_task(a.cluster.serve(other, dialed=False))
    await one.send(encode(Prove(bytes(ClusterLimits().meeting_bytes))))
    with pytest.raises(ProtocolError, match="meeting_bytes"):
        await serving
    assert other.closed is not None
    assert other.closed[0] == 4400
    assert not other.is_trusted


async def test_long_messages_are_read_once_the_other_node_is_known(make: Make) -> None:
    a, b = make("a"), make("b")
    connection = Connection(a, b)
    assert not any(end.is_trusted for end in connection.ends)
    await settle(lambda: a.cluster.linked == ("b",) and b.cluster.linked == ("a",))
    assert all(end.is_trusted for end in connection.ends)


async def test_two_nodes_of_one_name_are_refused(make: Make) -> None:
    connection = Connection(make("a"), make("a"))
    await connection.over()
    assert all(isinstance(error, ValidationError | Closed) for error in connection.errors)
    assert "two nodes are called 'a'" in str(connection.errors[0])


async def test_of_two_connections_of_the_same_nodes_one_stays(make: Make) -> None:
    a, b = make("a"), make("b")
    by_b, by_a = Connection(b, a), Connection(a, b)
    await by_b.over()
    assert not any(end.closed for end in by_a.ends)
    await a.put("tasks", "k", n=1)
    await agree([a, b], "tasks")


async def test_a_node_of_which_nothing_comes_is_given_up(make: Make) -> None:
    a, b = make("a"), make("b")
    connection = Connection(a, b)
    await settle(lambda: a.cluster.linked == ("b",) and b.cluster.linked == ("a",))
    for end in connection.ends:
        end.stalled = True
    await a.clock.advance(1.2)
    await b.clock.advance(1.2)
    await connection.over()
    assert a.cluster.linked == b.cluster.linked == ()


async def test_a_long_message_that_is_coming_is_a_sign_of_life(make: Make) -> None:
    a, b = make("a"), make("b")
    connection = Connection(a, b)
    await settle(lambda: a.cluster.linked == ("b",) and b.cluster.linked == ("a",))
    connection.ends[0].stalled = True  # its beats are behind the long message
    for _ in range(12):
        connection.ends[1].unfinished += 100_000
        await a.clock.advance(0.25)
        await b.clock.advance(0.25)
    (link,) = b.db.replication.links.values()
    assert link.silent_seconds == 0.0
    for _ in range(4):  # nothing more of it comes
        await a.clock.advance(0.25)
        await b.clock.advance(0.25)
    await connection.over()
    assert a.cluster.linked == b.cluster.linked == ()


async def test_a_connection_that_takes_long_to_close_is_no_link_meanwhile(make: Make, monkeypatch) -> None:
    a, b = make("a"), make("b")
    connection = Connection(a, b)
    await settle(lambda: a.cluster.linked == ("b",) and b.cluster.linked == ("a",))
    may_close = asyncio.Event()
    for end in connection.ends:
        end.stalled = True
        monkeypatch.setattr(end, "close", lambda code, reason: may_close.wait())
    await a.clock.advance(1.2)
    await b.clock.advance(1.2)
    await settle(lambda: a.cluster.linked == b.cluster.linked == ())
    may_close.set()
    await connection.over()


async def test_who_is_at_one_node_is_shown_at_the_other_until_it_cannot_be_reached(make: Make) -> None:
    a, b = make("a"), make("b")
    connection = Connection(a, b)
    await settle(lambda: a.cluster.linked and b.cluster.linked)
    async with a.db.presence("tasks", {"name": "ann"}), b.db.presence("tasks", {"name": "bob"}) as seen:
        for _ in range(6):
            for node in (a, b):
                await node.clock.advance(0.1)
        assert sorted(state["name"] for state in seen.states.values()) == ["ann", "bob"]
        await connection.cut()
        await b.clock.advance(3)
        assert [state["name"] for state in seen.states.values()] == ["bob"]


async def test_a_node_that_is_linked_is_not_dialed_again_and_again(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    a, b = make("a"), make("b")
    Connection(a, b)
    await settle(lambda: a.cluster.linked and b.cluster.linked)
    dialed: list[End] = []
    served: list[asyncio.Future[None]] = []

    async def dial() -> End:
        ours, theirs = pipe()
        dialed.append(theirs)
        served.append(asyncio.ensure_future(_serve(a, theirs)))
        return ours

    b.cluster.dial([("a", dial)])
    for _ in range(20):
        for node in (a, b):
            await node.clock.advance(0.25)
    assert len(dialed) == 1
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


async def _serve(node: Node, end: End) -> None:
    with suppress(ProtoBaseError):
        await node.cluster.serve(end, dialed=False)
