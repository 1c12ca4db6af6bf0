"""Queries see what was acknowledged; live queries see whole transactions, and whoever lags loses nothing."""

from __future__ import annotations

import asyncio
from random import Random
from typing import ClassVar

import pytest
from pycrdt import Map

import protobase_live as pb
from protobase_live import F, Query
from protobase_live.database.database import Database
from protobase_live.errors import (
    Closed,
    InvalidName,
    LimitExceeded,
    Overloaded,
    Unavailable,
    ValidationError,
)
from protobase_live.live.limits import ViewLimits
from protobase_live.protocol.live.codec import CODECS
from protobase_storage import MemoryStorage, StorageClosed
from tests.support.live_rows import applied

BY_N = Query("tasks").order_by("n")
PAIRED = Query("a").join("b", on={"_key": "_key"}, as_="b", how="full").select(a=F.n, b=F.b.n)


class Task(pb.Atom):
    __indexes__: ClassVar = ("owner", ("done", "n"))

    n: int = 0
    owner: str | None = None
    done: bool = False
    tags: pb.Set[str] = set()  # noqa: RUF012


async def pending(awaitable) -> asyncio.Task:
    task = asyncio.ensure_future(awaitable)
    for _ in range(50):
        await asyncio.sleep(0)
    return task


# once


async def test_rows_are_dicts_with_their_key(database) -> None:
    tasks = await database.collection("tasks")
    await tasks.insert({"n": 1, "tags": ["x"]}, key="t1")
    rows = await database.query(Query("tasks"))
    assert rows == [{"n": 1, "tags": ["x"], "_key": "t1"}]
    rows[0]["tags"].append("mine")
    assert await database.query(Query("tasks").select("tags")) == [{"tags": ["x"]}]


async def test_whole_records_of_a_class_are_atoms(database) -> None:
    tasks = await database.collection("tasks", Task)
    await tasks.insert(Task(n=1, tags={"x"}), key="t1")
    (task,) = await database.query(Query("tasks").where(F.n == 1).distinct())
    assert task == Task(n=1, tags={"x"})
    assert task._key == "t1"
    assert await database.query(Query("tasks").select("n")) == [{"n": 1}]
    async with database.live(Query("tasks")) as live:
        assert live.rows == [task]


async def test_a_field_that_the_class_does_not_have(database) -> None:
    await database.collection("tasks", Task)
    for query in (Query("tasks").where(F.ownr == "ann"), Query("tasks").join("users", on={"ownr": "_key"})):
        with pytest.raises(ValidationError, match="did you mean 'owner'"):
            await database.query(query)
        with pytest.raises(ValidationError, match="did you mean 'owner'"):
            database.live(query)


async def test_parameters(database) -> None:
    tasks = await database.collection("tasks")
    await tasks.insert({"n": 1}, key="t1")
    query = Query("tasks").where(F.n == pb.param("n")).select("_key")
    assert await database.query(query, {"n": 1}) == [{"_key": "t1"}]
    with pytest.raises(ValidationError, match="parameter 'n'"):
        await database.query(query)


async def test_a_query_sees_what_is_durable_and_nothing_else(database, storage) -> None:
    tasks = await database.collection("tasks")
    await tasks.insert({"n": 1}, key="t1")
    assert len(await database.query(BY_N)) == 1
    storage.gate.clear()
    write = await pending(tasks.insert({"n": 2}, key="t2"))
    assert len(await database.query(BY_N)) == 1
    storage.gate.set()
    await write
    assert len(await database.query(BY_N)) == 2


async def test_a_long_query_reads_one_moment(database) -> None:
    async with database.transaction() as tx:
        for n in range(5_000):
            tx["tasks"].insert({"n": n}, key=f"t{n}")
    await database.query(BY_N.limit(1))
    query = asyncio.ensure_future(database.query(Query("tasks").join("tasks", on={"n": "n"}, as_="same")))
    for _ in range(3):
        await asyncio.sleep(0)
    assert not query.done()
    async with database.transaction() as tx:
        for n in range(5_000):
            tx["tasks"].delete(f"t{n}")
    assert len(await query) == 5_000
    assert await database.query(BY_N) == []


async def test_no_more_rows_than_the_limit(storage) -> None:
    async with Database(storage, view_limits=ViewLimits(query_rows=1)) as database:
        tasks = await database.collection("tasks")
        await tasks.insert({}, key="t1")
        assert len(await database.query(BY_N)) == 1
        await tasks.insert({}, key="t2")
        with pytest.raises(LimitExceeded, match="query_rows"):
            await database.query(BY_N)


async def test_a_name_that_is_none(database) -> None:
    with pytest.raises(InvalidName):
        Query("")
    with pytest.raises(Closed):
        await (await closed(database)).query(BY_N)


async def closed(database) -> Database:
    await database.close()
    return database


# live


async def test_differences_lead_from_rows_to_rows(database) -> None:
    tasks = await database.collection("tasks")
    await tasks.insert({"n": 5}, key="t1")
    async with database.live(BY_N.limit(3)) as live:
        rows = live.rows
        for n, key in enumerate(["t2", "t3", "t1"]):
            await tasks.put({"n": n}, key=key)
            rows = applied(rows, await anext(live))
            assert rows == live.rows == await database.query(BY_N.limit(3))
    with pytest.raises(Closed):
        await anext(live)
    await tasks.delete("t1")
    assert live.rows == rows


async def test_a_transaction_arrives_as_one_difference(database) -> None:
    async with database.live(PAIRED) as live:
        for n in range(3):
            async with database.transaction() as tx:
                tx["a"].put({"n": n}, key="x")
                tx["b"].put({"n": n}, key="x")
            diff = await anext(live)
            assert [change.row for change in diff.changes] == [{"a": n, "b": n}]


async def test_a_query_never_sees_half_a_transaction(database) -> None:
    await database.query(PAIRED)
    seen = []

    async def watch() -> None:
        while True:
            seen.extend(await database.query(PAIRED))
            await asyncio.sleep(0)

    watching = asyncio.ensure_future(watch())
    for n in range(20):
        async with database.transaction() as tx:
            tx["a"].put({"n": n}, key="x")
            tx["b"].put({"n": n}, key="x")
    watching.cancel()
    assert len(seen) > 20
    assert all(row["a"] == row["b"] for row in seen)


async def test_a_joint_transaction_that_fails_leaves_the_views_in_step(database, storage, clock) -> None:
    a, b = await database.collection("a"), await database.collection("b")
    await a.insert({"n": 0}, key="x")
    await b.insert({"n": 0}, key="x")
    async with database.live(PAIRED) as live:
        storage.failing = True
        with pytest.raises(Unavailable):
            await database.transact(put_both)
        storage.failing = False
        await clock.advance(10)
        await database.transact(put_both)
        rows = [{"a": 0, "b": 0}]
        while rows != [{"a": 1, "b": 1}]:
            rows = applied(rows, await anext(live))
            assert rows[0]["a"] == rows[0]["b"]


def put_both(tx) -> None:
    tx["a"].put({"n": 1}, key="x")
    tx["b"].put({"n": 1}, key="x")


async def test_what_nobody_reads_is_folded(database) -> None:
    tasks = await database.collection("tasks")
    await tasks.insert({"n": 0}, key="t1")
    async with database.live(BY_N) as live:
        for n in range(20):
            await tasks.update("t1", n=n)
        await tasks.insert({"n": 1}, key="gone")
        await tasks.delete("gone")
        diff = await anext(live)
        assert [(change.kind, change.row["n"]) for change in diff.changes] == [("update", 19)]


async def test_who_lags_too_far_gets_a_snapshot_that_says_so(storage) -> None:
    async with Database(storage, view_limits=ViewLimits(retained_changes=3)) as database:
        tasks = await database.collection("tasks")
        subscription = await database.views.watch(BY_N)
        assert (await subscription.pull()).reset
        for n in range(3):
            await tasks.insert({"n": n})
        assert not (await subscription.pull()).reset
        for n in range(4):
            await tasks.insert({"n": n})
        diff = await subscription.pull()
        assert diff.reset
        assert [change.row["n"] for change in diff.changes] == [0, 0, 1, 1, 2, 2, 3]


async def test_going_on_from_a_cursor(database) -> None:
    tasks = await database.collection("tasks")
    await tasks.insert({"n": 1}, key="t1")
    async with database.live(BY_N) as live:
        rows, cursor = live.rows, live.cursor
    await tasks.insert({"n": 0}, key="t0")
    async with database.live(BY_N, since=cursor, rows=rows) as live:
        assert live.rows == await database.query(BY_N)
        diff = await anext(live)
        assert not diff.reset
        assert applied(rows, diff) == live.rows
        rows, cursor = live.rows, live.cursor
    async with database.live(BY_N, since=cursor, rows=rows) as live:  # nothing was missed
        await tasks.delete("t1")
        assert [change.kind for change in (await anext(live)).changes] == ["delete"]
    with pytest.raises(ValidationError, match="give both"):
        database.live(BY_N, since=cursor)


async def test_a_cursor_that_is_too_old_or_another_query_s(database, clock) -> None:
    tasks = await database.collection("tasks")
    await tasks.insert({"n": 1}, key="t1")
    async with database.live(BY_N) as live:
        rows, cursor = live.rows, live.cursor
    async with database.live(BY_N.limit(5), since=cursor, rows=rows) as live:
        assert (await anext(live)).reset
    await clock.advance(31)  # the view is gone, and with it what it knew of the past
    await tasks.insert({"n": 0}, key="t0")
    async with database.live(BY_N, since=cursor, rows=rows) as live:
        diff = await anext(live)
        assert diff.reset
        assert applied(rows, diff) == live.rows
    with pytest.raises(ValidationError, match="cursor"):
        async with database.live(BY_N, since="nonsense", rows=rows):
            pass


async def test_a_cursor_of_another_process_is_good_while_nothing_changed() -> None:
    storage = MemoryStorage()
    async with Database(storage) as database:
        await (await database.collection("tasks")).insert({"n": 1}, key="t1")
        async with database.live(BY_N) as live:
            rows, cursor = live.rows, live.cursor
        await database.views.query(BY_N)
        again = Database(storage)
        async with again.live(BY_N, since=cursor, rows=rows) as live:
            await (await again.collection("tasks")).insert({"n": 2}, key="t2")
            assert not (await anext(live)).reset
            assert len(live.rows) == 2


async def test_one_view_for_all_who_say_the_same(database, clock) -> None:
    first = await database.views.watch(Query("tasks").where((F.n > 1) & (F.done == False)))  # noqa: E712
    second = await database.views.watch(Query("tasks").where(F.done == False).where(F.n > 1))  # noqa: E712
    assert first._view is second._view
    first.close()
    first.close()
    await clock.advance(31)
    assert (await database.views.watch(second._view.query))._view is second._view
    await (await database.collection("tasks")).insert({"n": 2, "done": False})
    assert len((await second.pull()).changes) == 1


async def test_a_view_that_nobody_watches_goes_away(database, clock) -> None:
    subscription = await database.views.watch(BY_N)
    subscription.close()
    await clock.advance(29)
    back = await database.views.watch(BY_N)
    assert back._view is subscription._view
    await clock.advance(31)  # somebody came back in time
    back.close()
    await clock.advance(31)
    assert (await database.views.watch(BY_N))._view is not back._view


async def test_a_watched_collection_stays_in_memory_and_an_unwatched_one_does_not(database, clock) -> None:
    await (await database.collection("tasks")).insert({"n": 1})
    async with database.live(BY_N):
        await clock.advance(1_000)
        assert "tasks" in database.actor_stats()
    await clock.advance(1_000)
    assert "tasks" not in database.actor_stats()
    assert len(await database.query(BY_N)) == 1


async def test_the_collection_fails_and_the_live_query_goes_on(database, storage, clock) -> None:
    tasks = await database.collection("tasks")
    await tasks.insert({"n": 1}, key="t1")
    async with database.live(BY_N) as live:
        storage.failing = True
        with pytest.raises(Unavailable):
            await tasks.insert({"n": 2}, key="t2")
        storage.failing = False
        reading = await pending(anext(live))
        await clock.advance(10)
        await tasks.insert({"n": 3}, key="t3")
        await reading
        assert [row["n"] for row in live.rows] == [1, 3]


async def test_closing_ends_what_waits(database) -> None:
    async with database.live(BY_N) as live:
        waiting = await pending(anext(live))
        await database.close()
        with pytest.raises(Closed):
            await waiting


async def test_closing_ends_what_is_being_opened(database) -> None:
    async with database.transaction() as tx:
        for n in range(4_000):
            tx["tasks"].insert({"n": n})
    await database.query(BY_N.limit(1))
    opening = [asyncio.ensure_future(database.views.watch(BY_N)) for _ in range(2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    given_up, waiting = opening
    given_up.cancel()
    await asyncio.sleep(0)
    await database.close()
    with pytest.raises(Closed):
        await waiting
    with pytest.raises(asyncio.CancelledError):
        await given_up


async def test_who_gives_up_opening_leaves_the_others_alone(database) -> None:
    async with database.transaction() as tx:
        for n in range(4_000):
            tx["tasks"].insert({"n": n})
    await database.query(BY_N.limit(1))
    opening = [asyncio.ensure_future(database.views.watch(BY_N)) for _ in range(2)]
    await asyncio.sleep(0)
    opening[0].cancel()
    assert len((await (await opening[1]).pull()).changes) == 4_000


async def test_rows_say_so_while_the_collection_is_loaded_again(database, storage, clock) -> None:
    tasks = await database.collection("tasks")
    await tasks.insert({"n": 1}, key="t1")
    async with database.live(BY_N) as live:
        storage.failing = StorageClosed("this needs another start")
        with pytest.raises(Unavailable):
            await tasks.insert({"n": 2}, key="t2")
        storage.failing = False
        with pytest.raises(Unavailable):
            live.rows  # noqa: B018
        await clock.advance(10)
        await tasks.insert({"n": 3}, key="t3")
        assert [row["n"] for row in live.rows] == [1, 3]
        assert [change.row["n"] for change in (await anext(live)).changes] == [3]


async def test_a_query_may_be_a_text(database) -> None:
    tasks = await database.collection("tasks", Task)
    await tasks.insert(Task(n=1), key="t1")
    await tasks.insert(Task(n=2), key="t2")
    text = "tasks where n > :least"
    assert await database.query(text, {"least": 1}) == [Task(n=2)]
    assert "n > 1" in str(await database.explain(text, {"least": 1}))
    async with database.live(text, {"least": 1}) as live:
        assert live.rows == [Task(n=2)]
    assert pb.parse(text) == Query("tasks").where(F.n > pb.param("least"))


@pytest.mark.parametrize("subprotocol", CODECS)
async def test_columns_stay_as_they_are_written_also_over_the_wire(database, subprotocol) -> None:
    await (await database.collection("o")).put({"z": 1, "m": 2, "a": 3}, key="k")
    async with (
        pb.Server(database, port=0) as server,
        pb.connect(server.url, subprotocol=subprotocol) as remote,
    ):
        for text in ("o select z, m, a", "o group by z, m: b = sum(a), a = count()"):
            (row,) = await database.query(text)
            (told,) = await remote.query(text)
            async with remote.live(text) as live:
                (shown,) = live.rows
            assert [*row] == [*told] == [*shown]
            assert row == told == shown


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("tasks where", "column 12: expected"),
        ("tasks where m > 1", "no field 'm'"),
        (7, r"a query is pb.Query\('tasks'\) or a text such as 'tasks where not done', not 7"),
        (F.n > 1, "a query is pb.Query"),
    ],
)
async def test_what_is_no_query(database, query, said) -> None:
    await database.collection("tasks", Task)
    with pytest.raises(ValidationError, match=said):
        await database.query(query)
    with pytest.raises(ValidationError, match=said):
        database.live(query)


async def test_no_pause_is_no_time_to_come_back(storage) -> None:
    async with Database(storage, view_limits=ViewLimits(linger_seconds=0)) as database:
        for _ in range(2):
            async with database.live(BY_N) as live:
                assert live.rows == []


async def test_a_later_commit_does_not_overtake_a_joint_one(tmp_path) -> None:
    """The storage says of many commits at once that they are durable."""
    async with pb.open(f"file:{tmp_path}") as db:
        a, b = await db.collection("a"), await db.collection("b")
        await a.insert({"n": 0}, key="x")
        await b.insert({"n": 0}, key="x")
        async with db.live(PAIRED) as live:
            for n in range(1, 60):

                def write(tx, n: int = n) -> None:
                    tx["a"].update("x", n=n)
                    tx["b"].update("x", n=n)

                joint = asyncio.ensure_future(db.transact(write))
                await asyncio.sleep(0)
                await asyncio.gather(joint, a.update("x", more=n), a.update("x", n=-n), b.update("x", n=-n))
                known = (await a.get("x"))["n"], (await b.get("x"))["n"]
                (row,) = live.rows
                assert (row["a"], row["b"]) == known
                assert await db.query(PAIRED) == [row]


async def test_leaving_the_block_ends_what_waits(database) -> None:
    async with database.live(BY_N) as live:
        waiting = await pending(anext(live))
    with pytest.raises(Closed):
        await waiting
    with pytest.raises(Closed, match="once"):
        async with live:
            pass


async def test_no_more_views_than_the_limit(storage) -> None:
    async with (
        Database(storage, view_limits=ViewLimits(views=1)) as database,
        database.live(BY_N),
        database.live(BY_N),
    ):
        with pytest.raises(Overloaded, match="views"):
            async with database.live(BY_N.limit(1)):
                pass


async def test_a_view_that_grows_too_large_ends_and_nobody_else_notices(storage) -> None:
    async with Database(storage, view_limits=ViewLimits(view_rows=2)) as database:
        tasks = await database.collection("tasks")
        async with database.live(BY_N) as live, database.live(BY_N.limit(1)) as small:
            for n in range(3):
                await tasks.insert({"n": n})
            with pytest.raises(LimitExceeded, match="view_rows"):
                await anext(live)
            assert small.rows[0]["n"] == 0
        with pytest.raises(LimitExceeded, match="view_rows"):
            async with database.live(BY_N):
                pass


async def test_changes_while_a_view_is_filled(database) -> None:
    async with database.transaction() as tx:
        for n in range(4_000):
            tx["tasks"].insert({"n": n}, key=f"t{n}")
    await database.query(BY_N.limit(1))
    tasks = await database.collection("tasks")
    opening = await pending(database.views.watch(BY_N))
    subscribing = asyncio.ensure_future(database.views.watch(BY_N.where(F.n >= 0)))
    for n in range(8):
        await tasks.delete(f"t{n * 500}")
        await tasks.update(f"t{n * 500 + 1}", n=-n)
        await tasks.insert({"n": n}, key=f"x{n}")
    rows = [change.row for change in (await (await subscribing).pull()).changes]
    assert rows == await database.query(BY_N.where(F.n >= 0))
    rows = [change.row for change in (await (await opening).pull()).changes]
    assert rows == await database.query(BY_N)


async def test_a_yjs_client_s_edits_are_live(database, yjs) -> None:
    ann = await yjs("tasks")
    async with database.live(BY_N) as live:
        ann.doc.get("records", type=Map)["t1"] = Map({"n": 1})
        await ann.send()
        assert [change.row for change in (await anext(live)).changes] == [{"n": 1, "_key": "t1"}]


async def test_counting_nothing(database) -> None:
    async with database.live(BY_N.count()) as live:
        assert live.rows == await database.query(BY_N.count()) == [{"count": 0}]


# indexes


async def test_indexes_are_declared_for_good_and_used(tmp_path) -> None:
    mine = Query("tasks").where(F.owner == "u7").order_by("n")
    async with pb.open(f"file:{tmp_path}") as db:
        tasks = await db.collection("tasks", Task)
        async with db.transaction() as tx:
            for n in range(2_000):
                tx["tasks"].insert({"n": n, "owner": f"u{n % 100}", "done": n % 2 == 0}, key=f"t{n}")
        assert await tasks.indexes() == [("done", "n"), ("owner",)]
        assert "index on owner" in str(await db.explain(mine))
        found = await db.query(mine)
    async with pb.open(f"file:{tmp_path}") as db:
        assert "index on owner" in str(await db.explain(mine))
        assert [row["n"] for row in await db.query(mine)] == [task.n for task in found]
        latest = Query("tasks").where(F.done == False).order_by("-n").limit(3)  # noqa: E712
        assert "index on done, n" in str(await db.explain(latest))
        await (await db.collection("tasks")).drop_index("owner")
        assert "scan" in str(await db.explain(mine))


async def test_an_index_is_built_while_others_write(database) -> None:
    async with database.transaction() as tx:
        for n in range(3_000):
            tx["tasks"].insert({"n": n % 10}, key=f"t{n}")
    tasks = await database.collection("tasks")
    building = asyncio.ensure_future(tasks.index("n"))
    for n in range(0, 3_000, 300):
        await tasks.update(f"t{n}", n=77)
        await tasks.delete(f"t{n + 1}")
    await building
    rows = await database.query(Query("tasks").where(F.n == 77))
    assert "index" in str(await database.explain(Query("tasks").where(F.n == 77)))
    assert len(rows) == 10


async def test_declaring_in_a_transaction_and_what_is_no_index(database) -> None:
    async with database.transaction() as tx:
        tx["tasks"].index("address.city")
        tx["tasks"].insert({"address": {"city": "x"}}, key="t1")
    tasks = await database.collection("tasks")
    assert await tasks.indexes() == [("address.city",)]
    for fields in ((), ("",), ("a", "a"), tuple("abcdefghi"), ("a..b",)):
        with pytest.raises(ValidationError, match="index"):
            await tasks.index(*fields)
    with pytest.raises(ValidationError, match="did you mean 'owner'"):

        class Wrong(pb.Atom):
            __indexes__: ClassVar = ("ownr",)
            owner: str = ""


async def test_whatever_a_yjs_client_declares(database, yjs) -> None:
    ann = await yjs("tasks")
    registry = ann.doc.get("protobase:structures", type=Map)
    with ann.doc.transaction():
        registry["protobase:indexes"] = "dict"
        declared = ann.doc.get("protobase:indexes", type=Map)
        for text in ('["n"]', "[", "7", "[]", "[7]", '[""]', '["a","a"]', '["_key"]'):
            declared[text] = True
        for n in range(100):
            declared[f'["f{n}"]'] = True
    await ann.send()
    tasks = await database.collection("tasks")
    await tasks.insert({"n": 1}, key="t1")
    assert await database.query(Query("tasks").where(F.n == 1).select("_key")) == [{"_key": "t1"}]
    await tasks.update("t1", n=2)
    assert await database.query(Query("tasks").where(F.n == 2).select("_key")) == [{"_key": "t1"}]


async def test_queries_at_random_moments_see_every_acknowledged_write(database) -> None:
    random = Random(5)
    tasks = await database.collection("tasks")
    known: dict[str, int] = {}
    async with database.live(BY_N) as live:
        for _ in range(100):
            key = f"t{random.randrange(10)}"
            if key in known and random.random() < 0.3:
                await tasks.delete(key)
                del known[key]
            else:
                known[key] = random.randrange(5)
                await tasks.put({"n": known[key]}, key=key)
            expected = [{"n": n, "_key": key} for n, key in sorted((n, key) for key, n in known.items())]
            assert live.rows == expected
            assert await database.query(BY_N) == expected
