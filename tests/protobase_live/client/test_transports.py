"""What a client does, over WebSockets and over HTTP alike, with a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

import protobase_live as pb
from protobase_live.client.ways import Way
from protobase_live.handles.presence import Presence
from protobase_live.protocol.live.codec import CODECS
from protobase_live.protocol.live.limits import LiveLimits
from protobase_live.server.server import Server
from tests.support.http_proxy import HttpProxy

QUERY = pb.Query("tasks").order_by("_key")
SOON = pb.ClientLimits(backoff_seconds=0.01)

pytestmark = pytest.mark.parametrize("transport", ["websocket", "http"])


@pytest.fixture
async def database() -> AsyncIterator[pb.Database]:
    async with pb.open("memory:") as database:
        yield database


@pytest.fixture
async def server(database: pb.Database) -> AsyncIterator[Server]:
    async with Server(database, port=0, live_limits=LiveLimits(answer_bytes=100_000)) as server:
        yield server


@pytest.fixture
async def proxy(server: Server) -> AsyncIterator[HttpProxy]:
    async with HttpProxy(server.port) as proxy, asyncio.timeout(60):
        yield proxy


@pytest.fixture
async def db(proxy: HttpProxy, transport: Way) -> AsyncIterator[pb.RemoteDatabase]:
    async with pb.connect(f"ws://127.0.0.1:{proxy.port}/live", transport=transport, limits=SOON) as db:
        yield db


@pytest.mark.parametrize("subprotocol", CODECS)
async def test_values_of_all_kinds(server: Server, transport, subprotocol: str) -> None:
    async with pb.connect(server.url, transport=transport, subprotocol=subprotocol) as db:
        tasks = await db.collection("tasks")
        fields = {"text": "ä\n\u2028", "bytes": bytes(range(256)), "big": 2**70, "list": [None, True, 1.5]}
        await tasks.insert(fields, key="t1")
        assert await tasks.get("t1") == fields


async def test_transactions(db: pb.RemoteDatabase) -> None:
    async with db.transaction() as tx:
        tx["tasks"].insert({"title": "a"}, key="a")
        tx["audit"].insert({"what": "added a"}, key="1")
    assert await (await db.collection("audit")).get("1") == {"what": "added a"}
    tasks = await db.collection("tasks")
    with pytest.raises(pb.RecordExists):
        await tasks.insert({}, key="a")

    async def count(tx: pb.Transaction) -> None:
        found = await tx["counts"].get("n") or {"n": 0}
        tx["counts"].put({"n": found["n"] + 1}, key="n")

    await asyncio.gather(*(db.transact(count) for _ in range(5)))
    assert await (await db.collection("counts")).get("n") == {"n": 5}


async def test_many_calls_at_once(db: pb.RemoteDatabase) -> None:
    tasks = await db.collection("tasks")
    await asyncio.gather(*(tasks.insert({"n": n}, key=f"{n:03}") for n in range(300)))
    found = await asyncio.gather(*(tasks.get(f"{n:03}") for n in range(300)))
    assert [each["n"] for each in found] == list(range(300))


async def test_long_answers_and_long_requests(db: pb.RemoteDatabase) -> None:
    tasks = await db.collection("tasks")
    async with db.transaction() as tx:
        for n in range(40):
            tx["tasks"].insert({"text": "x" * 20_000}, key=str(n))
    assert len(await tasks.keys()) == 40
    assert sum([len(row["text"]) for row in await db.query(QUERY)]) == 40 * 20_000


async def test_streams_and_live_queries_go_on_after_a_cut(
    db: pb.RemoteDatabase, proxy: HttpProxy, database: pb.Database
) -> None:
    tasks, here = await db.collection("tasks"), await database.collection("tasks")
    async with tasks.changes() as changes, db.live(QUERY) as live:
        told = list[str]()
        for key in "abcdef":
            await here.insert({}, key=key)
            if key in "bd":
                proxy.cut()
            if key in "ace":
                told.append((await anext(changes)).key)
        while len(told) < 6:
            told.append((await anext(changes)).key)
        assert told == [*"abcdef"]
        while [row["_key"] for row in live.rows] != [*"abcdef"]:
            await anext(live)


async def test_presence_goes_on_after_a_cut(db: pb.RemoteDatabase, proxy: HttpProxy, server: Server) -> None:
    async with (
        pb.connect(server.url, limits=SOON) as other,
        (await other.collection("tasks")).presence({"name": "bob"}) as seen,
        (await db.collection("tasks")).presence({"name": "ann"}) as mine,
    ):
        await until(seen, lambda: {"name": "ann"} in seen.states.values())
        await until(mine, lambda: {"name": "bob"} in mine.states.values())
        proxy.cut()
        await mine.set({"name": "ann", "back": True})
        await until(seen, lambda: {"name": "ann", "back": True} in seen.states.values())
        assert len(seen.states) == 2


async def test_who_leaves_is_gone(db: pb.RemoteDatabase, server: Server, transport) -> None:
    async with (await db.collection("tasks")).presence({"name": "bob"}) as seen:
        async with (
            pb.connect(server.url, transport=transport) as other,
            (await other.collection("tasks")).presence({"name": "ann"}),
        ):
            await until(seen, lambda: {"name": "ann"} in seen.states.values())
            assert server.sessions == 2
        await until(seen, lambda: {"name": "ann"} not in seen.states.values())


async def test_another_server_takes_the_place_of_one_that_stops(transport) -> None:
    async with (
        pb.open("memory:") as database,
        Server(database, port=0) as one,
        Server(database, port=0) as two,
        asyncio.timeout(60),
        pb.connect([one.url, two.url], transport=transport, limits=SOON) as db,
    ):
        tasks = await db.collection("tasks")
        async with tasks.changes() as changes:
            await tasks.insert({}, key="a")
            first, second = (one, two) if one.sessions else (two, one)
            await first.close()
            await tasks.insert({}, key="b")
            assert [(await anext(changes)).key for _ in range(2)] == ["a", "b"]
            assert second.sessions == 1


async def until(presence: Presence, holds) -> None:
    if not holds():
        async for _ in presence:
            if holds():
                return
