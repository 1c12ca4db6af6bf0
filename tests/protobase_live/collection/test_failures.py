"""When the storage fails or somebody gives up: nobody hangs, nobody is told a wrong thing."""

from __future__ import annotations

import asyncio

import pytest
from pycrdt import Text

from protobase_live.collection.editors import Editors
from protobase_live.collection.limits import Limits
from protobase_live.document import Document
from protobase_live.errors import OutcomeUnknown, RecordExists, Unavailable
from tests.protobase_live.conftest import settle


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


async def stored_sequences(storage, collection: str) -> list[int]:
    return [commit.sequence for commit in (await storage.load(collection)).commits]


async def test_nothing_is_stored_behind_what_was_refused(database, storage, clock) -> None:
    a, b = await database.collection("a"), await database.collection("b")
    await a.insert({}, key="zero")
    await b.insert({}, key="zero")
    storage.gate.clear()
    taken = await pending(a.insert({}, key="one"))
    storage.refuses = True
    refused = asyncio.ensure_future(a.insert({}, key="two"))
    joint = await pending(database.transact(write_both))  # in one turn with what is refused
    storage.gate.set()
    assert await taken == "one"
    await clock.advance(10)
    for each in (refused, joint):
        with pytest.raises(Unavailable, match="nothing was done"):
            await each
    storage.refuses = False
    await clock.advance(10)
    assert (await a.keys(), await b.keys()) == (["one", "zero"], ["zero"])
    await a.insert({}, key="later")
    assert await stored_sequences(storage, "a") == [1, 2, 3]


@pytest.fixture
def limits(request) -> Limits:
    return getattr(request, "param", Limits())


@pytest.mark.parametrize("limits", [Limits(unpersisted_turns=3)], indirect=True)
async def test_a_turn_after_a_refused_one_is_not_stored(database, storage, clock) -> None:
    a = await database.collection("a")
    await a.insert({}, key="zero")
    storage.gate.clear()
    taken = await pending(a.insert({}, key="one"))
    storage.refuses = True
    refused = await pending(a.insert({}, key="two"))
    after = await pending(a.insert({}, key="three"))
    storage.gate.set()
    assert await taken == "one"
    await clock.advance(10)
    storage.refuses = False
    for each in (refused, after):
        with pytest.raises(Unavailable, match="nothing was done"):
            await each
    await clock.advance(10)
    assert await a.keys() == ["one", "zero"]
    assert await stored_sequences(storage, "a") == [1, 2]


async def test_a_read_that_fails_fails_alone(database, storage, monkeypatch, caplog) -> None:
    a = await database.collection("a")
    await a.insert({}, key="x")
    read = Document.read

    def broken(document: Document, question):
        if question.method == "get":
            raise RuntimeError("a mistake in a read")
        return read(document, question)

    monkeypatch.setattr(Document, "read", broken)
    reading = asyncio.ensure_future(a.get("x"))
    assert await a.insert({}, key="y") == "y"  # in the same turn
    with pytest.raises(Unavailable, match="a mistake in a read"):
        await reading
    assert await a.keys() == ["x", "y"]
    assert database.actor_stats()["a"].failure is None
    (record,) = [each for each in caplog.records if each.name == "protobase_live"]
    assert "a mistake in a read" in record.getMessage()


@pytest.mark.parametrize("is_joint", [False, True])
async def test_a_transaction_that_cannot_be_looked_at_fails_alone(database, monkeypatch, is_joint) -> None:
    a, b = await database.collection("a"), await database.collection("b")
    await a.insert({}, key="x")
    rehearse = Document.rehearse_in_steps

    def broken(document: Document, ops):
        if "wrong" in str(ops):
            raise RuntimeError("a mistake in a look")
        return rehearse(document, ops)

    monkeypatch.setattr(Document, "rehearse_in_steps", broken)

    def write(tx) -> None:
        tx["a"].insert({}, key="wrong")
        if is_joint:
            tx["b"].insert({}, key="right")

    writing = asyncio.ensure_future(database.transact(write))
    other = asyncio.ensure_future(a.insert({}, key="y"))
    with pytest.raises(Unavailable, match="nothing was done: RuntimeError"):
        await writing
    await other
    assert (await a.keys(), await b.keys()) == (["x", "y"], [])
    assert database.actor_stats()["a"].failure is None


async def test_who_reads_from_a_collection_that_fails_is_not_told_to_look_for_a_commit(
    database, monkeypatch
) -> None:
    a = await database.collection("a")
    await a.insert({}, key="x")

    def broken(document: Document, ops, author):
        raise RuntimeError("a mistake in a write")

    monkeypatch.setattr(Document, "write_in_steps", broken)
    writing = asyncio.ensure_future(a.insert({}, key="y"))
    reading = asyncio.ensure_future(a.get("x"))
    with pytest.raises(Unavailable, match="a failed, nothing was done: a mistake in a write"):
        await reading
    with pytest.raises(OutcomeUnknown, match="a mistake in a write"):
        await writing


async def test_what_is_still_being_stored_is_waited_for_before_the_collection_is_loaded_again(
    database, storage, clock, monkeypatch
) -> None:
    a = await database.collection("a")
    await a.insert({}, key="zero")
    storage.gate.clear()
    one = await pending(a.insert({}, key="one"))
    two = await pending(a.insert({}, key="two"))

    def broken(editors: Editors, *arguments) -> None:
        storage.gate.clear()  # the one behind it takes its time
        raise RuntimeError("a mistake in showing")

    with monkeypatch.context() as patch:
        patch.setattr(Editors, "show", broken)
        storage.gate.set()
        for each in (one, two):
            with pytest.raises(OutcomeUnknown, match="look whether a commit was done"):
                await each
    reading = await pending(a.keys())
    await clock.advance(10)
    assert not reading.done(), "what it would be told is not all that will be durable"
    storage.gate.set()
    await pending(asyncio.sleep(0))
    await clock.advance(10)
    assert await reading == ["one", "two", "zero"]
    await a.insert({}, key="three")
    assert await stored_sequences(storage, "a") == [1, 2, 3, 4]


async def test_what_is_refused_for_a_moment_is_stored_in_its_order(database, storage, clock) -> None:
    a = await database.collection("a")
    await a.insert({}, key="zero")
    storage.refuses = True
    writes = [await pending(a.insert({}, key=key)) for key in ("one", "two")]
    storage.refuses = False
    await clock.advance(1)
    assert [await each for each in writes] == ["one", "two"]
    assert await stored_sequences(storage, "a") == [1, 2, 3]


async def test_everybody_who_was_met_has_to_begin_again(database, storage, yjs, monkeypatch) -> None:
    ann = await yjs("doc")
    storage.gate.clear()
    ann.doc.get("body", type=Text).insert(0, "x")
    await ann.send()
    joining = await yjs("doc")
    assert joining.answers == []

    def broken(editors: Editors, *arguments) -> None:
        raise RuntimeError("a mistake in showing")

    monkeypatch.setattr(Editors, "show", broken)
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


async def test_nothing_is_stored_behind_what_is_lost_during_its_turn(
    database, storage, clock, monkeypatch
) -> None:
    """A turn that takes long; the storage fails on the one before it meanwhile."""
    tasks = await database.collection("tasks")
    await tasks.insert({}, key="kept")
    storage.gate.clear()
    lost = await pending(tasks.insert({}, key="lost"))
    finish, may_end = Document.finish_in_steps, asyncio.Event()

    def long(document: Document):
        while not may_end.is_set():
            yield
        return (yield from finish(document))

    monkeypatch.setattr(Document, "finish_in_steps", long)
    behind = await pending(tasks.insert({}, key="behind"))
    storage.failing = True
    storage.gate.set()
    await settle()
    storage.failing = False
    before = len(storage.appends)
    may_end.set()
    for each in (lost, behind):
        with pytest.raises(Unavailable, match="nothing was done"):
            await each
    assert len(storage.appends) == before
    await clock.advance(10)
    await tasks.insert({}, key="next")
    assert await stored_sequences(storage, "tasks") == [1, 2]
    assert await tasks.keys() == ["kept", "next"]


async def test_memory_that_runs_out_in_a_turn_fails_its_collection_alone(
    database, clock, monkeypatch
) -> None:
    a, b = await database.collection("a"), await database.collection("b")
    await a.insert({}, key="before")
    await b.insert({}, key="before")
    write = Document.write_in_steps

    def run_out(document, ops, author):
        if "huge" in str(ops[0].args):
            raise MemoryError
        return write(document, ops, author)

    monkeypatch.setattr(Document, "write_in_steps", run_out)
    with pytest.raises(OutcomeUnknown, match="a failed"):
        await a.insert({}, key="huge")
    await b.insert({}, key="after")
    again = asyncio.ensure_future(a.insert({}, key="after"))
    await clock.advance(10)  # it is loaded again
    await again
    assert await a.keys() == await b.keys() == ["after", "before"]
