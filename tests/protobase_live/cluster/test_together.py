"""Snapshots that may have parts of the same transactions are taken as one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pycrdt import Doc, Map

from protobase_live.cluster import promise
from protobase_live.cluster.batch import Line
from protobase_live.cluster.limits import ClusterLimits
from protobase_live.cluster.recent import Packed
from protobase_live.cluster.together import belonging, tells_no_history
from protobase_live.collection.limits import Limits
from protobase_live.protocol.peer.messages import Commits, SnapshotPart
from protobase_live.query.language.query import Query
from protobase_storage import Commit, Joint, MemoryStorage, Snapshot, StorageError
from protobase_storage.commit import LEAP, is_leap
from tests.support.nodes import Connection, Make, Node, agree, settle

SHORT = Limits(log_commits=10, retained_commits=2)
HALF_SEEN = Query("x").join("y", "_key", as_="other", how="full")


class Watched(MemoryStorage):
    """Notes what two collections have after each change of either."""

    def __init__(self) -> None:
        super().__init__(make_identity=lambda: "b")
        self.seen: list[tuple[set[str], set[str]]] = []
        self.folds = True

    def append(self, commits: Any) -> Any:
        """See `Storage.append`."""
        durable = super().append(commits)
        self._look()
        return durable

    async def compact(self, snapshot: Snapshot) -> None:
        """See `Storage.compact`."""
        if not self.folds:
            raise StorageError("no room for snapshots")
        await super().compact(snapshot)
        self._look()

    def _look(self) -> None:
        self.seen.append((self._joint_keys("x"), self._joint_keys("y")))

    def _joint_keys(self, name: str) -> set[str]:
        document: Doc = Doc()
        for update in self._stored(name).loaded.updates:
            document.apply_update(update)
        return {key for key in document.get("records", type=Map) if key.startswith("joint")}


async def with_folded(node: Node, *names: str) -> None:
    """Have transactions over x and y, and fold the logs of ``names``."""
    for n in range(3):
        await node.together(f"joint{n}", "x", "y")
    for name in names:
        for n in range(30):
            await node.put(name, f"k{n}", n=n)
        await settle(lambda name=name: _is_folded(node, name))


async def _is_folded(node: Node, name: str) -> bool:
    return (await node.storage.load(name)).snapshot is not None


@pytest.mark.parametrize("folded", ["x", "y", "xy"])
async def test_no_half_of_a_transaction_is_stored_or_seen(make: Make, folded: str) -> None:
    storage = Watched()
    a, b = make("a", limits=SHORT), make("b", storage=storage)
    await with_folded(a, *folded)
    await b.put("x", "own", n=0)
    halves: list[Any] = []
    async with b.db.live(HALF_SEEN) as live:
        Connection(a, b)
        await agree([a, b], "x", "y")
        while len([row for row in live.rows if "other" in row and _is_joint(row)]) < 3:
            await anext(live)
            halves += [row for row in live.rows if _is_joint(row) and not _is_whole(row)]
    assert halves == []
    assert all(x == y for x, y in storage.seen)
    assert (await b.storage.load("x")).snapshot is not None


async def test_a_transaction_that_is_stored_while_snapshots_are_chosen_is_sent_whole(make: Make) -> None:
    a, b = make("a", limits=SHORT), make("b")
    await with_folded(a, "x")
    source = a.db.replication.source
    moment = source.moment

    async def late(names: Any) -> Any:
        source.moment = moment  # type: ignore[method-assign]
        await a.together("late", "x", "z")
        return await moment(names)

    source.moment = late  # type: ignore[method-assign]
    connection = Connection(a, b)
    await agree([a, b], "x", "y", "z")
    parts = connection.ends[0].messages(SnapshotPart)
    end = next(n for n, part in enumerate(parts) if part.last and not part.more)
    assert {part.collection for part in parts[: end + 1]} == {"x", "y", "z"}
    assert a.db.replication.links["b"].outgoing.apart == 0


def _is_joint(row: dict[str, Any]) -> bool:
    return str(row.get("_key") or (row.get("other") or {}).get("_key")).startswith("joint")


def _is_whole(row: dict[str, Any]) -> bool:
    return bool(row.get("by") and row.get("other"))


async def test_what_has_no_room_comes_by_itself_and_is_counted(make: Make) -> None:
    a = make("a", limits=SHORT, cluster_limits=ClusterLimits(together_bytes=10))
    b = make("b")
    await with_folded(a, "x", "y")
    connection = Connection(a, b)
    await agree([a, b], "x", "y")
    assert a.db.replication.links["b"].outgoing.apart == 1
    assert not any(part.more for part in connection.ends[0].messages(SnapshotPart))


async def test_a_log_that_was_not_folded_yet_is_sent_as_what_it_came_to(make: Make) -> None:
    storage = Watched()
    storage.folds = False
    a, b, c = make("a", limits=SHORT), make("b", storage=storage), make("c")
    await with_folded(a, "x", "y")
    Connection(a, b)
    await agree([a, b], "x", "y")
    assert (await b.storage.load("x")).snapshot is None
    Connection(b, c)
    await agree([b, c], "x", "y")
    for name in ("x", "y"):
        assert await c.keys(name) == await a.keys(name)


@pytest.mark.parametrize(("most", "named"), [(2, ("x", "y")), (1, ())])
async def test_a_log_names_what_was_taken_as_one_up_to_a_limit(
    make: Make, most: int, named: tuple[str, ...]
) -> None:
    storage = Watched()
    storage.folds = False
    a, b = make("a", limits=SHORT), make("b", storage=storage, limits=Limits(joint_collections=most))
    await with_folded(a, "x", "y")
    Connection(a, b)
    await agree([a, b], "x", "y")
    for name in ("x", "y"):
        (leap,) = (await storage.load(name)).commits
        assert is_leap(leap)
        assert leap.joint == Joint(LEAP, named)


async def test_it_is_looked_at_a_page_of_collections_at_a_time(make: Make) -> None:
    a, b = make("a", limits=SHORT, cluster_limits=ClusterLimits(standings=2)), make("b")
    await with_folded(a, "x")
    for n in range(5):
        await a.put(f"c{n}", "k")
    pages, moments = list[int](), list[list[str]]()
    standings, standings_of = a.storage.standings, a.storage.standings_of
    a.storage.standings = lambda after, limit: pages.append(limit) or standings(after, limit)  # type: ignore[method-assign]
    a.storage.standings_of = lambda names: moments.append(names) or standings_of(names)  # type: ignore[method-assign]
    Connection(a, b)
    await agree([a, b], "x", "y", *(f"c{n}" for n in range(5)))
    assert set(pages) == {2}
    assert moments == [["x", "y"]]


async def test_what_is_of_a_node_alone_goes_to_no_other(make: Make) -> None:
    a, b = make("a", limits=SHORT), make("b")
    await with_folded(a, "x")
    await a.storage.append([Commit("promise", 1, promise.NAME, b"", (), 1.0)])
    connection = Connection(a, b)
    await agree([a, b], "x", "y")
    sent = [name for each in connection.ends[0].messages(Commits) for name in each.commits]
    assert promise.NAME not in sent
    assert a.db.replication.links["b"].outgoing.stuck == 0


async def test_two_histories_that_are_equally_far_are_not_sent_for_ever(make: Make) -> None:
    a, b = make("a"), make("b")
    for node, timeline in ((a, "x/1"), (b, "x/2")):
        await node.storage.append([Commit(timeline, 1, "tasks", b"\0\0", (), 1.0)])
    connection = Connection(a, b)
    await a.put("others", "k")
    await agree([a, b], "others")
    outgoing = a.db.replication.links["b"].outgoing
    await settle(lambda: outgoing.known["tasks"].stuck)
    assert "two histories" in (outgoing.known["tasks"].stuck or "")
    assert connection.ends[0].messages(SnapshotPart) == []


def test_a_gap_is_what_lacks_between() -> None:
    first, third = (Commit("n/t", n, "x", b"", (), 0.0) for n in (1, 3))
    assert not tells_no_history({}, [first])
    assert not tells_no_history({"n/t": 2}, [third])
    assert tells_no_history({"n/t": 1}, [third])
    assert tells_no_history({}, [first, third])
    assert tells_no_history({}, [replace(first, joint=Joint(LEAP, ()))])


def test_collections_belong_together_by_transactions_and_through_each_other() -> None:
    def line(name: str, *joint: str, whole: bool = True) -> Line:
        commit = Commit("n/t", 1, name, b"", (), 0.0, joint=Joint("j", joint) if joint else None)
        return Line([Packed(commit)], whole)  # type: ignore[arg-type]

    lines = {
        "a": line("a"),
        "b": line("b", "b", "x"),
        "c": line("c", "b", "c"),
        "d": line("d", "d", "e"),
        "f": line("f", whole=False),
    }
    assert belonging(["x"], lines) == ["x", "b", "f", "c"]
