"""A database belongs to one event loop; from another one nothing is done with it."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

import protobase_live as pb
from protobase_live.errors import ValidationError


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


@pytest.mark.parametrize("remote", [False, True])
async def test_another_loop_is_refused_before_anything_is_done(remote: bool) -> None:
    async with (
        pb.open("memory:") as local,
        pb.Server(local, port=0) as server,
        pb.connect(server.url) as connected,
    ):
        db = connected if remote else local
        tasks = await db.collection("tasks")
        await tasks.put({"n": 0}, key="x")

        async def joint(tx: pb.Transaction) -> None:
            tx["tasks"].put({"n": 2}, key="x")
            tx["audit"].put({"n": 2}, key="x")

        for work in (
            lambda: tasks.put({"n": 1}, key="x"),
            lambda: db.transact(joint),
            lambda: tasks.get("x"),
            lambda: tasks.changes().__aenter__(),
        ):
            (error,) = await elsewhere(lambda work=work: as_coroutine(work))
            assert isinstance(error, ValidationError)
            assert "run_coroutine_threadsafe" in str(error)
        assert await tasks.items() == {"x": {"n": 0}}


async def as_coroutine(work: Callable[[], Any]) -> object:
    return await work()


async def test_a_coroutine_that_is_handed_over_works() -> None:
    async with pb.open("memory:") as db:
        tasks, loop = await db.collection("tasks"), asyncio.get_running_loop()

        async def put() -> None:
            await tasks.put({"n": 1}, key="x")

        await asyncio.to_thread(lambda: asyncio.run_coroutine_threadsafe(put(), loop).result())
        assert await tasks.get("x") == {"n": 1}
