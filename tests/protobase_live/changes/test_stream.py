"""Change streams miss nothing and repeat nothing, however they are interrupted."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycrdt import Text

from protobase_live.collection.limits import Limits
from protobase_live.database.database import Database
from protobase_live.document import Document
from protobase_live.errors import Closed, StorageFailed, ValidationError
from protobase_live.model.operations import INDEXES, RECORDS, Op, Target
from protobase_storage import Loaded, MemoryStorage, StorageError
from tests.protobase_live.conftest import settle


async def test_from_now_on(database) -> None:
    tasks = await database.collection("tasks")
    await tasks.insert({"n": 1}, key="old")
    async with tasks.changes() as changes:
        await tasks.insert({"n": 2}, key="new")
        await tasks.update("new", n=3)
        await tasks.delete("new")
        seen = [await anext(changes) for _ in range(3)]
    assert [(c.kind, c.key, c.before, c.after) for c in seen] == [
        ("insert", "new", None, {"n": 2}),
        ("update", "new", {"n": 2}, {"n": 3}),
        ("delete", "new", {"n": 3}, None),
    ]
    with pytest.raises(Closed):
        await anext(changes)


async def test_structures_change_too(database) -> None:
    tasks = await database.collection("tasks")
    async with tasks.changes() as changes:
        await tasks.text("body").insert(0, "hi")
        await tasks.set("tags").add("a")
        await tasks.counter("likes").add(2)
        await tasks.text("body").append("!")
        seen = [await anext(changes) for _ in range(4)]
    assert [(c.structure, c.kind, c.key, c.after) for c in seen if c.structure == "body"] == [
        ("body", "update", None, "hi"),
        ("body", "update", None, "hi!"),
    ]
    assert [c.after for c in seen if c.structure == "likes"] == [2]
    assert [c.key for c in seen if c.structure == "tags"] == ["a"]


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
EQUAL = [(NOON, NOON.astimezone(timezone(timedelta(hours=1)))), (-0.0, 0), (2**60, float(2**60)), (1, True)]


@pytest.mark.parametrize(("old", "new"), EQUAL)
async def test_a_value_that_python_calls_equal_to_the_one_before_is_told(database, old, new) -> None:
    tasks = await database.collection("tasks")
    await tasks.put({"x": old, "y": [old]}, key="k")
    await tasks.dict("dict").set("x", old)
    await tasks.list("list").append(old)
    await tasks.hash_dict("hash").set("x", old)
    async with tasks.changes() as changes, database.live("tasks") as live:
        await tasks.put({"x": new, "y": [old]}, key="k")
        await tasks.update("k", y=[new])
        await tasks.dict("dict").set("x", new)
        await tasks.list("list").set(0, new)
        await tasks.hash_dict("hash").set("x", new)
        await tasks.insert({}, key="last")
        told: list[str] = []
        while (change := await anext(changes)).key != "last":
            told.append(repr(change.after))
        rows = [{"x": new, "y": [old]}, {"x": new, "y": [new]}]
        assert told == list(map(repr, [*rows, new, [new], new]))
        assert repr(await tasks.get("k")) == repr(rows[1])
        for found in (await database.query("tasks"), live.rows):
            assert repr(found[0]) == repr({**rows[1], "_key": "k"})


@pytest.mark.parametrize(("one", "other"), EQUAL[::3])
async def test_who_follows_sets_has_what_they_show_of_elements_that_python_calls_equal(
    database, one, other
) -> None:
    tasks = await database.collection("tasks")
    tags, stock = tasks.set("tags"), tasks.counted_set("stock")
    followed: set[object] = set()
    counts: dict[object, int] = {}
    async with tasks.changes() as changes:
        for write in (
            lambda: tags.add(one),
            lambda: tags.add(other),
            lambda: tags.remove(one),
            lambda: stock.add(one, 2),
            lambda: stock.add(other, 3),
            lambda: stock.remove(one, 2),
            lambda: tags.remove(other),
            lambda: stock.remove(other, 3),
        ):
            await write()
            await tasks.counter("writes").add(1)
            while (change := await anext(changes)).structure != "writes":
                held = counts if change.structure == "stock" else dict.fromkeys(followed, True)
                assert held.pop(change.key, None) == change.before
                held |= {} if change.after is None else {change.key: change.after}
                followed = set(held) if change.structure == "tags" else followed
            assert followed == await tags.values()
            assert counts == await stock.items()
            assert sum(counts.values()) == await stock.count()


async def test_what_a_reader_does_to_a_change_is_its_own(database) -> None:
    tasks = await database.collection("tasks")
    async with tasks.changes() as changes, tasks.changes() as others, database.live("tasks") as live:
        for tags in (["a"], ["b"]):
            await tasks.put({"tags": tags}, key="k")
            await tasks.dict("options").set("seen", tags)
            for each in (await anext(changes), await anext(changes)):
                for value in (each.before, each.after):
                    (value["tags"] if isinstance(value, dict) else value or []).append("never written")
        told = [await anext(others) for _ in range(4)]
        assert [(c.before, c.after) for c in told if c.structure == "records"] == [
            (None, {"tags": ["a"]}),
            ({"tags": ["a"]}, {"tags": ["b"]}),
        ]
        assert [c.after for c in told if c.structure == "options"] == [["a"], ["b"]]
        await anext(live)
        assert [row["tags"] for row in live.rows] == [["b"]]
    assert await tasks.get("k") == {"tags": ["b"]}
    assert await tasks.dict("options").items() == {"seen": ["b"]}


async def test_a_cursor_resumes_in_the_middle_of_a_commit(database) -> None:
    tasks = await database.collection("tasks")
    async with tasks.changes() as changes:
        start = changes.cursor
        async with database.transaction() as tx:
            for n in range(5):
                tx["tasks"].insert({"n": n}, key=f"t{n}")
        seen = [await anext(changes) for _ in range(2)]
    async with tasks.changes(since=seen[-1].cursor) as changes:
        rest = [await anext(changes) for _ in range(3)]
    assert [c.key for c in seen + rest] == ["t0", "t1", "t2", "t3", "t4"]
    async with tasks.changes(since=start) as changes:
        assert [await anext(changes) for _ in range(5)] == seen + rest


async def test_an_index_is_nothing_that_is_told(database) -> None:
    tasks = await database.collection("tasks")
    ops = [
        Op(Target("dict", ("a",)), "set", ("k", 1)),
        Op(INDEXES, "set", ("m", True)),
        Op(RECORDS, "put", ("t", {"n": 1}, {})),
    ]
    async with tasks.changes() as changes:
        start = changes.cursor
        await tasks.index("n")
        await database.commit({"tasks": ops})
        await tasks.drop_index("n")
        await tasks.insert({}, key="last")
        seen = [await anext(changes) for _ in range(3)]
    assert [(c.structure, c.key) for c in seen] == [("a", "k"), ("records", "t"), ("records", "last")]
    for since, rest in ((start, seen), (seen[0].cursor, seen[1:]), (seen[1].cursor, seen[2:])):
        async with tasks.changes(since=since) as changes:
            assert [await anext(changes) for _ in rest] == rest


async def test_a_cursor_goes_on_behind_an_index(database) -> None:
    tasks = await database.collection("tasks")
    async with tasks.changes() as changes:
        start = changes.cursor
        waiting = asyncio.ensure_future(anext(changes))
        await settle()
        await tasks.index("n")
        await settle()
        assert not waiting.done()
        assert changes.cursor != start
        await tasks.insert({}, key="t")
        assert (await waiting).key == "t"


async def test_a_cursor_that_is_none_is_refused(database) -> None:
    tasks = await database.collection("tasks")
    with pytest.raises(ValidationError, match="not a cursor"):
        tasks.changes(since="nonsense!")


@pytest.fixture
def limits() -> Limits:
    return Limits(feed_changes=8, log_commits=40, retained_commits=10)


async def test_a_slow_reader_is_served_from_the_log(database) -> None:
    tasks = await database.collection("tasks")
    async with tasks.changes() as changes:
        for n in range(35):
            await tasks.insert({"n": n}, key=f"t{n}")
        seen = [(await anext(changes)).key for _ in range(35)]
    assert seen == [f"t{n}" for n in range(35)]


async def test_a_gap_is_marked_and_filled(database, storage) -> None:
    tasks = await database.collection("tasks")
    async with tasks.changes() as changes:
        start = changes.cursor
    for n in range(60):
        await tasks.put({"n": n}, key=f"t{n % 3}")
    await tasks.set("tags").add("x")
    await storage.compacted.wait()
    async with tasks.changes(since=start) as changes:
        reset = await anext(changes)
        assert (reset.kind, reset.cursor) == ("reset", start)
        found = [await anext(changes) for _ in range(4)]
        assert [(c.structure, c.kind, c.after) for c in found[:3]] == [
            ("records", "insert", {"n": n}) for n in (57, 58, 59)
        ]
        assert found[3].structure == "tags"
        assert found[2].cursor == start != found[3].cursor == changes.cursor
        await tasks.put({"n": 100}, key="t0")
        assert (await anext(changes)).before == {"n": 57}
    async with tasks.changes(since=found[3].cursor) as changes:
        assert (await anext(changes)).after == {"n": 100}


async def test_a_stream_survives_its_actor(database, storage, clock) -> None:
    tasks = await database.collection("tasks")
    async with tasks.changes() as changes:
        await tasks.insert({}, key="t1")
        storage.failing = True
        with pytest.raises(Exception, match="disk is gone"):
            await tasks.insert({}, key="lost")
        storage.failing = False
        await clock.advance(10)
        await tasks.insert({}, key="t2")
        assert [(await anext(changes)).key for _ in range(2)] == ["t1", "t2"]


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    plan=st.lists(st.sampled_from(["write", "transaction", "read", "drop", "restart"]), max_size=40),
)
def test_a_reader_rebuilds_the_collection(seed: int, plan: list[str]) -> None:
    """However it is interrupted, a reader that applies the changes has what the collection has."""
    asyncio.run(_rebuild(Random(seed), plan))


async def _rebuild(random: Random, plan: list[str]) -> None:
    storage = MemoryStorage()
    limits = Limits(feed_changes=6, log_commits=12, retained_commits=4)
    close, storage.close = storage.close, lambda: asyncio.sleep(0)
    copy: dict = {}
    cursor = None
    database = Database(storage, limits=limits)
    tasks = await database.collection("tasks")
    async with tasks.changes() as stream:
        cursor = stream.cursor
    stream = None
    for step in [*plan, "end"]:
        if step == "write":
            await _write(tasks, random)
        elif step == "transaction":
            async with database.transaction() as tx:
                for _ in range(random.randint(1, 4)):
                    _write(tx["tasks"], random)
        elif step == "drop" and stream is not None:
            stream.close()
            stream = None
        elif step == "restart":
            await database.close()
            database = Database(storage, limits=limits)
            tasks, stream = await database.collection("tasks"), None
        elif step in ("read", "end"):
            if stream is None:
                stream = tasks.changes(since=cursor)
                await stream.__aenter__()
            marker = f"marker{random.random()}"
            await tasks.put({"marker": True}, key=marker)
            while True:
                changes = await stream.batch(random.randint(1, 3))
                cursor = stream.cursor
                for change in changes:
                    _take(copy, change)
                if any(change.key == marker for change in changes):
                    break
                if copy.get(("records", marker)) is not None:
                    break
    items = {("records", key): row for key, row in (await tasks.items()).items()}
    tags = {("tags", tag): True for tag in await tasks.set("tags").values()}
    assert {k: v if k[0] == "records" else True for k, v in copy.items()} == {**items, **tags}
    await database.close()
    await close()


def _write(tasks, random: Random):
    key = f"t{random.randint(0, 5)}"
    choice = random.randint(0, 3)
    if choice == 0:
        return tasks.delete(key)
    if choice == 1:
        return tasks.set("tags").add(random.randint(0, 3))
    if choice == 2:
        return tasks.set("tags").remove(random.randint(0, 3))
    return tasks.put({"n": random.randint(0, 9)}, key=key)


def _take(copy: dict, change) -> None:
    if change.kind == "reset":
        copy.clear()
    elif change.after is None:
        assert copy.pop((change.structure, change.key)) == change.before
    else:
        assert copy.get((change.structure, change.key)) == change.before
        assert (change.before is None) == (change.kind == "insert")
        copy[change.structure, change.key] = change.after


@pytest.fixture
def loads(monkeypatch) -> list[object]:
    """The documents that were made."""
    made: list[object] = []
    init = Document.__init__

    def noted(self: Document, *args, **kwargs) -> None:
        made.append(None)
        init(self, *args, **kwargs)

    monkeypatch.setattr(Document, "__init__", noted)
    return made


async def _write_some(database, count: int = 3) -> None:
    for n in range(count):
        async with database.transaction() as tx:
            tx["tasks"].put({"n": n}, key="t")
            tx["tasks"].put({"n": n}, key="u")
            tx["tasks"].text("body").append(str(n))


async def _read_on(tasks, cursor: str, count: int) -> list[tuple]:
    async with tasks.changes(since=cursor) as changes:
        found = [await anext(changes) for _ in range(count)]
        assert found[-1].cursor == changes.cursor
    return [(c.structure, c.kind, c.key, c.before, c.after, c.cursor, c.author) for c in found]


@pytest.mark.parametrize("kept", [True, False])
async def test_who_is_a_little_behind_costs_no_document(database, clock, loads, kept: bool) -> None:
    """While somebody else reads, and for a while after the last one left."""
    tasks = await database.collection("tasks")
    other, changes = tasks.changes(), tasks.changes()
    await other.__aenter__()
    async with changes:
        start = changes.cursor
    if not kept:
        other.close()
        await settle()
    made = len(loads)
    await _write_some(database, 2)
    first = await _read_on(tasks, start, 6)
    for done in range(1, 6):
        assert await _read_on(tasks, first[done - 1][5], 6 - done) == first[done:]
    assert len(loads) == made
    other.close()
    await settle()
    await clock.advance(1_000)
    assert await _read_on(tasks, start, 6) == first
    assert len(loads) > made


async def test_many_who_come_back_to_a_fresh_actor_share_one_load(storage, clock, loads) -> None:
    close, storage.close = storage.close, lambda: asyncio.sleep(0)
    async with Database(storage, clock=clock, limits=Limits()) as database:
        tasks = await database.collection("tasks")
        async with tasks.changes() as changes:
            start = changes.cursor
            await _write_some(database, 10)
            seen = [await anext(changes) for _ in range(30)]
    async with Database(storage, clock=clock, limits=Limits()) as database:
        tasks = await database.collection("tasks")
        await tasks.count()
        made = len(loads)
        cursors = [start, *(change.cursor for change in seen[:-1])]
        found = await asyncio.gather(*(_read_on(tasks, c, 30 - n) for n, c in enumerate(cursors)))
        assert len(loads) == made + 1
    expected = [(c.structure, c.kind, c.key, c.before, c.after, c.cursor, c.author) for c in seen]
    assert found == [expected[n:] for n in range(30)]
    await close()


async def test_a_structure_that_was_opened_later_is_told_from_the_cursor_on(database, yjs) -> None:
    """The feed has nothing of what nobody had opened yet: the log has."""
    tasks = await database.collection("tasks")
    editor = await yjs("tasks")
    async with tasks.changes() as changes:
        start = changes.cursor
        editor.doc.get("body", type=Text).insert(0, "hi")
        await editor.send()
        await tasks.put({}, key="t")
        assert (await anext(changes)).structure == "records"
        await tasks.text("body")
        found = await _read_on(tasks, start, 2)
        assert sorted(each[0] for each in found) == ["body", "records"]
        assert await _read_on(tasks, start, 2) == found


async def told(stream, count: int) -> list[tuple[str, str | None, str]]:
    return [(each.kind, each.key, each.cursor) for each in [(await stream.batch(1))[0] for _ in range(count)]]


async def test_who_has_seen_another_part_is_told_anew_what_there_is(database) -> None:
    tasks = await database.collection("tasks")
    await tasks.insert({}, key="a")
    async with database.changes("tasks") as changes:
        cursor = changes.cursor
    await tasks.insert({}, key="b")
    for since, part in ((cursor, "mine"), (f"{cursor}~other", "mine"), (f"{cursor}~mine", None)):
        stream = database.changes("tasks", since)
        stream.see(part)
        async with stream:
            assert stream.cursor == f"{cursor}~"  # as long as nobody was told of it
            (reset, none, begun), first, (kind, key, now) = await told(stream, 3)
            assert [(reset, none), first[:2], (kind, key)] == [
                ("reset", None),
                ("insert", "a"),
                ("insert", "b"),
            ]
            assert begun == first[2] == f"{cursor}~"  # who stops in the middle of it is told it again
            assert "~" not in now
            await tasks.update("b", since=since)
            assert [each[:2] for each in await told(stream, 1)] == [("update", "b")]


async def test_who_has_seen_the_same_part_or_nothing_goes_on(database) -> None:
    tasks = await database.collection("tasks")
    async with database.changes("tasks") as changes:
        start = changes.cursor
        await tasks.insert({}, key="a")
        cursor = (await anext(changes)).cursor
    await tasks.insert({}, key="b")
    for since, part, key in (
        (cursor, None, "b"),
        (f"{cursor}~mine", "mine", "b"),
        (start, "mine", "a"),
        (f"{start}~other", "mine", "a"),
    ):
        stream = database.changes("tasks", since)
        stream.see(part)
        async with stream:
            ((kind, found, behind),) = await told(stream, 1)
            assert (kind, found, "~" in behind) == ("insert", key, False)


async def test_who_goes_on_and_is_told_nothing_has_the_cursor_that_he_came_with(database) -> None:
    tasks = await database.collection("tasks")
    async with tasks.changes() as changes:
        start = changes.cursor
        await tasks.insert({}, key="a")
        cursor = (await anext(changes)).cursor
    for since, part in ((cursor, None), (f"{cursor}~mine", "mine"), (f"{start}~mine", "mine")):
        stream = database.changes("tasks", since)
        stream.see(part)
        async with stream:
            assert stream.cursor == since


async def test_who_has_begun_to_be_told_anew_is_told_it_again(database) -> None:
    tasks = await database.collection("tasks")
    await tasks.insert({}, key="a")
    async with database.changes("tasks") as changes:
        cursor = changes.cursor
    for part in (None, "mine"):
        stream = database.changes("tasks", f"{cursor}~")
        stream.see(part)
        async with stream:
            assert [each[:2] for each in await told(stream, 2)] == [("reset", None), ("insert", "a")]


async def test_who_gives_up_again_and_again_is_served_from_the_log(database, loads) -> None:
    """As a program does that polls with a deadline: what was read for it is not read anew."""
    tasks = await database.collection("tasks")
    async with tasks.changes() as changes:
        for n in range(35):
            await tasks.insert({"n": n}, key=f"t{n}")
        made, seen = len(loads), list[str | None]()
        for _ in range(200):
            reader = asyncio.create_task(changes.batch(1))
            for _ in range(3):
                await asyncio.sleep(0)
            reader.cancel()
            with suppress(asyncio.CancelledError):
                seen += [change.key for change in await reader]
        assert seen == [f"t{n}" for n in range(35)]
        assert len(loads) <= made + 2


async def test_many_tasks_may_read_one_stream(database) -> None:
    tasks = await database.collection("tasks")
    seen: list[str | None] = []
    async with tasks.changes() as changes:

        async def read() -> None:
            while True:
                seen.append((await anext(changes)).key)

        readers = [asyncio.create_task(read()) for _ in range(3)]
        for n in range(60):
            await asyncio.gather(*(tasks.insert({}, key=f"{n}.{k}") for k in range(3)))
            if n % 10 == 0:
                readers.pop(0).cancel()
                readers.append(asyncio.create_task(read()))
        await settle()
    assert sorted(seen) == sorted(f"{n}.{k}" for n in range(60) for k in range(3))
    assert all(isinstance(each, Closed) for each in await asyncio.gather(*readers, return_exceptions=True))


@pytest.mark.parametrize("written", [0, 35])
async def test_the_end_of_a_stream_wakes_who_waits(database, written: int) -> None:
    """In the feed and, where the reader is too slow for that, in the log."""
    tasks = await database.collection("tasks")
    async with tasks.changes() as changes:
        for n in range(written):
            await tasks.insert({}, key=f"t{n}")
        readers = [asyncio.create_task(changes.batch(1)) for _ in range(2)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    await settle()
    assert all(reader.done() and isinstance(reader.exception(), Closed) for reader in readers)


async def test_what_is_in_the_way_is_told_to_who_comes_back(database, storage, monkeypatch) -> None:
    tasks = await database.collection("tasks")
    gate = asyncio.Event()

    async def load(name: str) -> Loaded:
        await gate.wait()
        raise StorageError("the disk is gone")

    async with tasks.changes() as changes:
        for n in range(35):
            await tasks.insert({}, key=f"t{n}")
        with monkeypatch.context() as patched:
            patched.setattr(storage, "load", load)
            reader = asyncio.create_task(changes.batch(1))
            await settle()
            reader.cancel()
            gate.set()
            await settle()
        with pytest.raises(StorageFailed, match="disk is gone"):
            await anext(changes)
        assert (await anext(changes)).key == "t0"
