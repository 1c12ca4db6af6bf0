"""The server's paths, on a real loopback port."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import nullcontext
from functools import partial
from typing import cast

import pytest
from pycrdt import Doc, Text
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from protobase_actors import ManualClock
from protobase_live.client import connect as connect_live
from protobase_live.collection.limits import Limits
from protobase_live.collection.messages import LARGE_UPDATE_BYTES
from protobase_live.database.database import Database
from protobase_live.errors import Closed, Forbidden, RecordExists, Unauthorized, Unavailable
from protobase_live.protocol.live.client_messages import Hello
from protobase_live.protocol.live.codec import MsgpackCodec
from protobase_live.protocol.live.messages import encode
from protobase_live.protocol.yjs import messages as yjs
from protobase_live.server.authentication import Identity
from protobase_live.server.limits import ServerLimits
from protobase_live.server.server import Server
from protobase_storage import MemoryStorage, StorageFull
from tests.support.figures import parsed

NOTHING = b"\x00"

LIVE = [Subprotocol("protobase-live.v1.msgpack")]


def only_ann(token: str | None) -> str:
    if token != "ann's":
        raise Unauthorized("the token is not known; ask the operator for one")
    return "ann"


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    async with Database(MemoryStorage()) as database:
        yield database


@pytest.fixture
async def server(database: Database) -> AsyncIterator[Server]:
    async with Server(database, port=0) as server:
        yield server


async def get(server: Server, path: str) -> tuple[int, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    return int(head.split()[1]), body


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/healthz", 200, "ok"),
        ("/readyz", 200, "ready"),
        ("/", 200, "/yjs/<collection>"),
        ("/metrics", 200, "protobase_sessions 0"),
        ("/nowhere", 404, "no door at /nowhere"),
    ],
)
async def test_plain_http(server: Server, path: str, status: int, said: str) -> None:
    found, body = await get(server, path)
    assert found == status
    assert said in body


async def test_figures_count(server: Server, database: Database) -> None:
    await (await database.collection("tasks")).insert({})
    _, body = await get(server, "/metrics")
    figures = parsed(body)
    assert figures["protobase_collections_loaded"] == 1
    assert figures["protobase_storage_commits_total"] == 1


async def figures_of(server: Server) -> dict[str, float]:
    _, body = await get(server, "/metrics")
    return parsed(body)


async def test_counters_do_not_fall_when_a_collection_leaves_the_memory() -> None:
    clock = ManualClock()
    async with Database(MemoryStorage(), clock=clock) as database, Server(database, port=0) as server:
        await (await database.collection("tasks")).insert({})
        before = await figures_of(server)
        await clock.advance(3 * Limits().idle_seconds)
        after = await figures_of(server)
    assert (before["protobase_collections_loaded"], after["protobase_collections_loaded"]) == (1, 0)
    assert after["protobase_turns_total"] >= before["protobase_turns_total"] > 0
    assert after["protobase_turn_messages_total"] >= before["protobase_turn_messages_total"] > 0


async def test_requests_errors_and_refusals_are_counted(server: Server) -> None:
    assert await closed_with(f"ws://127.0.0.1:{server.port}/yjs/a//b") == 4404
    async with connect_live(f"ws://127.0.0.1:{server.port}/live") as remote:
        tasks = await remote.collection("tasks")
        await tasks.insert({}, key="k")
        with pytest.raises(RecordExists):
            await tasks.insert({}, key="k")
    figures = await figures_of(server)
    assert figures['protobase_closes_total{code="4404"}'] == 1
    assert figures['protobase_connections_total{door="yjs"}'] == 1
    assert figures['protobase_requests_total{type="commit"}'] == 2
    assert figures['protobase_errors_total{code="record_exists"}'] == 1
    assert figures["protobase_request_seconds_count"] == 2
    assert figures['protobase_received_bytes_total{door="live"}'] > 100
    assert figures['protobase_sent_bytes_total{door="live"}'] > 50


async def test_sessions_are_counted_by_door_while_they_last(server: Server) -> None:
    async with connect(f"ws://127.0.0.1:{server.port}/yjs/tasks") as client:
        await client.recv()
        assert server._counters.sessions == {"yjs": 1}
    await server.close()
    assert server._counters.sessions == {"yjs": 0}


async def test_readiness_tells_the_truth(database: Database) -> None:
    async with Server(database, port=0) as server:
        assert await get(server, "/readyz") == (200, "ready\n")
        failed = asyncio.get_running_loop().create_future()
        failed.set_exception(StorageFull("no room left"))
        database.health.note(failed)
        assert await get(server, "/readyz") == (503, "not ready: the storage fails: no room left\n")
        assert (await get(server, "/healthz"))[0] == 200


async def test_one_line_for_each_refusal_and_none_for_others(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "protobase_live")
    async with connect(f"ws://127.0.0.1:{server.port}/yjs/tasks?token=secret") as client:
        await client.recv()
    assert await closed_with(f"ws://127.0.0.1:{server.port}/yjs/a//b?token=secret") == 4404
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"nonsense\r\n\r\n")
    await writer.drain()
    writer.close()
    await get(server, "/healthz")
    (record,) = [each for each in caplog.records if each.name.startswith("protobase_live")]
    assert (record.event, record.code) == ("connection_closed", 4404)  # type: ignore[attr-defined]
    assert "'/yjs/a//b': 4404" in record.getMessage()
    assert "secret" not in caplog.text


async def closed_with(url: str) -> int | None:
    async with connect(url) as client:
        await client.wait_closed()
        return client.close_code


@pytest.mark.parametrize("name", ["a//b", "", "%FF", "..", "a" * 600])
async def test_a_name_that_is_none(server: Server, name: str) -> None:
    assert await closed_with(f"ws://127.0.0.1:{server.port}/yjs/{name}") == 4404


async def test_a_token_that_is_not_accepted(database: Database) -> None:
    async with Server(database, port=0, authenticate=only_ann) as server:
        url = f"ws://127.0.0.1:{server.port}/yjs/tasks"
        assert await closed_with(url) == 4401
        assert await closed_with(f"{url}?token=bob's") == 4401
        async with connect(f"{url}?token=ann's") as client:
            assert yjs.decode(await client.recv()) == yjs.SyncStep1(NOTHING)


async def async_only_ann(token: str | None) -> str:
    return only_ann(token)


async def test_authenticate_may_be_async(database: Database) -> None:
    async with Server(database, port=0, authenticate=async_only_ann) as server:
        yjs_url, live = f"ws://127.0.0.1:{server.port}/yjs/tasks", f"ws://127.0.0.1:{server.port}/live"
        assert await closed_with(f"{yjs_url}?token=bob's") == 4401
        with pytest.raises(Unauthorized, match="the token is not known"):
            await connect_live(live, token="bob's").__aenter__()
        async with connect(f"{yjs_url}?token=ann's"), connect_live(live, token="ann's") as remote:
            assert await (await remote.collection("tasks")).count() == 0


def is_down(token: str | None) -> str:
    raise Unavailable(f"the directory is down, who is {token}?")


async def test_who_cannot_be_asked_about_now_is_to_come_back(database: Database, caplog) -> None:
    caplog.set_level("DEBUG")
    async with Server(database, port=0, authenticate=is_down) as server:
        address = f"ws://127.0.0.1:{server.port}"
        async with connect(f"{address}/yjs/tasks?token=s3cr3t-marker") as client:
            await client.wait_closed()
            assert client.close_code == 1013
            assert "s3cr3t" not in (client.close_reason or "")
        async with connect(f"{address}/live", subprotocols=LIVE) as client:
            await client.send(encode(Hello("s3cr3t-marker"), MsgpackCodec()))
            await client.wait_closed()
            assert client.close_code == 1013
            assert "s3cr3t" not in (client.close_reason or "")
    own = [each.getMessage() for each in caplog.records if each.name.startswith("protobase_live")]
    assert any("is down" in each for each in own)
    assert not any("s3cr3t" in each for each in own)


async def test_only_an_author_lets_in(database: Database) -> None:
    async with Server(database, port=0, authenticate=lambda token: cast(str, False)) as server:
        assert await closed_with(f"ws://127.0.0.1:{server.port}/yjs/tasks") == 4401
        with pytest.raises(Unauthorized):
            await connect_live(f"ws://127.0.0.1:{server.port}/live").__aenter__()


@pytest.mark.parametrize("path", ["/yjs/tasks", "/live"])
async def test_pages_of_other_origins_are_refused(database: Database, path: str) -> None:
    async with Server(database, port=0, origins=["https://app.example.com"]) as server:
        url = f"ws://127.0.0.1:{server.port}{path}"
        async with connect(url, origin=Origin("http://evil.example"), subprotocols=LIVE) as page:
            await page.wait_closed()
            assert page.close_code == 4403
            assert "--origin" in (page.close_reason or "")
        for own in ("https://app.example.com", "http://localhost:3000", None):
            async with connect(url, origin=own and Origin(own), subprotocols=LIVE) as page:
                await asyncio.wait_for(await page.ping(), 10)


async def test_one_session_too_many(database: Database) -> None:
    async with Server(database, port=0, limits=ServerLimits(sessions=1)) as server:
        url = f"ws://127.0.0.1:{server.port}/yjs/tasks"
        async with connect(url) as client:
            await client.recv()
            with pytest.raises(InvalidStatus, match="503"):
                await connect(url)


async def test_stopping_closes_with_1001(database: Database) -> None:
    async with Server(database, port=0) as server:
        client = await connect(f"ws://127.0.0.1:{server.port}/yjs/tasks")
        await client.recv()
    await client.wait_closed()
    assert client.close_code == 1001


async def test_a_server_is_started_once(database: Database) -> None:
    server = Server(database, port=0)
    async with server:
        with pytest.raises(Closed, match="started once"):
            await server.__aenter__()
        assert (await get(server, "/readyz"))[0] == 200, "it goes on"
    with pytest.raises(Closed, match="make another"):
        await server.__aenter__()


async def test_a_server_that_did_not_come_to_listen_may_be_started_again(database: Database) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = Server(database, port=taken.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            await server.__aenter__()
    async with server:
        assert (await get(server, "/readyz"))[0] == 200


async def test_a_message_in_pieces(server: Server, database: Database) -> None:
    async with connect(f"ws://127.0.0.1:{server.port}/yjs/tasks") as client:
        await client.recv()
        step1 = yjs.encode_step1(NOTHING)
        await client.send([step1[:1], step1[1:2], b"", step1[2:]])
        assert isinstance(yjs.decode(await client.recv()), yjs.SyncStep2)


async def test_the_first_subprotocol_of_a_yjs_client_is_chosen(server: Server):
    offered = [Subprotocol("auth-token-abc"), Subprotocol("other")]
    async with connect(f"ws://127.0.0.1:{server.port}/yjs/tasks", subprotocols=offered) as client:
        assert client.subprotocol == "auth-token-abc"


@pytest.mark.parametrize(("query", "hears"), [("?echo=1", True), ("?echo=0", False), ("", False)])
async def test_who_asks_for_the_echo_hears_what_it_wrote(server: Server, query: str, hears: bool):
    doc: Doc = Doc()
    doc.get("body", type=Text).insert(0, "hello")
    async with connect(f"ws://127.0.0.1:{server.port}/yjs/tasks{query}") as client:
        await client.send(yjs.encode_step1(NOTHING))
        while not isinstance(yjs.decode(await client.recv()), yjs.SyncStep2):
            pass
        await client.send(yjs.encode_update(doc.get_update()))
        await client.send(yjs.encode_sync_status(b"all"))
        heard = []
        while yjs.SyncStatus(b"all") not in heard:
            heard.append(yjs.decode(await client.recv()))
        assert (yjs.Update(doc.get_update()) in heard) == hears


@pytest.mark.parametrize(("query", "taken"), [("?import=1", True), ("?import=0", False), ("", False)])
@pytest.mark.parametrize("text", ["old", "old" * LARGE_UPDATE_BYTES])
async def test_who_imports_brings_what_was_deleted(
    server: Server, database: Database, query: str, taken: bool, text: str
):
    doc: Doc = Doc()
    doc.get("body", type=Text).insert(0, text)
    async with connect(f"ws://127.0.0.1:{server.port}/yjs/tasks") as client:
        await _brought(client, doc)
    await database.drop("tasks")
    async with connect(f"ws://127.0.0.1:{server.port}/yjs/tasks{query}") as client:
        with nullcontext() if taken else pytest.raises(ConnectionClosed, match=r"4410.*drop your copy of it"):
            await _brought(client, doc)
    assert await (await database.collection("tasks")).text("body").value() == (text if taken else "")


async def _brought(client: ClientConnection, doc: Doc) -> None:
    """Send all of a document, and wait until that is stored."""
    await client.send(yjs.encode_update(doc.get_update()))
    await client.send(yjs.encode_sync_status(b"all"))
    while yjs.decode(await client.recv()) != yjs.SyncStatus(b"all"):
        pass


async def test_a_yjs_client_that_may_only_read_is_told_so_and_reads_on(database: Database):
    doc: Doc = Doc()
    doc.get("body", type=Text).insert(0, "hello")
    everybody_reads = partial(Identity, read_only=True)
    async with Server(database, port=0, authenticate=everybody_reads) as server:
        async with connect(f"ws://127.0.0.1:{server.port}/yjs/tasks?token=ann") as client:
            assert yjs.decode(await client.recv()) == yjs.SyncStep1(NOTHING)
            await client.send(yjs.encode_step1(NOTHING))
            assert isinstance(yjs.decode(await client.recv()), yjs.SyncStep2)
            await client.send(yjs.encode_update(doc.get_update()))
            put_back, told = [yjs.decode(await client.recv()) for _ in range(2)]
            assert isinstance(put_back, yjs.Update)
            doc.apply_update(put_back.update)
            assert str(doc["body"]) == ""
            assert isinstance(told, yjs.PermissionDenied)
            assert told.reason == "you may read here, and not write"
            await (await database.collection("tasks")).put({"n": 1}, key="k")
            assert isinstance(yjs.decode(await client.recv()), yjs.Update | yjs.AwarenessUpdate)
        assert await (await database.collection("tasks")).text("body").value() == ""
        async with connect_live(f"ws://127.0.0.1:{server.port}/live", token="ann") as remote:
            tasks = await remote.collection("tasks")
            assert await tasks.keys() == ["k"]
            with pytest.raises(Forbidden, match="you may not write collection 'tasks'"):
                await tasks.put({"n": 2}, key="k")


async def test_a_message_may_be_as_long_as_a_document():
    limits = Limits(document_bytes=100_000)
    async with Database(MemoryStorage(), limits=limits) as database, Server(database, port=0) as server:
        client = await connect(f"ws://127.0.0.1:{server.port}/yjs/tasks")
        await client.send(yjs.encode_awareness(bytes(100_000)))
        await client.send(bytes(200_000))
        await client.wait_closed()
        assert client.close_code == 4413
        assert "at most 100016 bytes (message_bytes)" in client.close_reason


async def test_a_long_message_before_hello_is_not_read(server: Server):
    async with connect(f"ws://127.0.0.1:{server.port}/live", subprotocols=LIVE) as client:
        await client.send(bytes(200_000))
        await client.wait_closed()
        assert client.close_code == 4413
        assert client.close_reason == f"a message has at most {128 * 1024} bytes (hello_bytes)"


async def test_a_message_may_be_as_long_as_the_server_says(database: Database):
    async with Server(database, port=0, limits=ServerLimits(message_bytes=10)) as server:
        client = await connect(f"ws://127.0.0.1:{server.port}/yjs/tasks")
        await client.send(bytes(11))
        await client.wait_closed()
        assert client.close_code == 4413


class WatchedClock(ManualClock):
    """Tells how long somebody waits."""

    def __init__(self) -> None:
        super().__init__()
        self.sleeps: asyncio.Queue[float] = asyncio.Queue()

    async def sleep(self, seconds: float) -> None:
        self.sleeps.put_nowait(seconds)
        await super().sleep(seconds)


async def test_who_was_refused_waits_when_it_comes_back(database: Database):
    clock = WatchedClock()
    async with Server(database, port=0, clock=clock) as server, asyncio.timeout(30):
        url = f"ws://127.0.0.1:{server.port}/yjs"
        for seconds in (0, 1, 2):
            async with await connect_after(clock, seconds, f"{url}/tasks") as client:
                await client.send(b"\x00\x02\x05ab")
                await client.wait_closed()
                assert client.close_code == 4400
        async with connect(f"{url}/others"), connect(f"{url}/tasks?token=another"):
            pass
        async with await connect_after(clock, 4, f"{url}/tasks"):
            pass
        async with connect(f"{url}/tasks"):
            pass
        assert clock.sleeps.empty(), "after a good session nobody waits"


class FullStorage(MemoryStorage):
    """Stores nothing while it is full."""

    full = True

    def append(self, commits):
        if not self.full:
            return super().append(commits)
        failed = asyncio.get_running_loop().create_future()
        failed.set_exception(StorageFull("no room left"))
        return failed


def an_update(text: str) -> bytes:
    doc: Doc = Doc()
    doc.get("body", type=Text).insert(0, text)
    return yjs.encode_update(doc.get_update())


async def test_a_yjs_client_that_writes_while_nothing_can_be_stored_is_told_and_slowed() -> None:
    clock, storage = WatchedClock(), FullStorage()
    async with (
        Database(storage, clock=clock) as database,
        Server(database, port=0, clock=clock) as server,
        asyncio.timeout(30),
        connect(f"ws://127.0.0.1:{server.port}/yjs/tasks?token=reader") as reader,
    ):
        await reader.send(yjs.encode_step1(NOTHING))
        url = f"ws://127.0.0.1:{server.port}/yjs/tasks"
        for seconds in (0, 1, 2):
            async with await connect_after(clock, seconds, url) as client:
                await client.send(an_update("lost"))
                await client.wait_closed()
                assert client.close_code == 1013
                assert client.close_reason.startswith("collection 'tasks' is read-only for now")
        assert (await get(server, "/readyz"))[1] == "not ready: the storage fails: no room left\n"
        figures = await figures_of(server)
        assert figures["protobase_collections_read_only"] == figures["protobase_storage_failing"] == 1
        assert figures["protobase_restarts_total"] == 0
        storage.full = False
        async with await connect_after(clock, 4, url) as client:
            await client.send(an_update("kept"))
            while b"kept" not in await reader.recv():
                pass
        assert (await get(server, "/readyz"))[1] == "ready\n"
        figures = await figures_of(server)
        assert figures["protobase_collections_read_only"] == figures["protobase_storage_failing"] == 0


async def connect_after(clock: WatchedClock, seconds: float, url: str) -> ClientConnection:
    """A connection that is held for just so long."""
    dialing = asyncio.ensure_future(connect(url).__aenter__())
    if seconds:
        assert await clock.sleeps.get() == seconds
        assert not dialing.done()
        await clock.advance(seconds)
    return await dialing


async def test_a_client_that_is_silent_is_given_up(database: Database) -> None:
    clock = ManualClock()
    async with Server(database, port=0, clock=clock) as server:
        silent, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(
            b"GET /yjs/tasks HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        await silent.readuntil(b"\r\n\r\n")
        async with connect(f"ws://127.0.0.1:{server.port}/yjs/tasks", ping_interval=None) as lively:
            await lively.recv()
            await clock.advance(ServerLimits().ping_seconds)
            assert b"\x89\x00" in await silent.readuntil(b"\x89\x00")
            await lively.ping()  # so that it has certainly been heard
            await asyncio.wait_for(await lively.ping(), 10)
            await clock.advance(ServerLimits().ping_seconds)
            assert await silent.read() == b""
            await asyncio.wait_for(await lively.ping(), 10)
        writer.close()


async def test_a_yjs_client_whose_token_ended_is_to_come_back_with_another(database: Database) -> None:
    """Stock clients come back after any code but 4400 to 4499, with what their parameters are then."""
    clock = ManualClock(1000.0)
    end = clock.time() + 50

    def authenticate(token: str | None) -> Identity:
        return Identity(token, expires=end)

    async with Server(database, port=0, authenticate=authenticate, clock=clock) as server:
        url = server.url.replace("http", "ws") + "/yjs/notes?token=ann"
        async with connect(url) as client:
            await client.recv()
            await clock.advance(50.0)
            await client.wait_closed()
            assert client.close_code == 3000
        async with connect(url) as client:
            await client.wait_closed()
            assert (client.close_code, client.close_reason) == (4401, "the token has expired")


@pytest.mark.parametrize(
    ("query", "offered", "token", "chosen"),
    [
        ("", ["ann's"], "ann's", "ann's"),
        ("", ["protobase-token", "ann's"], "ann's", "protobase-token"),
        ("", ["protobase-token", "ann's", "more"], "ann's", "protobase-token"),
        ("?token=bob", ["ann's"], "bob", "ann's"),
        ("?token=bob", ["protobase-token", "ann's"], "bob", "protobase-token"),
        ("", ["protobase-token"], None, "protobase-token"),
        ("", ["one", "other"], None, "one"),
        ("", None, None, None),
    ],
)
async def test_a_yjs_client_may_say_its_token_as_a_subprotocol(
    database: Database, query, offered, token, chosen
) -> None:
    said: list[str | None] = []
    async with Server(database, port=0, authenticate=lambda each: said.append(each) or "ann") as server:
        url = f"ws://127.0.0.1:{server.port}/yjs/notes{query}"
        async with connect(url, subprotocols=offered) as client:
            await client.recv()
            assert client.subprotocol == chosen
    assert said == [token]
