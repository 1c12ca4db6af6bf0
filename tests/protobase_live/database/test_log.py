"""The log is folded when it is long, and not being able to is no reason to stop."""

from __future__ import annotations

import asyncio

import pytest

from protobase_actors import ManualClock
from protobase_live.database import log, unfolded
from protobase_live.database.database import Database
from protobase_live.database.fold import fold
from protobase_live.database.limits import Limits
from protobase_live.database.unfolded import Unfolded
from protobase_live.document import Document
from protobase_live.operations import Read, Target
from protobase_live.server.metrics import metrics
from protobase_storage import Commit, StorageFull
from tests.support import yjs_encoding as yjs
from tests.support.turns import received
from tests.support.yjs_encoding import sent


async def settle() -> None:
    """Let everything that can run now run."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def limits() -> Limits:
    return Limits(log_commits=10, retained_commits=2)


async def test_a_log_that_cannot_be_folded_waits(database, storage, monkeypatch) -> None:
    compact = storage.compact

    async def full(snapshot) -> None:
        raise StorageFull("no room")

    monkeypatch.setattr(storage, "compact", full)
    tasks = await database.collection("tasks")
    for n in range(25):
        await tasks.put({"n": n}, key="t")
    monkeypatch.setattr(storage, "compact", compact)
    for n in range(25):
        await tasks.put({"n": n}, key="t")
    await storage.compacted.wait()
    assert await tasks.get("t") == {"n": 24}


async def test_a_log_that_can_never_be_folded_ends_nothing(
    database, storage, limits, monkeypatch, caplog
) -> None:
    lengths: list[int] = []

    async def broken(snapshot) -> None:
        lengths.append((await storage.list())[0].log_commits)
        raise ValueError("no room\nfor this")

    monkeypatch.setattr(storage, "compact", broken)
    tasks = await database.collection("tasks")
    for n in range(10 * limits.log_commits):
        await tasks.put({"n": n}, key="t")
        await settle()
    assert lengths == [11, 21, 41, 81], "each time it is twice as long"
    assert await tasks.get("t") == {"n": 10 * limits.log_commits - 1}
    assert database.actor_stats()["tasks"].failure is None
    (record,) = [each for each in caplog.records if each.name == "protobase_live"]
    assert record.getMessage() == (
        "the log of collection 'tasks' cannot be folded: no room; "
        "it is kept as it is, and tried again when it is twice as long"
    )
    assert "protobase_collections_unfolded 1\n" in await metrics(database, 0)


async def test_a_log_that_can_be_folded_again_is_not_counted(database, storage, limits, monkeypatch) -> None:
    compact, rooms = storage.compact, iter([False, True, False])
    attempts: list[bool] = []

    async def sometimes(snapshot) -> None:
        attempts.append(next(rooms))
        if not attempts[-1]:
            raise StorageFull("no room")
        await compact(snapshot)

    monkeypatch.setattr(storage, "compact", sometimes)
    tasks = await database.collection("tasks")
    counted: list[int] = []
    for n in range(4 * limits.log_commits):
        await tasks.put({"n": n}, key="t")
        await settle()
        if len(attempts) > len(counted):
            counted.append(len(database.unfolded.reasons))
    assert attempts == [False, True, False]
    assert counted == [1, 0, 1]


async def test_a_log_with_a_hole_is_folded(database, storage, limits) -> None:
    """Earlier versions stored updates whose predecessor never came."""
    first = sent(5, 0, yjs.item(yjs.text("ab"), parent="body"))
    then = sent(5, 2, yjs.item(yjs.text("c"), left=yjs.Id(5, 1)), deletes={5: [(0, 1)]})
    await storage.append([Commit("elsewhere", 1, "tasks", then, (), 1.0)])
    tasks = await database.collection("tasks")
    for n in range(limits.log_commits + 1):
        await tasks.put({"n": n}, key="t")
    await storage.compacted.wait()
    stored = await storage.load("tasks")
    assert stored.snapshot.vector["elsewhere"] == 1
    document = Document("node")
    for _ in document.load([stored.snapshot.update, *(commit.update for commit in stored.commits)]):
        pass
    assert document.records == {"t": {"n": limits.log_commits}}
    received(document, first)
    assert document.read(Read(Target("text", ("body",)), "value")) == "bc"
    document.close()
    assert database.unfolded.reasons == {}


def test_only_so_many_are_remembered(monkeypatch) -> None:
    monkeypatch.setattr(unfolded, "MAX_UNFOLDED", 2)
    known = Unfolded()
    for name in "abc":
        known.add(name, ValueError())
    assert known.reasons == {"b": "ValueError", "c": "ValueError"}


async def test_few_logs_are_folded_at_once(storage, monkeypatch) -> None:
    """Each fold of a large log is a process, which holds all of it in memory."""
    begun, go_on = list[int](), asyncio.Event()

    async def slow(updates) -> bytes:
        begun.append(len(updates))
        await go_on.wait()
        return fold(updates)

    monkeypatch.setattr(log, "fold_aside", slow)
    few = Limits(log_commits=10, retained_commits=2, folds=3)
    async with Database(storage, clock=ManualClock(), limits=few) as database:
        for number in range(8):
            tasks = await database.collection(f"c{number}")
            for n in range(12):
                await tasks.put({"n": n}, key="t")
        await settle()
        assert len(begun) == 3
        go_on.set()
        for _ in range(20):
            await settle()
        assert len(begun) == 8
        assert {each.log_commits for each in await storage.list()} < set(range(10))
