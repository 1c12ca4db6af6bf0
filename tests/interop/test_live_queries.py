"""A JavaScript client, written from docs/protocol.md on a bare WebSocket, asks queries and watches one."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import protobase_live as pb
from protobase_live import F
from protobase_live.handles import Collection

SCRIPT = Path(__file__).with_name("live_query.mjs")
SECONDS = 60.0

QUERY = pb.Query("tasks").where(~(F.done == True)).order_by("-priority").select("_key", "priority")  # noqa: E712


class Browser:
    """The Node process: each method of its client answers with what JSON says."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def __call__(self, verb: str, *args: object) -> object:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([verb, *args]).encode() + b"\n")
        async with asyncio.timeout(SECONDS):
            return json.loads(await self._process.stdout.readline())


@pytest.fixture
async def database() -> AsyncIterator[pb.Database]:
    async with pb.open("memory:") as database:
        yield database


@pytest.fixture
async def browser(database: pb.Database) -> AsyncIterator[Browser]:
    pipe = asyncio.subprocess.PIPE
    async with pb.Server(database, port=0) as server:
        url = server.url.replace("http", "ws") + "/live"
        process = await asyncio.create_subprocess_exec("node", str(SCRIPT), url, stdin=pipe, stdout=pipe)
        try:
            yield Browser(process)
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()


@pytest.fixture
async def tasks(database: pb.Database) -> Collection:
    tasks = await database.collection("tasks")
    for number in range(1, 4):
        await tasks.insert({"priority": number, "done": False}, key=f"t{number}")
    return tasks


def rows(**priorities: int) -> list[dict[str, object]]:
    return [{"_key": key, "priority": priority} for key, priority in priorities.items()]


async def test_queries(browser: Browser, tasks: Collection):
    limits = await browser("connect")
    assert isinstance(limits, dict)
    assert limits["difference"] > 0
    assert await browser("query", QUERY.limit(2).to_json()) == rows(t3=3, t2=2)
    refused = await browser("query", {"from": "tasks", "steps": [{"wher": True}]})
    assert "validation_error" in str(refused)
    assert "where" in str(refused)


async def test_a_live_query(browser: Browser, tasks: Collection, database: pb.Database):
    await browser("connect")
    await browser("watch", QUERY.to_json())
    first = {"reset": True, "kinds": ["insert"], "rows": rows(t3=3, t2=2, t1=1)}
    assert await browser("difference") == first

    async with database.transaction() as tx:
        tx["tasks"].update("t1", priority=9)
        tx["tasks"].update("t3", done=True)
        tx["tasks"].insert({"priority": 5}, key="t4")
    second = await browser("difference")
    assert isinstance(second, dict)
    assert (second["reset"], second["rows"]) == (False, rows(t1=9, t4=5, t2=2))

    await browser("disconnect")
    await tasks.delete("t4")
    await tasks.update("t2", priority=10)
    await browser("connect")
    await browser("watch", QUERY.to_json())
    third = await browser("difference")
    assert isinstance(third, dict)
    assert (third["reset"], third["rows"]) == (False, rows(t2=10, t1=9))


async def test_a_large_result_comes_in_parts(browser: Browser, tasks: Collection, database: pb.Database):
    async with database.transaction() as tx:
        for number in range(1000):
            tx["tasks"].insert({"priority": -number}, key=f"n{number:04}")
    await browser("connect")
    await browser("watch", QUERY.to_json())
    found = await browser("difference")
    assert isinstance(found, dict)
    assert found["rows"] == await database.query(QUERY)
    assert len(found["rows"]) == 1003
