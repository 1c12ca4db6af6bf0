"""A database belongs to one event loop; from another one nothing is done with it."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

import protobase_live as pb
from protobase_live.database.database import Database
from protobase_live.errors import ValidationError
from protobase_storage import MemoryStorage


async def elsewhere(work: Callable[[], Coroutine[Any, Any, object]]) -> list[BaseException]:
    """Run ``work`` in an event loop of another thread; what it raised."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(work())
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    await asyncio.to_thread(thread.join)
    return raised


def test_a_loop_may_go_on_in_another_thread() -> None:
    loop = asyncio.new_event_loop()

    async def begin() -> tuple[Database, pb.Live]:
        db = await pb.open("memory:")
        live = db.live("tasks")
        await live.__aenter__()
        return db, live

    db, live = loop.run_until_complete(begin())
    rows: list[list[pb.Row]] = []

    async def go_on() -> None:
        rows.append(live.rows)
        await live.__aexit__(None, None, None)
        await db.close()

    thread = threading.Thread(target=lambda: loop.run_until_complete(go_on()))
    thread.start()
    thread.join()
    loop.close()
    assert rows == [[]]


@asynccontextmanager
async def a_task(remote: bool) -> AsyncIterator[tuple[Database, Any, Any]]:
    """A database, itself or as its client has it if ``remote``, and a collection of that with one record."""
    async with (
        pb.open("memory:") as local,
        pb.Server(local, port=0) as server,
        pb.connect(server.url) as connected,
    ):
        db = connected if remote else local
        tasks = await db.collection("tasks")
        await tasks.put({"n": 0}, key="x")
        yield local, db, tasks


@pytest.mark.parametrize("remote", [False, True])
async def test_another_loop_is_refused_before_anything_is_done(remote: bool) -> None:
    async with a_task(remote) as (_, db, tasks):
        stored = await db.backup("tasks")

        async def joint(tx: pb.Transaction) -> None:
            tx["tasks"].put({"n": 2}, key="x")
            tx["audit"].put({"n": 2}, key="x")

        for work in (
            lambda: tasks.put({"n": 1}, key="x"),
            lambda: db.transact(joint),
            lambda: tasks.get("x"),
            lambda: tasks.changes().__aenter__(),
            lambda: tasks.presence({"name": "ann"}).__aenter__(),
            lambda: db.live("tasks").__aenter__(),
            db.collections,
            db.cluster_status,
            lambda: db.drop("tasks"),
            lambda: db.erase("tasks"),
            lambda: db.backup("tasks"),
            lambda: db.restore("others", stored),
            lambda: db.state_hash("tasks"),
            db.close,
        ):
            await is_refused_elsewhere(work)
        async with tasks.presence() as presence:
            assert presence.states == {}
        assert [each.name for each in await db.collections()] == ["tasks"]
        assert await tasks.items() == {"x": {"n": 0}}


@pytest.mark.parametrize("remote", [False, True])
async def test_what_needs_no_collection_any_more_is_refused_too(remote: bool) -> None:
    """What is open already, and queries of what they have in memory."""
    async with a_task(remote) as (local, db, tasks):
        await db.query("tasks")
        changes, live, presence = tasks.changes(), db.live("tasks"), tasks.presence({"name": "ann"})

        async def rows() -> object:
            return live.rows

        async def cursor() -> object:
            return live.cursor

        async with changes, live, presence:
            for work in (
                lambda: db.query("tasks"),
                lambda: db.explain("tasks"),
                lambda: db.live("tasks").__aenter__(),
                rows,
                cursor,
                lambda: anext(changes),
                lambda: anext(live),
                lambda: anext(presence),
                lambda: presence.set({"name": "bob"}),
                lambda: changes.__aexit__(None, None, None),
                lambda: live.__aexit__(None, None, None),
                lambda: presence.__aexit__(None, None, None),
                pb.Server(local, port=0).__aenter__,
            ):
                await is_refused_elsewhere(work)
            with pytest.raises(ValidationError, match="another event loop"):
                await asyncio.to_thread(lambda: live.rows)
            await tasks.put({"n": 1}, key="x")
            assert (await asyncio.wait_for(anext(changes), 5)).after == {"n": 1}
            await asyncio.wait_for(anext(live), 5)
            assert [row["n"] for row in live.rows] == [1]
            assert list(presence.states.values()) == [{"name": "ann"}]


def test_the_rows_of_a_live_query_are_read_while_its_loop_rests() -> None:
    """As a notebook does, or a program that is no coroutine."""
    with asyncio.Runner() as runner:
        db = Database(MemoryStorage())
        live = db.live("tasks")
        runner.run(live.__aenter__())
        assert live.rows == []
        runner.run(live.__aexit__(None, None, None))
        runner.run(db.close())


async def is_refused_elsewhere(work: Callable[[], Any]) -> None:
    (error,) = await elsewhere(lambda: as_coroutine(work))
    assert isinstance(error, ValidationError)
    assert "run_coroutine_threadsafe" in str(error)


async def test_a_database_that_is_entered_belongs_to_that_loop() -> None:
    async with Database(MemoryStorage()) as db:
        await is_refused_elsewhere(db.collections)
        await is_refused_elsewhere(db.__aenter__)


async def test_nothing_is_said_to_a_collection_from_another_loop() -> None:
    """In debug mode a loop notices, and whoever the message was to wake would wait for ever."""
    asyncio.get_running_loop().set_debug(True)
    async with pb.open("memory:") as db:
        tasks = await db.collection("tasks")
        await tasks.put({"n": 0}, key="x")
        await is_refused_elsewhere(lambda: tasks.changes().__aenter__())
        async with tasks.changes() as changes:
            for use in (lambda: changes.batch(1), lambda: changes.__aexit__(None, None, None)):
                await is_refused_elsewhere(use)
            await tasks.put({"n": 1}, key="x")
            assert (await asyncio.wait_for(anext(changes), 5.0)).after == {"n": 1}
        assert await asyncio.wait_for(tasks.count(), 5.0) == 1


async def as_coroutine(work: Callable[[], Any]) -> object:
    return await work()


async def test_a_coroutine_that_is_handed_over_works() -> None:
    async with pb.open("memory:") as db:
        tasks, loop = await db.collection("tasks"), asyncio.get_running_loop()

        async def put() -> None:
            await tasks.put({"n": 1}, key="x")

        await asyncio.to_thread(lambda: asyncio.run_coroutine_threadsafe(put(), loop).result())
        assert await tasks.get("x") == {"n": 1}
