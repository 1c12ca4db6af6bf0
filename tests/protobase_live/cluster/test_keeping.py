"""What folding leaves in a log for nodes that were away."""

from __future__ import annotations

import asyncio

import pytest

from protobase_live.cluster.keeping import OVERHEAD_BYTES, Keeping
from protobase_live.cluster.limits import ClusterLimits
from protobase_live.collection.former import FIRST, History
from protobase_live.collection.limits import Limits
from protobase_live.protocol.peer.messages import SnapshotPart
from protobase_storage import Commit, Loaded, Snapshot, Vector
from tests.support.nodes import Connection, Make, Node, agree, settle

LIMITS = Limits(log_commits=10, retained_commits=2)
ONE = 10 + OVERHEAD_BYTES
"""Bytes of each commit of `stored`."""


class Told:
    """Stands for what another node has said; None: that its log is of no use to it."""

    def __init__(self, position: Vector | None) -> None:
        self._position = position

    def position(self, collection: str, history: History, folded: Vector) -> Vector | None:
        return self._position


def stored(first: int, last: int) -> Loaded:
    """A log of the commits from ``first`` on, behind a snapshot of those before."""
    snapshot = Snapshot("c", b"", {"a": first - 1}, 0.0) if first > 1 else None
    return Loaded(
        snapshot, tuple(Commit("a", n, "c", b"x" * 10, (), float(n)) for n in range(first, last + 1))
    )


def keeping(*told: Told, configured: int = 1, most: int = 1_000 * ONE) -> Keeping:
    made = Keeping(most, 2)
    made.configured = configured
    for n, each in enumerate(told):
        made.met(f"node{n}", each)  # type: ignore[arg-type]
    return made


def test_a_node_alone_keeps_what_is_retained() -> None:
    alone = keeping()
    assert alone.left_in_log("c", stored(1, 20), 3) == 3
    assert alone.bytes == 0


@pytest.mark.parametrize(("position", "left"), [({"a": 20}, 3), ({"a": 18}, 3), ({"a": 12}, 8), ({}, 20)])
def test_what_a_node_lacks_is_left(position: Vector, left: int) -> None:
    one = keeping(Told({"a": 20}), Told(position))
    assert one.left_in_log("c", stored(1, 20), 3) == left
    assert one.bytes == (left - 3) * ONE


def test_who_lacks_more_than_is_kept_is_given_up_and_the_others_are_not() -> None:
    one = keeping(Told({"a": 2}), Told({"a": 12}), most=8 * ONE)
    assert one.left_in_log("c", stored(1, 20), 3) == 8
    assert one.left_in_log("c", stored(1, 21), 3) == 3
    assert one.bytes == 0


def test_who_needs_a_snapshot_needs_no_log() -> None:
    assert keeping(Told(None)).left_in_log("c", stored(5, 20), 3) == 3


def test_a_configured_node_that_was_not_heard_of_may_need_all_of_it() -> None:
    assert keeping(Told({"a": 20}), configured=3).left_in_log("c", stored(5, 20), 3) == 16
    assert keeping(Told({"a": 20}), configured=3, most=15 * ONE).left_in_log("c", stored(5, 20), 3) == 3
    assert keeping(Told({"a": 20}), Told({"a": 20}), configured=3).left_in_log("c", stored(5, 20), 3) == 3


def test_what_is_kept_is_counted_as_of_the_last_fold() -> None:
    one = keeping(Told({"a": 12}))
    one.left_in_log("c", stored(1, 20), 3)
    one.left_in_log("d", stored(1, 20), 2)
    assert one.bytes == (5 + 6) * ONE
    one.forget("c")
    assert one.bytes == 6 * ONE


def test_so_many_nodes_are_remembered() -> None:
    assert keeping(Told({"a": 1}), Told({"a": 9}), Told({"a": 20})).left_in_log("c", stored(1, 20), 3) == 11


async def fill(node: Node, count: int, first: int = 0) -> None:
    """Write so many commits, with time for folding."""
    for n in range(first, first + count):
        await node.put("tasks", f"k{n:03}", n=n)
        for _ in range(20):
            await asyncio.sleep(0)


async def log(node: Node) -> list[int]:
    """The sequences in the log of a node."""
    return [each.sequence for each in (await node.storage.load("tasks")).commits]


async def test_who_was_away_gets_the_commits_and_no_reset(make: Make) -> None:
    a, b = make("a", limits=LIMITS), make("b", limits=LIMITS)
    connection = Connection(a, b)
    await a.put("tasks", "first", n=0)
    await agree([a, b], "tasks")
    await settle(lambda: a.db.replication.links["b"].outgoing.unanswered_bytes == 0)
    await connection.cut()
    changes = (await b.db.collection("tasks")).changes()
    async with changes:
        await fill(a, 35)
        assert (await log(a))[0] == 2, "all that b lacks"
        assert a.db.replication.keeping.bytes > 0
        again = Connection(a, b)
        await agree([a, b], "tasks")
        assert again.ends[0].messages(SnapshotPart) == []
        assert [(await anext(changes)).kind for _ in range(35)] == ["insert"] * 35
    await settle(lambda: a.db.replication.links["b"].outgoing.unanswered_bytes == 0)
    await fill(a, 12, first=35)
    assert len(await log(a)) < 15, "b has it, and it is folded"
    assert a.db.replication.keeping.bytes == 0


async def test_who_was_away_for_too_long_gets_a_snapshot(make: Make) -> None:
    small = ClusterLimits(kept_log_bytes=20 * 300)
    a, b = make("a", limits=LIMITS, cluster_limits=small), make("b", limits=LIMITS)
    connection = Connection(a, b)
    await a.put("tasks", "first", n=0)
    await agree([a, b], "tasks")
    await connection.cut()
    changes = (await b.db.collection("tasks")).changes()
    async with changes:
        await fill(a, 35)
        assert len(await log(a)) < 20
        again = Connection(a, b)
        await agree([a, b], "tasks")
        assert again.ends[0].messages(SnapshotPart)
        assert (await anext(changes)).kind == "reset"


async def test_after_a_restart_nothing_is_folded_away_before_the_others_are_heard(make: Make) -> None:
    before = make("a", limits=LIMITS)
    await fill(before, 8)
    a = make("a", limits=LIMITS, storage=before.storage)
    a.db.replication.configured = 2
    await fill(a, 20, first=8)
    assert (await log(a))[0] == 1
    b = make("b", limits=LIMITS)
    connection = Connection(a, b)
    await agree([a, b], "tasks")
    assert connection.ends[0].messages(SnapshotPart) == []


async def test_a_node_that_never_comes_keeps_no_more_than_the_limit(make: Make) -> None:
    a = make("a", limits=LIMITS, cluster_limits=ClusterLimits(kept_log_bytes=20 * 300))
    a.db.replication.configured = 2
    for n in range(10):
        await fill(a, 10, first=10 * n)
        assert len(await log(a)) <= 40


async def test_what_it_has_of_another_history_counts_for_nothing(make: Make) -> None:
    a, b = make("a", limits=LIMITS), make("b", limits=LIMITS)
    connection = Connection(a, b)
    await fill(a, 5)
    await agree([a, b], "tasks")
    await connection.cut()
    outgoing = a.db.replication.keeping._nodes["b"]
    assert outgoing.position("tasks", FIRST, {}) == await a.vector("tasks")
    assert outgoing.position("tasks", History(1, "x"), {}) == {}
    assert outgoing.position("tasks", FIRST, {"z": 1}) is None, "it lacks what was folded"
    assert outgoing.position("other", FIRST, {}) == {}
