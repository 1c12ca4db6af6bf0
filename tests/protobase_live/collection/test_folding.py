"""The log is folded when it is long, and not being able to is no reason to stop."""

from __future__ import annotations

import asyncio

import pytest
from pycrdt import Doc, Text

from protobase_actors import SystemClock
from protobase_live.collection import folding
from protobase_live.collection.fold import fold
from protobase_live.collection.limits import Limits
from protobase_live.collection.unfolded import Unfolded
from protobase_live.database.database import Database
from protobase_live.document import Document
from protobase_live.model.operations import Read, Target
from protobase_live.server.counters import Counters
from protobase_live.server.metrics import metrics
from protobase_live.server.permissions import Permissions
from protobase_storage import Commit, StorageFull
from tests.support import yjs_encoding as yjs
from tests.support.figures import values_of
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


async def test_each_fold_has_what_was_folded_before_and_leaves_the_newest(database, storage, limits) -> None:
    tasks = await database.collection("tasks")
    for n in range(3 * limits.log_commits):
        await tasks.put({"n": n}, key=f"t{n:02}")
        await settle()
    loaded = await storage.load("tasks")
    assert loaded.snapshot is not None
    assert len(loaded.commits) == limits.retained_commits + 1  # folded after the 11th, the 20th, the 29th
    document = Document("reader")
    for _ in document.load([loaded.snapshot.update, *(commit.update for commit in loaded.commits)]):
        pass
    assert sorted(document.records) == [f"t{n:02}" for n in range(3 * limits.log_commits)]


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
    figures = values_of(await metrics(database, Counters(), Permissions(SystemClock()), 0, 0))
    assert figures["protobase_collections_unfolded"] == 1


async def test_a_log_that_can_be_folded_again_is_not_counted(database, storage, limits, monkeypatch) -> None:
    compact, rooms = storage.compact, iter([False, True, False])
    attempts: list[bool] = []
    lengths: list[int] = []

    async def sometimes(snapshot) -> None:
        attempts.append(next(rooms))
        lengths.append((await storage.list())[0].log_commits)
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
    assert lengths == [11, 21, 11], "once it is folded, the limit is what it was"


async def test_a_log_is_folded_when_it_is_long_in_bytes(storage, monkeypatch) -> None:
    compact = storage.compact
    sizes: list[int] = []

    async def measured(snapshot) -> None:
        sizes.append((await storage.list())[0].log_bytes)
        await compact(snapshot)

    monkeypatch.setattr(storage, "compact", measured)
    async with Database(storage, limits=Limits(log_bytes=10_000, retained_bytes=2_000)) as database:
        tasks = await database.collection("tasks")
        for n in range(40):
            await tasks.put({"text": f"{n:1000}"}, key="t")
            await settle()
    assert len(sizes) >= 3
    assert all(10_000 < size < 12_000 for size in sizes), sizes


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


async def test_a_reload_during_a_fold_does_not_wait_for_it_and_counts_nothing_twice(
    database, storage, limits, yjs, monkeypatch
) -> None:
    """Where many processes write, it may take half a minute to store it."""
    compact, stored = storage.compact, asyncio.Event()
    lengths: list[int] = []

    async def slow(snapshot) -> None:
        lengths.append((await storage.list())[0].log_commits)
        await compact(snapshot)
        await stored.wait()

    monkeypatch.setattr(storage, "compact", slow)
    tasks = await database.collection("tasks")
    for n in range(limits.log_commits + 1):
        await tasks.put({"n": n}, key="t")
    await settle()
    eve, apply = await yjs("tasks"), Doc.apply_update

    def fragile(doc, update) -> None:
        if b"poison" in update and doc is not eve.doc:
            raise IndexError("as pycrdt raises where it fails")
        apply(doc, update)

    monkeypatch.setattr(Doc, "apply_update", fragile)
    eve.doc.get("body", type=Text).insert(0, "poison")
    await eve.send()
    await settle()
    assert eve.rejected is not None, "what it sent was taken apart, on documents loaded afresh"
    stored.set()
    await settle()
    for n in range(3 * limits.log_commits):
        await tasks.put({"n": n}, key="t")
        await settle()
    assert lengths[:3] == [limits.log_commits + 1] * 3


async def test_a_fold_has_ended_when_its_collection_has(database, limits, monkeypatch) -> None:
    begun, ended = asyncio.Event(), []

    async def endless(updates, clock, limits) -> bytes:
        try:
            begun.set()
            return await asyncio.get_running_loop().create_future()
        finally:
            await settle()  # a process that is killed is waited for
            ended.append(True)

    monkeypatch.setattr(folding, "fold_aside", endless)
    tasks = await database.collection("tasks")
    for n in range(limits.log_commits + 1):
        await tasks.put({"n": n}, key="t")
    await begun.wait()
    await (await database.ref("tasks")).stop()
    assert ended == [True]


async def test_what_is_being_stored_of_a_fold_is_waited_for(database, storage, limits, monkeypatch) -> None:
    compact, begun, room = storage.compact, asyncio.Event(), asyncio.Event()

    async def slow(snapshot) -> None:
        begun.set()
        await room.wait()
        await compact(snapshot)

    monkeypatch.setattr(storage, "compact", slow)
    tasks = await database.collection("tasks")
    for n in range(limits.log_commits + 1):
        await tasks.put({"n": n}, key="t")
    await begun.wait()
    stopping = asyncio.ensure_future((await database.ref("tasks")).stop())
    await settle()
    assert not stopping.done()
    room.set()
    await stopping
    assert (await storage.load("tasks")).snapshot is not None


@pytest.mark.parametrize("collections", [1, 7])
async def test_only_so_many_are_folded_at_once(database, limits, monkeypatch, collections: int) -> None:
    now, most = 0, 0

    async def aside(updates, clock, limits) -> bytes:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await settle()
        now -= 1
        return fold(updates)

    monkeypatch.setattr(folding, "fold_aside", aside)
    several = [await database.collection(f"c{number}") for number in range(collections)]
    for n in range(limits.log_commits + 1):
        await asyncio.gather(*(each.put({"n": n}, key="t") for each in several))
    while any([(await database.storage.load(f"c{n}")).snapshot is None for n in range(collections)]):
        await settle()
    assert most == min(collections, limits.folds)


def test_only_so_many_are_remembered() -> None:
    known = Unfolded(2)
    for name in "abc":
        known.add(name, ValueError())
    assert known.reasons == {"b": "ValueError", "c": "ValueError"}
