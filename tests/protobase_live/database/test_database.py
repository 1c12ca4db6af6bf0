"""The embedded API: records, structures, transactions, and what is shown when."""

from __future__ import annotations

import asyncio
from functools import partial
from unittest.mock import AsyncMock

import pytest
from pycrdt import Map

from protobase_live.database.database import Database
from protobase_live.errors import (
    Closed,
    Conflict,
    InvalidName,
    KindMismatch,
    RecordExists,
    RecordMissing,
    Unavailable,
    ValidationError,
)
from protobase_live.model.atoms import Atom
from protobase_live.query.ast.expressions import F
from protobase_live.query.language.query import Query
from protobase_storage import MemoryStorage, StorageClosed, StorageError


class Task(Atom):
    title: str
    done: bool = False
    owner: str | None = None


async def pending(awaitable) -> asyncio.Task:
    task = asyncio.ensure_future(awaitable)
    for _ in range(50):
        await asyncio.sleep(0)
    return task


async def test_a_record_is_inserted_read_updated_and_deleted(database: Database) -> None:
    tasks = await database.collection("tasks", Task)
    assert await tasks.insert(Task(title="Write", owner="ann"), key="t1") == "t1"
    await tasks.update("t1", done=True)
    assert await tasks.get("t1") == Task(title="Write", done=True, owner="ann")
    await tasks.delete("t1")
    assert await tasks.get("t1") is None


async def test_insert_and_update_say_what_is_wrong(database: Database) -> None:
    tasks = await database.collection("tasks")
    await tasks.insert({"title": "a"}, key="t1")
    with pytest.raises(RecordExists, match="t1"):
        await tasks.insert({"title": "b"}, key="t1")
    with pytest.raises(RecordMissing, match="t2"):
        await tasks.update("t2", title="b")
    with pytest.raises(ValidationError):
        await tasks.update("t1", title=object())
    with pytest.raises(InvalidName):
        await database.collection("a//b")
    assert await tasks.get("t1") == {"title": "a"}


async def test_what_is_given_out_is_a_copy(database: Database) -> None:
    tasks = await database.collection("tasks")
    await tasks.insert({"tags": ["a"]}, key="t1")
    (await tasks.get("t1"))["tags"].append("b")
    assert await tasks.get("t1") == {"tags": ["a"]}


async def test_every_structure_is_written_and_read(database: Database) -> None:
    tasks = await database.collection("tasks")
    tags = await tasks.set("tags")
    await tags.add("urgent", "new")
    assert await tags.values() == {"urgent", "new"}
    likes = await tasks.counter("likes")
    await likes.add(3)
    await likes.add(-1)
    assert await likes.value() == 2
    body = await tasks.text("body")
    await body.insert(0, "héllo 🙂")
    await body.append("!")
    assert await body.value() == "héllo 🙂!"
    settings = await tasks.dict("settings")
    await settings.set("theme", {"dark": True})
    assert await settings.get("theme") == {"dark": True}
    queue = await tasks.list("queue")
    await queue.extend([1, 2, 3])
    assert await queue.values() == [1, 2, 3]
    grid = await tasks.hash_dict("grid")
    await grid.set((1, 2), "x")
    assert await grid.items() == {(1, 2): "x"}
    bag = await tasks.counted_set("bag")
    await bag.add("apple", 2)
    assert await bag.items() == {"apple": 2}


async def test_a_structure_keeps_its_kind(database: Database) -> None:
    tasks = await database.collection("tasks")
    await (await tasks.set("tags")).add("a")
    with pytest.raises(KindMismatch, match="tags"):
        await tasks.dict("tags")


async def test_a_structure_keeps_its_kind_over_a_restart(storage) -> None:
    async with Database(storage) as database:
        await (await database.collection("tasks")).set("tags").add("a")
        storage.close = lambda: asyncio.sleep(0)
    async with Database(storage) as database:
        tasks = await database.collection("tasks")
        assert await tasks.set("tags").values() == {"a"}
        with pytest.raises(KindMismatch):
            await tasks.text("tags")


async def test_a_merging_field_of_a_record(database: Database) -> None:
    from protobase_live.structures import Counter, Set

    class Post(Atom):
        votes: Counter = 0
        tags: Set[str]

    posts = await database.collection("posts", Post)
    await posts.insert(Post(votes=2, tags={"a"}), key="p")
    await posts.field("p", "votes").add(5)
    await posts.field("p", "tags").add("b")
    post = await posts.get("p")
    assert (post.votes, post.tags) == (7, {"a", "b"})


async def test_nothing_is_shown_before_it_is_durable(database: Database, storage, yjs) -> None:
    tasks = await database.collection("tasks")
    await tasks.insert({"n": 0}, key="t0")
    reader = await yjs("tasks")
    async with tasks.changes() as changes:
        storage.gate.clear()
        write = await pending(tasks.insert({"n": 1}, key="t1"))
        read = await pending(tasks.get("t1"))
        clash = await pending(tasks.insert({"n": 2}, key="t1"))
        change = await pending(anext(changes))
        joiner = await pending(yjs("tasks"))
        assert not any(task.done() for task in (write, read, clash, change))
        assert reader.shown == []
        assert (await joiner).answers == []
        storage.gate.set()
        assert await write == "t1"
        assert await read == {"n": 1}
        with pytest.raises(RecordExists):
            await clash
        assert (await change).key == "t1"
    assert len(reader.shown) == 1
    assert (await joiner).answers != []


async def test_a_turn_is_applied_while_the_one_before_is_persisted(database: Database, storage) -> None:
    tasks = await database.collection("tasks")
    await tasks.count()
    storage.gate.clear()
    writes = [await pending(tasks.insert({}, key="first"))]
    writes += [asyncio.ensure_future(tasks.insert({}, key=f"t{n}")) for n in range(20)]
    await pending(asyncio.sleep(0))
    assert len(storage.appends) == 2  # the second turn took all twenty
    storage.gate.set()
    await asyncio.gather(*writes)
    assert len(storage.appends) == 2
    assert await tasks.count() == 21


async def test_commits_keep_their_order_while_the_collection_is_loaded(
    database: Database, storage, monkeypatch
) -> None:
    load = storage.load

    async def slowly(name: str):
        for _ in range(20):
            await asyncio.sleep(0)
        return await load(name)

    monkeypatch.setattr(storage, "load", slowly)
    log = (await database.collection("tasks")).list("log")
    writes = []
    for n in range(60):  # one a round of the event loop: some find it loaded while others are to be woken
        writes.append(asyncio.ensure_future(log.append(n)))
        await asyncio.sleep(0)
    await asyncio.gather(*writes)
    assert await log.slice() == list(range(60))


async def test_a_collection_in_memory_is_not_read_from_storage_again(
    database: Database, storage, yjs, monkeypatch
) -> None:
    """Whoever reads, queries, watches, joins, or subscribes from now on, is served from one document."""
    read: list[str] = []
    load = storage.load
    monkeypatch.setattr(storage, "load", lambda name: read.append(name) or load(name))
    tasks = await database.collection("tasks")
    await tasks.insert({"n": 1}, key="t1")
    query = Query("tasks").where(F.n > 0)
    assert await database.query(query) == [{"_key": "t1", "n": 1}]
    async with tasks.changes() as changes, database.live(query) as live:
        client = await yjs("tasks")
        assert client.doc.get("records", type=Map)["t1"]["n"] == 1
        await tasks.update("t1", n=5)
        assert (await anext(changes)).after == {"n": 5}
        await anext(live)
        assert live.rows == [{"_key": "t1", "n": 5}]
    async with tasks.changes(since=changes.cursor):
        assert await tasks.count() == 1
    assert read == ["tasks"]


async def test_a_storage_failure_fails_the_writers_and_loads_what_is_durable(
    database: Database, storage, clock, yjs
) -> None:
    tasks = await database.collection("tasks")
    await tasks.insert({}, key="t1")
    client = await yjs("tasks")
    storage.failing = True
    with pytest.raises(Unavailable, match="disk is gone"):
        await tasks.insert({}, key="t2")
    assert (client.resynced, client.rejected) == (False, None)
    storage.failing = False
    await clock.advance(10)
    assert await tasks.keys() == ["t1"]
    await tasks.insert({}, key="t2")
    assert await tasks.keys() == ["t1", "t2"]


async def test_a_transaction_over_two_collections_is_one_append(database: Database, storage) -> None:
    async with database.transaction() as tx:
        tx["tasks"].insert({"title": "a"}, key="a")
        tx["audit"].insert({"what": "added a"}, key="1")
    assert [[commit.collection for commit in batch] for batch in storage.appends] == [["audit", "tasks"]]
    assert await (await database.collection("audit")).get("1") == {"what": "added a"}


def raise_midway(tx) -> None:
    tx["tasks"].insert({}, key="t1")
    raise ZeroDivisionError


def clash(tx, other: str) -> None:
    tx["tasks"].insert({}, key="t1")
    tx["tasks"].set("tags").add("x")
    tx[other].insert({}, key="first")
    tx["tasks"].insert({}, key="taken")


async def test_a_transaction_that_raises_leaves_no_trace(database: Database, storage, yjs) -> None:
    tasks = await database.collection("tasks")
    await tasks.insert({}, key="taken")
    client = await yjs("tasks")
    answered = client.answers[0]
    appends = len(storage.appends)
    async with tasks.changes() as changes:
        with pytest.raises(ZeroDivisionError):
            await database.transact(raise_midway)
        for other in ("tasks", "audit"):
            with pytest.raises(RecordExists):
                await database.transact(partial(clash, other=other))
        late = await yjs("tasks")
        await tasks.insert({}, key="marker")
        assert (await anext(changes)).key == "marker"
    assert len(storage.appends) == appends + 1
    assert late.answers[0] == answered
    assert len(client.shown) == 1
    assert await (await database.collection("audit")).count() == 0


async def test_what_a_transaction_read_is_checked(database: Database) -> None:
    tasks = await database.collection("tasks")
    await tasks.insert({"n": 1}, key="t1")

    async def overtaken() -> None:
        async with database.transaction() as tx:
            row = await tx["tasks"].get("t1")
            await tasks.update("t1", n=5)
            tx["audit"].insert({"seen": row["n"]}, key="a")

    with pytest.raises(Conflict):
        await overtaken()
    assert await (await database.collection("audit")).count() == 0


async def test_contenders_all_get_through(database: Database) -> None:
    counts = await database.collection("counts")
    await counts.insert({"n": 0}, key="c")

    async def increment(tx) -> None:
        row = await tx["counts"].get("c")
        tx["counts"].update("c", n=row["n"] + 1)

    await asyncio.gather(*(database.transact(increment) for _ in range(50)))
    assert await counts.get("c") == {"n": 50}


async def test_transactions_over_the_same_collections_do_not_deadlock(database: Database) -> None:
    async def both(first: str, second: str, key: str) -> None:
        async with database.transaction() as tx:
            tx[first].insert({}, key=key)
            tx[second].insert({}, key=key)

    await asyncio.gather(*(both(*("ab" if n % 2 else "ba"), f"k{n}") for n in range(40)))
    assert await (await database.collection("a")).count() == 40
    assert await (await database.collection("b")).count() == 40


async def test_a_cancelled_transaction_lets_go_of_its_collections(database: Database, storage) -> None:
    await (await database.collection("a")).insert({}, key="x")
    storage.gate.clear()

    async def both() -> None:
        async with database.transaction() as tx:
            tx["a"].insert({}, key="y")
            tx["b"].insert({}, key="y")

    task = await pending(both())
    task.cancel()
    storage.gate.set()
    await asyncio.wait([task])
    await (await database.collection("a")).insert({}, key="z")
    assert (
        await (await database.collection("b")).count() == await (await database.collection("a")).count() - 2
    )


async def test_a_closed_database_says_so(storage) -> None:
    async with Database(storage) as database:
        tasks = await database.collection("tasks")
        await tasks.put({}, key="t1")
        stream = tasks.changes()
        await stream.__aenter__()
        waiting = await pending(anext(stream))
        stored = await database.backup("tasks")
        present = tasks.presence({})
        await present.__aenter__()
    for use in (
        lambda: tasks.get("t1"),
        database.__aenter__,
        database.collections,
        database.cluster_status,
        lambda: database.backup("tasks"),
        lambda: database.restore("others", stored),
        lambda: database.drop("tasks"),
        lambda: database.erase("tasks"),
        lambda: database.commit({}),
        lambda: tasks.presence({}).__aenter__(),
        lambda: present.set({"n": 1}),
    ):
        with pytest.raises(Closed):
            await use()
    with pytest.raises(Closed):
        await waiting
    await database.close()  # is harmless


@pytest.mark.parametrize("turns", [0, 1, 50])
async def test_all_who_close_wait_for_the_same_end(database: Database, storage, turns: int) -> None:
    """Also if the first of them gives up."""
    closed, close = asyncio.Event(), storage.close

    async def slowly() -> None:
        await closed.wait()
        await close()

    storage.close = slowly
    await (await database.collection("tasks")).put({}, key="t1")
    first = asyncio.create_task(database.close())
    for _ in range(turns):
        await asyncio.sleep(0)
    first.cancel()
    second, third = await pending(database.close()), await pending(database.close())
    assert first.cancelled()
    assert not any(each.done() for each in (second, third))
    assert not database.actor_stats()
    closed.set()
    await asyncio.gather(second, third)
    with pytest.raises(StorageClosed):
        await storage.load("tasks")
    await database.close()


async def test_what_fails_at_the_end_is_told_to_all_who_close() -> None:
    storage = MemoryStorage()
    storage.close = AsyncMock(side_effect=StorageError("the disk is gone"))
    database = Database(storage)
    found = await asyncio.gather(database.close(), database.close(), return_exceptions=True)
    assert [str(each) for each in found] == ["the disk is gone"] * 2


async def test_idle_collections_leave_memory_and_come_back(database: Database, clock, limits) -> None:
    tasks = await database.collection("tasks")
    await tasks.insert({"n": 1}, key="t1")
    assert "tasks" in database.actor_stats()
    await clock.advance(limits.idle_seconds * 2 + 1)
    assert "tasks" not in database.actor_stats()
    assert await tasks.get("t1") == {"n": 1}


async def test_a_transaction_that_only_reads_several_collections(database) -> None:
    for name in ("a", "b"):
        await (await database.collection(name)).insert({"n": 1}, key="x")

    async def total(tx) -> int:
        return sum([(await tx[name].get("x"))["n"] for name in ("a", "b")])

    assert await database.transact(total) == 2


async def test_the_state_hash_is_of_what_is_durable():
    async with Database(MemoryStorage()) as db, Database(MemoryStorage()) as other:
        for each in (db, other):
            assert (await each.state_hash("tasks")).vector == {}
            await (await each.collection("tasks")).put({"n": 1}, key="a")
        one, two = await db.state_hash("tasks"), await other.state_hash("tasks")
        assert one.hash == two.hash != (await db.state_hash("nothing")).hash
        assert [*one.vector.values()] == [*two.vector.values()] == [1]
        assert one.vector != two.vector
        await (await db.collection("tasks")).put({"n": 2}, key="a")
        assert (await db.state_hash("tasks")).hash != one.hash
        with pytest.raises(InvalidName):
            await db.state_hash("")


async def test_a_transaction_of_nothing_is_done(database) -> None:
    assert (await database.commit({})).cursors == {}
