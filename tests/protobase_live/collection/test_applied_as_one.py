"""Commits of another node that are applied as one, and who comes, writes or fails meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from random import Random

import pytest
from pycrdt import Doc, Map

import protobase_live as pb
from protobase_actors import ManualClock
from protobase_live.collection.messages import Replicate, Replicated
from protobase_live.database.database import Database
from protobase_live.errors import Unavailable
from protobase_live.model.cursor import Cursor
from protobase_storage import Commit, MemoryStorage, StorageFull
from tests.protobase_live.collection.test_replica import NAME, Node
from tests.protobase_live.conftest import YjsClient, settle

COUNT = 6


class Full(MemoryStorage):
    """A storage that has room, or not."""

    full = False

    def append(self, commits: Sequence[Commit]) -> asyncio.Future[None]:
        if not self.full:
            return super().append(commits)
        failed = asyncio.get_running_loop().create_future()
        failed.set_exception(StorageFull("no room"))
        return failed


@pytest.fixture
async def commits() -> AsyncIterator[Sequence[Commit]]:
    """What one node has written."""
    node = Node(1)
    await node.start()
    for n in range(COUNT):
        await node.write(f"k{n}", n)
    yield (await node.loaded()).commits
    await node.stop()


@pytest.fixture
async def storage() -> Full:
    return Full(make_identity=lambda: "second")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def database(storage: Full, clock: ManualClock) -> AsyncIterator[Database]:
    """Another node, of which nobody follows the collection."""
    async with Database(storage, clock=clock, random=Random(2)) as made:
        yield made


async def test_what_waits_for_one_of_them_is_applied_behind_them(
    database: Database, commits: Sequence[Commit]
) -> None:
    ref = await database.ref(NAME)
    assert await ref.ask(Replicate(commits[2:])) == Replicated({}, COUNT - 2)
    assert await ref.ask(Replicate(commits[:2])) == Replicated({commits[0].origin: COUNT}, 0)
    assert len(await (await database.collection(NAME)).keys()) == COUNT


async def test_a_stream_that_begins_in_the_same_turn_is_told_each(
    database: Database, commits: Sequence[Commit]
) -> None:
    ref, tasks = await database.ref(NAME), await database.collection(NAME)
    await ref.ask(Replicate(commits[:1]))
    cursor = Cursor({commits[0].origin: 1}).encode()
    taken = asyncio.ensure_future(ref.ask(Replicate(commits[1:])))
    async with tasks.changes(since=cursor) as changes:
        await taken
        told = [await anext(changes) for _ in range(COUNT - 1)]
    assert [(each.kind, each.key) for each in told] == [("insert", f"k{n}") for n in range(1, COUNT)]


async def test_a_live_query_that_begins_in_the_same_turn_sees_all_once(
    database: Database, commits: Sequence[Commit]
) -> None:
    ref = await database.ref(NAME)
    taken = asyncio.ensure_future(ref.ask(Replicate(commits)))
    async with database.live(pb.Query(NAME).order_by("n")) as live:
        await taken
        await settle()
        assert [row["n"] for row in live.rows] == list(range(COUNT))


async def test_an_editor_is_shown_them_and_what_he_sent_too_early_is_his_own(
    database: Database, storage: Full, commits: Sequence[Commit]
) -> None:
    doc = Doc()
    for each in commits:
        doc.apply_update(each.update)
    state = doc.get_state()
    doc.get("records", type=Map)["k2"]["n"] = 5.0
    editor = YjsClient(await database.ref(NAME), author="ann")
    await editor.sync()
    editor._edits = [doc.get_update(state)]
    await editor.send()
    await settle()
    await (await database.ref(NAME)).ask(Replicate(commits))
    *copied, own = (await storage.load(NAME)).commits
    assert (tuple(copied), own.parts[0].author) == (commits, "ann")
    assert editor.shown[:COUNT] == [each.update for each in commits]
    assert (await (await database.collection(NAME)).get("k2")) == {"n": 5}


async def test_what_the_storage_does_not_take_is_applied_again_later(
    database: Database, storage: Full, clock: ManualClock, commits: Sequence[Commit]
) -> None:
    ref, tasks = await database.ref(NAME), await database.collection(NAME)
    await ref.ask(Replicate(commits[:2]))
    storage.full = True
    with pytest.raises(Unavailable, match="read-only"):
        await ref.ask(Replicate(commits[2:]))
    assert await tasks.keys() == ["k0", "k1"]
    storage.full = False
    await clock.advance(1.0)
    assert await ref.ask(Replicate(commits[2:])) == Replicated({commits[0].origin: COUNT}, 0)
    assert (await storage.load(NAME)).commits == commits
