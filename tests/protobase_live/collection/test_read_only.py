"""What the storage does not take fails alone: reading goes on, and writing does again by itself."""

from __future__ import annotations

import asyncio
import logging
from itertools import pairwise

import pytest
from pycrdt import Doc, Text

import protobase_live as pb
from protobase_live.collection.limits import Limits
from protobase_live.collection.messages import Greet, Settle, Updates
from protobase_live.collection.read_only import ReadOnly
from protobase_live.errors import Unavailable
from protobase_storage import StorageFull

LIMITS = Limits(read_only_seconds=4.0)


@pytest.fixture
def limits() -> Limits:
    return LIMITS


async def pending(awaitable) -> asyncio.Task:
    task = asyncio.ensure_future(awaitable)
    await settle()
    return task


async def settle() -> None:
    for _ in range(100):
        await asyncio.sleep(0)


@pytest.fixture
async def tasks(database):
    tasks = await database.collection("tasks")
    await tasks.insert({"n": 0}, key="zero")
    return tasks


def body(client) -> Text:
    return client.doc.get("body", type=Text)


async def test_reading_goes_on_and_a_write_says_why_it_is_refused(database, storage, tasks) -> None:
    storage.failing = StorageFull("no room for the write")
    for _ in range(3):
        writing = await pending(tasks.insert({}, key="lost"))
        assert writing.done()
        with pytest.raises(Unavailable, match=r"'tasks' is read-only.*nothing was done: no room") as caught:
            writing.result()
        assert caught.value.retryable
        assert await tasks.keys() == ["zero"]
        assert [row["n"] for row in await database.query(pb.Query("tasks"))] == [0]
    assert database.actor_stats()["tasks"].restarts == 0


async def test_while_it_is_read_only_the_storage_is_not_asked(storage, tasks) -> None:
    storage.failing = True
    for _ in range(5):
        with pytest.raises(Unavailable):
            await tasks.insert({}, key="lost")
    assert len(storage.appends) == 2  # with the one that was stored before


async def test_writing_goes_on_by_itself(database, storage, tasks, clock) -> None:
    storage.failing = StorageFull("no room")
    with pytest.raises(Unavailable):
        await tasks.insert({}, key="lost")
    storage.failing = False
    with pytest.raises(Unavailable):
        await tasks.insert({}, key="early")
    await clock.advance(1)
    assert await tasks.insert({}, key="one") == "one"
    assert await tasks.insert({}, key="two") == "two"
    assert await tasks.keys() == ["one", "two", "zero"]
    assert [commit.sequence for commit in (await storage.load("tasks")).commits] == [1, 2, 3]
    assert database.read_only.reasons == {}


async def test_the_pause_before_a_write_is_tried_grows_to_its_limit(storage, tasks, clock) -> None:
    storage.failing = True
    tried_at = []
    for _ in range(40):
        before = len(storage.appends)
        with pytest.raises(Unavailable):
            await tasks.insert({}, key="lost")
        if len(storage.appends) > before:
            tried_at.append(clock.monotonic())
        await clock.advance(0.5)
    pauses = [after - before for before, after in pairwise(tried_at)]
    assert pauses == [1, 2, 4, 4, 4, 4]


async def test_streams_and_live_queries_hear_only_what_is_stored(database, storage, tasks, clock) -> None:
    async with tasks.changes() as changes, database.live(pb.Query("tasks")) as live:
        assert [row["n"] for row in live.rows] == [0]
        storage.failing = StorageFull("no room")
        with pytest.raises(Unavailable):
            await tasks.insert({"n": 1}, key="lost")
        storage.failing = False
        await clock.advance(1)
        await tasks.insert({"n": 2}, key="later")
        assert (await anext(changes)).key == "later"
        await anext(aiter(live))
        assert [row["n"] for row in live.rows] == [2, 0] or [row["n"] for row in live.rows] == [0, 2]


async def test_reads_behind_a_lost_write_are_answered_with_what_is_stored(storage, tasks) -> None:
    storage.gate.clear()
    lost = await pending(tasks.insert({}, key="lost"))
    reading = await pending(tasks.keys())
    storage.failing = StorageFull("no room")
    storage.gate.set()
    await settle()
    assert (lost.done(), reading.done()) == (True, True)
    assert reading.result() == ["zero"]
    with pytest.raises(Unavailable):
        lost.result()


async def test_queries_that_begin_behind_a_lost_write_do_not_see_it(database, storage, tasks) -> None:
    storage.gate.clear()
    lost = await pending(tasks.insert({"n": 1}, key="lost"))
    asking = await pending(database.query(pb.Query("tasks")))
    storage.failing = StorageFull("no room")
    storage.gate.set()
    assert [row["n"] for row in await asking] == [0]
    with pytest.raises(Unavailable):
        await lost


async def test_streams_that_begin_behind_a_lost_write_do_not_see_it(storage, tasks, clock) -> None:
    storage.gate.clear()
    lost = await pending(tasks.insert({"n": 1}, key="lost"))
    changes = tasks.changes()
    entering = await pending(changes.__aenter__())
    storage.failing = StorageFull("no room")
    storage.gate.set()
    await entering
    with pytest.raises(Unavailable):
        await lost
    storage.failing = False
    await clock.advance(1)
    await tasks.insert({"n": 2}, key="later")
    assert (await anext(changes)).key == "later"
    changes.close()


async def test_what_is_opened_behind_a_lost_write_is_told_from_the_cursor_on(
    database, storage, tasks, yjs
) -> None:
    """The feed has nothing of what nobody had opened when it happened: the log has."""
    editor = await yjs("tasks")
    async with tasks.changes() as changes:
        start = changes.cursor
        body(editor).insert(0, "hi")
        await editor.send()
        await tasks.insert({}, key="kept")
        assert (await anext(changes)).structure == "records"
        storage.gate.clear()
        lost = await pending(tasks.insert({}, key="lost"))
        opening = await pending(tasks.text("body"))
        storage.failing = StorageFull("no room")
        storage.gate.set()
        with pytest.raises(Unavailable):
            await lost
        await opening
        async with tasks.changes(since=start) as again:
            told = [await pending(anext(again)) for _ in range(2)]
            assert all(each.done() for each in told)
            assert {each.result().structure for each in told} == {"body", "records"}


async def test_a_yjs_client_that_writes_is_closed_and_the_others_go_on(storage, clock, yjs) -> None:
    ann, bob = await yjs("doc"), await yjs("doc")
    storage.failing = StorageFull("no room")
    body(ann).insert(0, "lost")
    await ann.send()
    await ann._ref.tell(Settle(ann, b"mark"))
    await settle()
    assert isinstance(ann.rejected, Unavailable)
    assert "'doc' is read-only" in str(ann.rejected)
    assert (ann.settled, bob.rejected, bob.resynced, bob.shown) == ([], None, False, [])
    joiner = await yjs("doc")
    assert len(joiner.answers) == 1
    storage.failing = False
    await clock.advance(1)
    body(joiner).insert(0, "kept")
    await joiner.send()
    await settle()
    assert str(body(bob)) == "kept"
    assert (joiner.rejected, bob.resynced) == (None, False)


async def test_who_brings_nothing_new_is_not_closed(storage, yjs) -> None:
    ann = await yjs("doc")
    body(ann).insert(0, "some text")
    del body(ann)[2:4]
    await ann.send()
    await settle()
    storage.failing = StorageFull("no room")
    bob = await yjs("doc")
    body(bob).insert(0, "lost")
    await bob.send()
    await settle()
    assert isinstance(bob.rejected, Unavailable)
    back = await yjs("doc")
    await back._ref.tell(Updates(back, [ann.doc.get_update()]))  # as the answer to sync step 1
    await back._ref.tell(Settle(back, b"mark"))
    await settle()
    assert (back.rejected, back.settled) == (None, [b"mark"])


async def test_who_came_in_with_the_lost_write_is_served(storage, yjs, database) -> None:
    ann = await yjs("doc")
    storage.gate.clear()
    body(ann).insert(0, "lost")
    await ann.send()
    bob = await yjs("doc")
    await bob._ref.tell(Greet(bob))
    await bob._ref.tell(Settle(bob, b"mark"))
    await settle()
    assert bob.answers == []
    storage.failing = StorageFull("no room")
    storage.gate.set()
    await settle()
    assert len(bob.answers) == 1
    assert str(body(bob)) == ""
    assert (bob.greeted, bob.settled, bob.rejected) == (b"\x00", [b"mark"], None)
    assert isinstance(ann.rejected, Unavailable)


async def send_what_waits(client) -> None:
    """Send an edit, and not what it builds on."""
    body(client).insert(0, "a")
    client._edits.clear()
    body(client).insert(1, "b")
    await client.send()
    await settle()


async def test_who_sent_what_waits_for_something_begins_again(storage, yjs) -> None:
    """It is forgotten when the collection is loaded again, and its sender would not send it again."""
    ann, bob, eve = await yjs("doc"), await yjs("doc"), await yjs("doc")
    await send_what_waits(ann)
    storage.failing = StorageFull("no room")
    body(bob).insert(0, "lost")
    await bob.send()
    await settle()
    assert (ann.resynced, eve.resynced) == (True, False)


async def test_a_joint_transaction_is_refused_too(database, storage, tasks, clock) -> None:
    storage.failing = StorageFull("no room")
    with pytest.raises(Unavailable):
        await tasks.insert({}, key="lost")
    storage.failing = False

    def both(tx) -> None:
        tx["tasks"].insert({}, key="both")
        tx["other"].insert({}, key="both")

    with pytest.raises(Unavailable, match="'tasks' is read-only"):
        await database.transact(both)
    await clock.advance(1)
    await database.transact(both)
    assert await tasks.keys() == ["both", "zero"]


async def test_another_collection_is_not_read_only(database, storage, tasks) -> None:
    storage.failing = StorageFull("no room")
    with pytest.raises(Unavailable):
        await tasks.insert({}, key="lost")
    storage.failing = False
    other = await database.collection("other")
    assert await other.insert({}, key="one") == "one"


async def test_a_deletion_is_always_tried(database, storage, tasks) -> None:
    storage.gate.clear()
    lost = await pending(tasks.insert({}, key="lost"))
    dropping = await pending(database.drop("tasks"))
    storage.failing = StorageFull("no room")
    storage.gate.set()
    await dropping
    with pytest.raises(Unavailable):
        await lost
    assert database.read_only.reasons == {}
    assert await tasks.keys() == []


async def test_it_is_read_only_also_when_it_was_not_in_memory_meanwhile(
    database, storage, tasks, clock
) -> None:
    storage.failing = StorageFull("no room")
    with pytest.raises(Unavailable):
        await tasks.insert({}, key="lost")
    assert database.read_only.reasons == {"tasks": "no room"}


async def test_a_database_that_closes_tells_who_wrote(database, storage, tasks) -> None:
    storage.gate.clear()
    lost = await pending(tasks.insert({}, key="lost"))
    reading = await pending(tasks.keys())
    closing = await pending(database.close())
    storage.failing = StorageFull("no room")
    storage.gate.set()
    with pytest.raises(Unavailable, match="nothing was done: no room"):
        await lost
    await closing
    with pytest.raises(pb.ProtoBaseError):
        await reading


async def test_one_line_says_so_and_one_that_it_is_over(storage, tasks, clock, caplog) -> None:
    caplog.set_level(logging.INFO)
    storage.failing = StorageFull("no room")
    for _ in range(10):
        with pytest.raises(Unavailable):
            await tasks.insert({}, key="lost")
        await clock.advance(1)
    storage.failing = False
    await clock.advance(4)
    await tasks.insert({}, key="kept")
    assert [record.getMessage() for record in caplog.records] == [
        "the storage failed: no room; what is written is refused, reading goes on",
        "the storage works again",
    ]


async def test_what_is_stored_after_all_is_shown_to_everybody(database, storage, tasks, clock, yjs) -> None:
    """A storage that says of something stored that it is not: all begin again with what is stored."""
    ann = await yjs("tasks")
    storage.lies = True
    storage.failing = True
    with pytest.raises(pb.ProtoBaseError):
        await tasks.insert({"n": 1}, key="one")
    storage.lies = storage.failing = False
    await clock.advance(10)
    assert ann.resynced
    assert await tasks.keys() == ["one", "zero"]


async def test_who_sent_what_waits_begins_again_also_when_pycrdt_fails(yjs, monkeypatch) -> None:
    ann, eve, bob = await yjs("doc"), await yjs("doc"), await yjs("doc")
    await send_what_waits(ann)
    apply = Doc.apply_update

    def fragile(doc, update):
        if b"poison" in update and doc is not eve.doc:
            raise RuntimeError("index out of bounds")
        apply(doc, update)

    monkeypatch.setattr(Doc, "apply_update", fragile)
    body(eve).insert(0, "poison")
    await eve.send()
    await settle()
    assert (ann.resynced, bob.resynced, bob.rejected) == (True, False, None)
    assert eve.rejected is not None


async def test_a_full_disk_is_told_as_one_wherever_it_is_met(database, storage, tasks, monkeypatch) -> None:
    stored = await database.backup("tasks")
    await database.drop("tasks")

    async def full(*arguments: object) -> None:
        raise StorageFull("no room")

    monkeypatch.setattr(storage, "delete", full)
    with pytest.raises(Unavailable, match="tasks: no room"):
        await database.restore("tasks", stored)
    await tasks.put({"n": 1}, key="new")
    with pytest.raises(Unavailable, match="tasks: no room"):
        await database.drop("tasks")


async def test_a_pause_is_never_nothing(clock) -> None:
    """What is served anew would be tried anew, for ever."""
    read_only = ReadOnly(clock, 0, 10)
    read_only.add("tasks", StorageFull("no room"))
    assert read_only.refusal("tasks") is not None
    await clock.advance(1)
    assert read_only.refusal("tasks") is None


async def test_who_is_not_heard_any_more_is_not_kept_waiting(storage, yjs) -> None:
    """A large update is asked to be taken, and its door waits for that."""
    ann = await yjs("doc")
    storage.failing = StorageFull("no room")
    body(ann).insert(0, "lost")
    for _ in range(2):
        taking = await pending(ann._ref.ask(Updates(ann, ann._edits)))
        assert taking.done()
    assert isinstance(ann.rejected, Unavailable)
