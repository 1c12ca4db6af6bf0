"""A storage that hangs: everybody is told in time, and reading goes on, as does all in the end."""

from __future__ import annotations

import asyncio

import pytest
from pycrdt import Text

import protobase_live as pb
from protobase_live.collection.limits import Limits
from protobase_live.errors import OutcomeUnknown, Unavailable
from protobase_storage import MemoryStorage
from tests.protobase_live.conftest import settle


@pytest.fixture
def limits() -> Limits:
    return Limits(storage_seconds=5.0)


def write_both(tx) -> None:
    tx["a"].insert({}, key="both")
    tx["b"].insert({}, key="both")


async def hang(database, storage, clock, *writes) -> list[asyncio.Task]:
    """Have the storage hang on what is written, until it is overdue."""
    storage.gate.clear()
    written = [asyncio.ensure_future(write) for write in writes]
    await settle()
    await clock.advance(5)
    await settle()
    return written


async def test_who_wrote_is_told_that_it_is_not_known_and_reading_goes_on(database, storage, clock) -> None:
    a = await database.collection("a")
    await a.insert({}, key="before")
    (written, reading) = await hang(database, storage, clock, a.insert({}, key="new"), a.keys())
    with pytest.raises(
        OutcomeUnknown, match=r"'a': the storage has not answered for 5 seconds \(storage_seconds\)"
    ):
        await written
    assert await reading == ["before"]
    assert await a.keys() == ["before"]
    assert len(await database.query(pb.Query("a"))) == 1


async def test_what_is_written_meanwhile_is_refused_and_nothing_is_done(database, storage, clock) -> None:
    a, b = await database.collection("a"), await database.collection("b")
    await b.insert({}, key="there")
    (written,) = await hang(database, storage, clock, a.insert({}, key="new"))
    given = len(storage.appends)
    for _ in range(3):  # however long it takes
        for collection in (a, b):
            with pytest.raises(
                Unavailable, match="nothing was done: the storage has not answered for 5 seconds"
            ):
                await collection.insert({}, key="refused")
        await clock.advance(100)
    assert await b.keys() == ["there"]
    assert len(storage.appends) == given
    assert "5 seconds" in str({each.name: each for each in await database.collections()}["b"].read_only)
    assert isinstance(await asyncio.wait_for(asyncio.shield(failure_of(written)), 5), OutcomeUnknown)


async def failure_of(task: asyncio.Task) -> BaseException | None:
    await asyncio.wait([task])
    return task.exception()


async def test_what_is_stored_at_last_is_there(database, storage, clock) -> None:
    a = await database.collection("a")
    await a.insert({}, key="before")
    (written,) = await hang(database, storage, clock, a.insert({}, key="new"))
    assert await a.keys() == ["before"]
    storage.gate.set()
    await settle()
    await clock.advance(1)
    assert sorted(await a.keys()) == ["before", "new"]
    await a.insert({}, key="after")
    assert [commit.sequence for commit in (await storage.load("a")).commits] == [1, 2, 3]
    assert isinstance(await failure_of(written), OutcomeUnknown)
    assert database.health.failure is None


async def test_what_fails_at_last_is_not_there_and_nobody_begins_again(database, storage, clock) -> None:
    a = await database.collection("a")
    await a.insert({}, key="before")
    async with a.changes() as changes:
        (written,) = await hang(database, storage, clock, a.insert({}, key="new"))
        assert await a.keys() == ["before"]
        storage.failing = True
        storage.gate.set()
        await settle()
        storage.failing = False
        await clock.advance(1)
        await a.insert({}, key="after")
        assert (await anext(changes)).key == "after"
    assert await a.keys() == ["after", "before"]
    assert isinstance(await failure_of(written), OutcomeUnknown)
    assert database.actor_totals().restarts == 0


async def test_of_a_transaction_over_several_it_is_not_known_either(database, storage, clock) -> None:
    a, b = await database.collection("a"), await database.collection("b")
    await a.insert({}, key="x")
    await b.insert({}, key="x")
    (written,) = await hang(database, storage, clock, database.transact(write_both))
    assert isinstance(await failure_of(written), OutcomeUnknown)
    assert (await a.keys(), await b.keys()) == (["x"], ["x"])
    storage.gate.set()
    await settle()
    await clock.advance(1)
    assert (await a.keys(), await b.keys()) == (["both", "x"], ["both", "x"])


async def test_a_yjs_client_that_brings_something_is_to_come_back(database, storage, clock, yjs) -> None:
    ann, bob = await yjs("doc"), await yjs("doc")
    ann.doc.get("text", type=Text).insert(0, "hello")
    await hang(database, storage, clock, ann.send())
    assert isinstance(ann.rejected, Unavailable)
    assert bob.rejected is None
    carl = await yjs("doc")
    assert carl.answers == [[b"\0\0"]]
    storage.gate.set()
    await settle()
    await clock.advance(1)
    assert bob.resynced
    assert str((await yjs("doc")).doc.get("text", type=Text)) == "hello"


async def test_the_end_does_not_wait_for_it(database, storage, clock) -> None:
    a = await database.collection("a")
    storage.gate.clear()
    written = asyncio.ensure_future(a.insert({}, key="new"))
    await settle()
    closing = asyncio.ensure_future(database.close())
    await settle()
    assert not closing.done()
    await clock.advance(5)
    await asyncio.wait_for(closing, 5)
    assert isinstance(await failure_of(written), OutcomeUnknown)


async def test_a_collection_that_is_not_loaded_in_time_holds_up_nobody_else(
    database, storage, clock, monkeypatch
) -> None:
    answered = asyncio.Event()
    load = storage.load

    async def hang_on_a(collection: str):
        if collection == "a":
            await answered.wait()
        return await load(collection)

    monkeypatch.setattr(storage, "load", hang_on_a)
    a, b = await database.collection("a"), await database.collection("b")
    reading = asyncio.ensure_future(a.keys())
    await b.insert({}, key="there")
    assert await b.keys() == ["there"]
    await clock.advance(600)
    assert isinstance(await failure_of(reading), Unavailable)
    answered.set()
    await clock.advance(1)
    assert await a.keys() == []


async def test_listing_is_answered_in_time(database, storage, clock, monkeypatch) -> None:
    async def hang(*_: object) -> None:
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(storage, "list", hang)
    listing = asyncio.ensure_future(database.collections())
    await settle()
    await clock.advance(5)
    assert "did not answer within 5 seconds (storage_seconds)" in str(await failure_of(listing))


async def test_nothing_is_written_while_a_part_of_it_is_unanswered(
    database, storage, clock, monkeypatch
) -> None:
    """Two turns are on their way; the storage answers the first late, and not the second."""
    held = []

    def hold(commits):
        answer = asyncio.get_running_loop().create_future()
        held.append((commits, answer))
        return answer

    async def answer(number: int) -> None:
        commits, future = held[number]
        await MemoryStorage.append(storage, commits)
        future.set_result(None)
        await settle()

    a = await database.collection("a")
    await a.count()
    monkeypatch.setattr(storage, "append", hold)
    first = asyncio.ensure_future(a.insert({}, key="first"))
    await settle()
    await clock.advance(3)
    second = asyncio.ensure_future(a.insert({}, key="second"))
    await settle()
    await clock.advance(2)
    for each in (first, second):
        assert isinstance(await failure_of(each), OutcomeUnknown)
    await answer(0)
    await clock.advance(2)
    refused = asyncio.ensure_future(a.insert({}, key="refused"))
    await settle()
    assert len(held) == 2
    assert isinstance(await failure_of(refused), Unavailable)
    await answer(1)
    await clock.advance(10)
    assert await a.keys() == ["first", "second"]
