"""When the storage fails or somebody gives up: nobody hangs, nobody is told a wrong thing."""

from __future__ import annotations

import asyncio

import pytest
from pycrdt import Text

from protobase_live.errors import RecordExists, Unavailable


async def pending(awaitable) -> asyncio.Task:
    task = asyncio.ensure_future(awaitable)
    for _ in range(50):
        await asyncio.sleep(0)
    return task


def write_both(tx) -> None:
    tx["a"].insert({}, key="both")
    tx["b"].insert({}, key="both")


async def test_a_joint_commit_that_cannot_be_stored_says_so(database, storage, clock) -> None:
    a, b = await database.collection("a"), await database.collection("b")
    await a.insert({}, key="x")
    await b.insert({}, key="x")
    storage.failing = True
    with pytest.raises(Unavailable, match="nothing was done"):
        await database.transact(write_both)
    storage.failing = False
    await clock.advance(10)
    assert (await a.keys(), await b.keys()) == (["x"], ["x"])
    await database.transact(write_both)
    assert (await a.keys(), await b.keys()) == (["both", "x"], ["both", "x"])


async def test_a_joint_commit_after_a_turn_that_cannot_be_stored(database, storage, clock) -> None:
    a, b = await database.collection("a"), await database.collection("b")
    await a.insert({}, key="both")
    await b.count()
    storage.gate.clear()
    lost = await pending(a.insert({}, key="lost"))
    clash = await pending(database.transact(write_both))
    assert not clash.done()  # what it would say may not be told yet
    storage.failing = True
    storage.gate.set()
    with pytest.raises(Unavailable):
        await lost
    with pytest.raises(Unavailable):
        await clash
    storage.failing = False
    await clock.advance(10)
    await b.insert({}, key="free")  # and nobody holds it
    with pytest.raises(RecordExists):
        await database.transact(write_both)
    assert await a.keys() == ["both"]


async def test_everybody_who_was_met_has_to_begin_again(database, storage, yjs) -> None:
    ann = await yjs("doc")
    storage.gate.clear()
    ann.doc.get("body", type=Text).insert(0, "x")
    await ann.send()
    joining = await yjs("doc")
    assert joining.answers == []
    storage.failing = True
    storage.gate.set()
    await pending(asyncio.sleep(0))
    assert (ann.resynced, joining.resynced) == (True, True)


async def test_a_read_of_a_stream_that_is_given_up_loses_nothing(database) -> None:
    tasks = await database.collection("tasks")
    async with tasks.changes() as changes:
        start = changes.cursor
    for n in range(20):
        await tasks.insert({}, key=f"t{n:02}")
    for patience in range(1, 40):
        async with tasks.changes(since=start) as changes:
            reading = asyncio.ensure_future(anext(changes))
            for _ in range(patience):
                await asyncio.sleep(0)
            reading.cancel()
            await asyncio.wait([reading])
            seen = [] if reading.cancelled() else [reading.result()]
            while len(seen) < 20:
                seen.append(await anext(changes))
        assert [change.key for change in seen] == [f"t{n:02}" for n in range(20)]


async def test_a_stream_that_is_given_up_at_its_beginning_leaves_nothing(database, clock, limits) -> None:
    tasks = await database.collection("tasks")
    for patience in range(30):
        entering = asyncio.ensure_future(tasks.changes().__aenter__())
        for _ in range(patience):
            await asyncio.sleep(0)
        if entering.cancel():
            await asyncio.wait([entering])
        else:
            (await entering).close()
    await clock.advance(limits.idle_seconds * 2 + 1)
    assert "tasks" not in database.actor_stats()
