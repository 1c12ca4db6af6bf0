"""A record that does not fit its class fails alone, however it is read, and comes back when repaired."""

import logging

import pytest
from pycrdt import Map

import protobase_live as pb
from protobase_live import F


class Task(pb.Atom):
    title: str
    priority: int = 0


GOOD = {"a": Task(title="A", priority=1), "z": Task(title="Z", priority=3)}


@pytest.fixture
async def embedded():
    async with pb.open("memory:") as database:
        raw = await database.collection("tasks")
        await raw.put({"title": "A", "priority": 1}, key="a")
        await raw.put({"title": 5, "priority": 2}, key="m")
        await raw.put({"title": "Z", "priority": 3}, key="z")
        yield database


@pytest.fixture(params=["embedded", "wire"])
async def db(request, embedded):
    if request.param == "embedded":
        yield embedded
        return
    async with (
        pb.Server(embedded, port=0) as server,
        pb.connect(server.url.replace("http", "ws") + "/live") as database,
    ):
        yield database


@pytest.fixture
async def raw(db):
    return await db.collection("tasks")


@pytest.fixture
async def tasks(db):
    return await db.collection("tasks", Task)


def titles(rows):
    return [row.title for row in rows]


async def test_it_is_left_out_and_comes_back(db, raw, tasks):
    assert await tasks.items() == GOOD
    assert titles(await db.query(pb.Query("tasks"))) == ["A", "Z"]
    async with db.transaction() as tx:
        assert await tx.collection("tasks", Task).items() == GOOD
    await raw.update("m", title="M")
    assert [*await tasks.items()] == ["a", "m", "z"]
    assert titles(await db.query(pb.Query("tasks"))) == ["A", "M", "Z"]


async def test_whoever_asks_for_it_by_its_key_is_told_why_not(tasks):
    with pytest.raises(pb.ValidationError, match="Task 'm': field 'title' is 5"):
        await tasks.get("m")


async def test_it_can_be_found_counted_and_deleted(tasks):
    (misfit,) = (await tasks.misfits()).values()
    assert (misfit.key, misfit.stored) == ("m", {"title": 5, "priority": 2})
    assert "field 'title' is 5" in str(misfit.error)
    assert await tasks.count() == 3
    await tasks.delete("m")
    assert await tasks.misfits() == {}


async def test_what_is_no_record_is_found_and_deleted(database, yjs):
    tasks, client = await database.collection("tasks", Task), await yjs("tasks")
    client.doc.get("records", type=Map)["n"] = 5
    client.doc.get("records", type=Map)["o"] = {"title": "O", "priority": 1}
    await client.send()
    assert await tasks.items() == {"o": Task(title="O", priority=1)}
    found = await tasks.misfits()
    assert [*found] == ["n"]
    assert found["n"].stored == 5
    assert str(found["n"].error) == "tasks: 'n' is 5 (int); a record is a map of fields"
    await tasks.delete("n")
    assert await tasks.misfits() == {}


async def test_it_is_said_once(db, raw, tasks, caplog):
    with caplog.at_level(logging.WARNING, "protobase_live"):
        await tasks.items()
        await tasks.items()
        await (await db.collection("tasks", Task)).items()
        await db.query(pb.Query("tasks"))
    (said,) = caplog.messages
    assert "of tasks: Task 'm'" in said
    assert "Task 'm': field 'title' is 5" in said


async def test_it_is_given_raw_to_who_asks_for_it(db, raw):
    tasks = await db.collection("tasks", Task, on_invalid="raw")
    for found in (
        await tasks.get("m"),
        (await tasks.items())["m"],
        (await db.query(pb.Query("tasks")))[1],
    ):
        assert isinstance(found, pb.Misfit)
        assert found.stored == {"title": 5, "priority": 2}
    async with db.live(pb.Query("tasks")) as live:
        assert [type(row) for row in live.rows] == [Task, pb.Misfit, Task]
        await raw.update("m", title="M")
        await anext(live)
        assert titles(live.rows) == ["A", "M", "Z"]


async def test_it_fails_whoever_wants_that(embedded):
    db, raw = embedded, await embedded.collection("tasks")
    tasks = await db.collection("tasks", Task, on_invalid="raise")
    async with db.live(pb.Query("tasks")) as live, tasks.changes() as changes:
        for failing in (tasks.items(), db.query(pb.Query("tasks"))):
            with pytest.raises(pb.ValidationError, match="field 'title' is 5"):
                await failing
        with pytest.raises(pb.ValidationError, match="field 'title' is 5"):
            _ = live.rows
        await raw.update("m", title=6)
        await raw.update("m", title="M")
        with pytest.raises(pb.ValidationError, match="field 'title' is 6"):
            await anext(changes)
        change = await anext(changes)
        assert (change.before, change.after) == (None, Task(title="M", priority=2))
        assert titles(live.rows) == ["A", "M", "Z"]


async def test_there_is_no_fourth_way(db):
    with pytest.raises(pb.ValidationError, match="on_invalid is 'ignore'; expected 'skip', 'raw' or 'raise'"):
        await db.collection("tasks", Task, on_invalid="ignore")


async def test_a_live_query_goes_on_without_it(db, raw, tasks):
    async with db.live(pb.Query("tasks").order_by("priority")) as live:
        assert titles(live.rows) == ["A", "Z"]
        await raw.put({"title": "Y", "priority": 4}, key="y")
        assert (await anext(live)).changes == (pb.RowChange("insert", 2, Task(title="Y", priority=4)),)
        await raw.update("m", title="M")
        assert (await anext(live)).changes == (pb.RowChange("insert", 1, Task(title="M", priority=2)),)
        await raw.update("a", title=None)
        assert (await anext(live)).changes == (pb.RowChange("delete", 0, Task(title="A", priority=1)),)
        await raw.delete("a")
        await raw.update("m", priority=9)
        (moved,) = (await anext(live)).changes
        assert (moved.kind, moved.previous, moved.position) == ("move", 0, 2)
        assert titles(live.rows) == ["Z", "Y", "M"]


async def test_a_live_query_that_left_rows_out_begins_anew_where_it_goes_on(db, raw, tasks):
    query = pb.Query("tasks")
    async with db.live(query) as live:
        rows, cursor = live.rows, live.cursor
    await raw.update("m", title="M")
    async with db.live(query, since=cursor, rows=rows) as live:
        diff = await anext(live)
        assert diff.reset
        assert titles(change.row for change in diff.changes) == ["A", "M", "Z"]
        rows, cursor = live.rows, live.cursor
    await raw.update("m", title="N")
    async with db.live(query, since=cursor, rows=rows) as live:
        assert (await anext(live)).changes == (pb.RowChange("update", 1, Task(title="N", priority=2)),)


async def test_a_stream_tells_it_as_coming_and_going(raw, tasks):
    async with tasks.changes() as changes:
        await raw.update("m", title=6)  # nothing to tell: it is still none
        await raw.update("m", title="M")
        await raw.update("m", title="N")
        await raw.update("m", title=7)
        await raw.update("m", title="O")
        await raw.delete("m")
        await raw.put({"priority": "?"}, key="m")
        await raw.delete("m")
        await raw.put({"title": "end"}, key="e")
        told = [await anext(changes) for _ in range(6)]
    assert [(change.kind, change.key) for change in told] == [
        ("insert", "m"),
        ("update", "m"),
        ("delete", "m"),
        ("insert", "m"),
        ("delete", "m"),
        ("insert", "e"),
    ]
    assert told[0].after == told[1].before == Task(title="M", priority=2)


async def test_a_stream_goes_on_from_its_start(raw, tasks):
    await raw.update("m", title="M")
    async with tasks.changes(since=pb.START) as changes:
        assert [(await anext(changes)).key for _ in range(3)] == ["a", "z", "m"]


async def test_rows_of_it_become_a_table(db):
    pytest.importorskip("pyarrow")
    await db.collection("tasks", Task, on_invalid="raw")
    table = (await db.query(pb.Query("tasks").where(F.priority >= 2))).to_arrow()
    assert table.to_pylist() == [{"title": "5", "priority": 2}, {"title": '"Z"', "priority": 3}]
