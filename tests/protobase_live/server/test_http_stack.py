"""HTTP and WebSockets on one port."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from protobase_actors import ManualClock
from protobase_live.database.database import Database
from protobase_live.server.limits import ServerLimits
from protobase_live.server.server import Server
from protobase_storage import MemoryStorage

RECORD = "/api/v1/collections/tasks/records/t1"
UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@asynccontextmanager
async def serving(**limits: Any) -> AsyncIterator[Server]:
    async with (
        Database(MemoryStorage()) as database,
        Server(database, port=0, limits=ServerLimits(**limits)) as server,
    ):
        yield server


class Client:
    """A connection on which requests are sent one after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: str) -> None:
        self.writer.write(data.encode())

    async def answer(self) -> tuple[int, str]:
        """The status and the body of the next answer."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0] or 0)
        return int(head.split()[1]), (await self.reader.readexactly(length)).decode()

    async def ask(self, method: str, path: str, body: str = "") -> tuple[int, str]:
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}"
        self.send(f"{head}\r\n\r\n{body}")
        return await self.answer()


@asynccontextmanager
async def connected(server: Server) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    yield Client(reader, writer)
    writer.close()


async def test_requests_with_bodies_and_without_on_one_connection() -> None:
    async with serving() as server, connected(server) as client:
        assert (await client.ask("PUT", RECORD, '{"title": "a"}'))[0] == 200
        assert await client.ask("GET", RECORD) == (200, '{"title":"a"}')
        assert await client.ask("GET", "/healthz") == (200, "ok\n")
        assert (await client.ask("GET", "/readyz"))[0] == 200
        assert "protobase_sessions" in (await client.ask("GET", "/metrics"))[1]
        status, text = await client.ask("GET", "/nowhere")
        assert (status, "no door at /nowhere" in text) == (404, True)


async def test_answers_say_when_they_began() -> None:
    """By the server's clock: those of the REST door, of pages, of streams, and of what is no request."""
    clock = ManualClock(epoch=784_111_777.0)
    async with (
        Database(MemoryStorage()) as database,
        Server(database, port=0, clock=clock) as server,
        connected(server) as client,
    ):
        for begun in (RECORD, "/healthz", "/api/v1/collections/tasks/changes"):
            client.send(f"GET {begun} HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert await _dates(client) == ["Sun, 06 Nov 1994 08:49:37 GMT"]
        async with connected(server) as broken:
            await broken.ask("GET", RECORD)
            await clock.advance(2.0)
            broken.send("GET / HTTP/1.1\r\nno header\r\n\r\n")
            assert await _dates(broken) == ["Sun, 06 Nov 1994 08:49:39 GMT"]


async def _dates(client: Client) -> list[str]:
    """All of the next head; a body that has a length is passed over."""
    head = (await client.reader.readuntil(b"\r\n\r\n")).decode()
    named = [line.partition(": ")[::2] for line in head.splitlines()]
    length = next((int(value) for name, value in named if name.lower() == "content-length"), 0)
    await client.reader.readexactly(length)
    return [value for name, value in named if name.lower() == "date"]


async def test_a_connection_of_requests_becomes_a_websocket() -> None:
    """A proxy may ask for one on any connection that it has."""
    async with serving() as server, connected(server) as client:
        await client.ask("GET", RECORD)
        client.send(f"GET /yjs/tasks HTTP/1.1\r\nHost: localhost\r\n{UPGRADE}\r\n")
        assert (await client.answer())[0] == 101
        frame = await client.reader.readexactly(2)
        assert frame[0] == 0x82, "a binary frame: the server's sync step 1"


async def test_a_request_that_comes_byte_by_byte() -> None:
    async with serving() as server, connected(server) as client:
        for byte in "GET /api/v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n":
            client.send(byte)
            await client.writer.drain()
            await asyncio.sleep(0)
        status, body = await client.answer()
        assert (status, json.loads(body)["openapi"]) == (200, "3.1.0")


async def test_what_is_for_no_door_goes_the_way_it_went() -> None:
    async with serving() as server, connected(server) as client:
        client.send("GET /apis HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        status, text = await client.answer()
        assert (status, "no door at /apis" in text) == (404, True)


PAGES = ["/", "/healthz", "/readyz", "/metrics", "/nowhere"]


async def test_head_is_answered_as_get_without_a_body() -> None:
    """As the first request of a connection, and behind others."""
    async with serving() as server, connected(server) as both:
        for path in PAGES:
            async with connected(server) as first:
                first.send(f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                head = (await first.reader.read()).decode().lower()
            assert head.endswith("\r\n\r\n"), "no body"
            both.send(f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await both.reader.readuntil(b"\r\n\r\n")
            status, body = await both.ask("GET", path)
            assert int(head.split()[1]) == status
            if path != "/metrics":  # which counts
                assert f"content-length: {len(body)}\r\n" in head


async def test_requests_for_pages_that_come_at_once_are_all_answered() -> None:
    page = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
    async with serving() as server, connected(server) as client:
        client.send(f"{page}\r\n{page}X: y\r\n\r\n{page}Connection: close\r\n\r\n")
        answers = (await client.reader.read()).decode()
        assert answers.count("HTTP/1.1 200 ") == answers.count("ok\n") == 3


async def test_a_page_that_is_posted_to() -> None:
    async with serving() as server, connected(server) as client:
        client.send("POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody")
        head = (await client.reader.readuntil(b"\r\n\r\n")).decode().lower()
        assert (head.split()[1], "allow: get, head\r\n" in head) == ("405", True)
        assert await client.reader.readline() == b"/healthz is a page: ask for it with GET or HEAD\n"
        assert await client.ask("GET", "/healthz") == (200, "ok\n")
        assert (await client.ask("POST", "/nowhere", "body"))[0] == 404


async def test_a_request_to_a_door_for_websockets() -> None:
    """Also one that asks for a WebSocket by a method that cannot."""
    async with serving() as server:
        for extra in ("", UPGRADE):
            async with connected(server) as client:
                client.send(f"POST /yjs/tasks HTTP/1.1\r\nHost: localhost\r\n{extra}\r\n")
                assert await client.answer() == (426, "/yjs/tasks is a door for WebSockets\n")


async def test_a_target_that_is_a_whole_url() -> None:
    """Proxies write it so; the host in it counts."""
    async with serving() as server, connected(server) as client:
        for host, path, status in [
            ("localhost", "/healthz", 200),
            ("localhost", "", 200),
            ("LOCALHOST:80", RECORD, 404),
            ("elsewhere.example", RECORD, 403),
        ]:
            async with connected(server) as first:
                assert (await first.ask("GET", f"http://{host}{path}"))[0] == status
            assert (await client.ask("GET", f"HTTP://{host}{path}"))[0] == status
        client.send(f"GET http://localhost/yjs/tasks HTTP/1.1\r\nHost: other\r\n{UPGRADE}\r\n")
        assert (await client.answer())[0] == 101


@pytest.mark.parametrize(("path", "count"), [("/healthz", 1), (RECORD, 1), (RECORD, 3)])
async def test_a_client_that_has_said_all_is_answered(path: str, count: int) -> None:
    """As ``nc -N`` does: it ends its side behind its request, or behind several."""
    async with serving() as server:
        for _ in range(2):  # the first request is answered later, when the parser is there
            async with connected(server) as client:
                client.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n" * count)
                client.writer.write_eof()
                answers = (await client.reader.read()).decode()
            assert answers.count("HTTP/1.1") == count


async def test_a_stream_ends_with_its_client() -> None:
    async with serving() as server, connected(server) as stream:
        stream.send("GET /api/v1/collections/tasks/changes HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await stream.reader.readuntil(b"}\n\n\r\n")
        stream.writer.write_eof()
        assert await _end(stream) == b""


@pytest.mark.parametrize(
    "path", ["/api/v1/collections/tasks/changes", "/live/events?subprotocol=protobase-live.v1.json"]
)
async def test_a_stream_to_a_client_that_has_said_all_ends(path: str) -> None:
    async with serving() as server, connected(server) as stream:
        stream.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
        stream.writer.write_eof()
        assert b"\r\n0\r\n" not in await _end(stream)  # as it does in the middle of one


async def test_half_a_request_ends_with_its_client() -> None:
    async with serving() as server:
        for half in (HALF.replace("nowhere", "query"), "GET /healthz HTTP/1.1\r\n", "GE"):
            async with connected(server) as client:
                client.send(half)
                client.writer.write_eof()
                assert await _end(client) == b""


async def test_a_websocket_for_the_rest_door_is_answered_as_a_request() -> None:
    async with serving() as server, connected(server) as client:
        client.send(f"GET {RECORD} HTTP/1.1\r\nHost: localhost\r\n{UPGRADE}\r\n")
        assert (await client.answer())[0] == 404


@pytest.mark.parametrize("end", ["", "\r\n\r\n"])
async def test_a_head_that_is_too_long(end: str) -> None:
    async with serving(http_head_bytes=1_000) as server, connected(server) as client:
        client.send(f"GET {RECORD} HTTP/1.1\r\nHost: localhost\r\nX: {'x' * 1_000}{end}")
        status, body = await client.answer()
        assert (status, json.loads(body)["error"]["type"]) == (431, "ProtocolError")
        assert await client.reader.read() == b""
        assert server._counters.refusals["431"] == 1


async def test_a_head_that_does_not_end() -> None:
    """Neither at the beginning of a connection nor behind a request."""
    async with serving(handshake_seconds=0.05) as server:
        for before in ("", f"GET {RECORD} HTTP/1.1\r\nHost: localhost\r\n\r\n"):
            async with connected(server) as client:
                if before:
                    client.send(before)
                    await client.answer()
                client.send(f"GET {RECORD} HTTP/1.1\r\nHost: ")
                with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                    await client.answer()


async def test_a_request_whose_end_can_be_read_in_two_ways() -> None:
    """A proxy that reads it in the other way lets a request pass that it has not seen."""
    async with serving() as server, connected(server) as client:
        both = "Content-Length: 60\r\nTransfer-Encoding: chunked"
        hidden = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
        client.send(f"POST /api/v1/query HTTP/1.1\r\nHost: localhost\r\n{both}\r\n\r\n0\r\n\r\n{hidden}")
        status, body = await client.answer()
        assert (status, json.loads(body)["error"]["type"]) == (400, "ProtocolError")
        assert await client.reader.read() == b""


HALF = "POST /api/v1/nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n"


async def test_the_rest_of_a_body_that_was_answered_already() -> None:
    """It is waited for, however little of it comes."""
    async with serving(handshake_seconds=0.05) as server, connected(server) as client:
        client.send(HALF)
        assert (await client.answer())[0] == 404
        client.send("x")
        assert await _end(client) == b""


@pytest.mark.parametrize("begun", ["", "x" * 1_500])
async def test_the_rest_of_a_body_that_is_too_long_is_thrown_away(begun: str) -> None:
    """Whoever sends all of it before he reads is answered, too."""
    async with serving(http_body_bytes=1_000) as server, connected(server) as client:
        client.send(f"PUT {RECORD} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000\r\n\r\n{begun}")
        assert (await client.answer())[0] == 413
        client.send("x" * (2_000 - len(begun)))
        assert await client.ask("GET", "/healthz") == (200, "ok\n")


async def test_so_it_is_where_the_client_wants_the_connection_closed() -> None:
    """It is closed when all was read: or whoever sends on is told of a reset alone."""
    head, length = f"PUT {RECORD} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", 20_000_000
    async with serving(http_body_bytes=1_000) as server, connected(server) as client:
        client.send(f"{head}Content-Length: {length}\r\n\r\n{'x' * length}")
        await client.writer.drain()
        assert (await client.answer())[0] == 413
        assert await client.reader.read() == b""


async def test_such_a_rest_is_not_waited_for_for_ever() -> None:
    async with serving(handshake_seconds=0.05) as server, connected(server) as client:
        client.send(HALF.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"))
        assert (await client.answer())[0] == 404
        assert await _end(client) == b""


async def test_a_connection_is_idle_behind_such_a_rest() -> None:
    async with serving(keep_alive_seconds=0.05) as server, connected(server) as client:
        client.send(HALF)
        assert (await client.answer())[0] == 404
        client.send("x" * 10)
        assert await _end(client) == b""


async def test_such_a_rest_that_is_broken(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as server, connected(server) as client:
        client.send(HALF.replace("Content-Length: 10", "Transfer-Encoding: chunked"))
        assert (await client.answer())[0] == 404
        client.send("no length\r\n")
        assert await _end(client) == b""
    assert not caplog.records


async def test_who_does_not_read_an_answer_is_cut_off() -> None:
    """Also when it is complete for the one who answers, and the connection closing: it takes memory."""
    limits = {"request_seconds": 0.2, "keep_alive_seconds": 0.05, "http_connections": 1}
    async with serving(**limits) as server, connected(server) as client:
        for number in range(9):
            path = f"/api/v1/collections/tasks/records/{number}"
            assert (await client.ask("PUT", path, json.dumps({"long": "x" * 900_000})))[0] == 200
        client.send("GET /api/v1/collections/tasks/records HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert await client.reader.readexactly(12) == b"HTTP/1.1 200"
        while (await _ask_once(server))[0] == 503:  # as long as there is the one that does not read
            pass


async def test_a_live_client_that_does_not_read_its_stream() -> None:
    """Its requests are not taken any more, and it is cut off."""
    async with (
        serving(request_seconds=0.3) as server,
        connected(server) as stream,
        connected(server) as posts,
    ):
        assert (await posts.ask("PUT", RECORD, json.dumps({"long": "x" * 900_000})))[0] == 200
        stream.send("GET /live/events?subprotocol=protobase-live.v1.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
        opened = await stream.reader.readuntil(b"}\n\n")
        id = json.loads(opened[opened.index(b"{") :])["connection"]

        async def post(number: int, message: dict[str, Any]) -> int:
            body, named = json.dumps(message), f"Protobase-Connection: {id}\r\nProtobase-Sequence: {number}"
            head = f"POST /live/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n{named}"
            posts.send(f"{head}\r\n\r\n{body}")
            return (await posts.answer())[0]

        assert await post(1, {"type": "hello", "version": 1, "token": None, "client": ""}) == 204
        get = ["records", ["records"], "get", ["t1"]]
        number, status = 1, 204
        while status == 204:
            number += 1
            status = await post(number, {"type": "read", "id": number, "collection": "tasks", "read": get})
        assert status in (404, 503)
        assert number < 200
        while server.sessions:
            await posts.ask("GET", "/healthz")


STEP_1 = bytes([0x82, 0x84, 0, 0, 0, 0, 0, 0, 1, 0])
"""A Yjs client's question for everything, as a frame."""


async def test_what_comes_behind_a_request_for_a_websocket() -> None:
    """Nothing of it is lost, and no timer of the requests ends the connection."""
    async with serving(handshake_seconds=0.05) as server, connected(server) as client:
        await client.ask("GET", RECORD)
        client.writer.write(f"GET /yjs/tasks HTTP/1.1\r\nHost: localhost\r\n{UPGRADE}\r\n".encode() + STEP_1)
        assert (await client.answer())[0] == 101
        await _everything(client)
        async with connected(server) as silent:  # which is given up later than a timer would end the other
            assert await silent.reader.read() == b""
        client.writer.write(STEP_1)
        await _everything(client)


async def _everything(client: Client) -> None:
    """Read until the answer to `STEP_1` has come."""
    kind = b""
    while kind != b"\x00\x01":
        _, length = await client.reader.readexactly(2)
        kind = (await client.reader.readexactly(length))[:2]


async def _end(client: Client) -> bytes:
    """What comes until the connection ends, in order or not."""
    try:
        return await client.reader.read()
    except ConnectionError:
        return b""


async def test_who_says_nothing_is_given_up() -> None:
    async with serving(handshake_seconds=0.05) as server, connected(server) as client:
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await client.answer()


async def test_a_connection_without_requests_is_given_up() -> None:
    async with serving(keep_alive_seconds=0.05) as server, connected(server) as client:
        await client.ask("GET", RECORD)
        assert await client.reader.read() == b""


async def test_one_connection_too_many(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(http_connections=1) as server, connected(server) as first:
        await first.ask("GET", RECORD)
        async with connected(server) as second:
            assert (await second.ask("GET", RECORD))[0] == 503
            assert await second.reader.read() == b""
        counted = server._counters
        assert (counted.refusals["503"], counted.limits["http_connections"]) == (1, 1)
        assert (await first.ask("GET", RECORD))[0] == 404
    assert not caplog.records


async def test_stopping_ends_streams_and_connections() -> None:
    async with serving() as server, connected(server) as stream, connected(server) as idle:
        stream.send("GET /api/v1/collections/tasks/changes HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"event: open" in await stream.reader.readuntil(b"}\n\n")
        await idle.ask("GET", RECORD)
        await server.close()
        assert (await stream.reader.read()).endswith(b"0\r\n\r\n")
        assert await idle.reader.read() == b""


async def test_the_parser_is_loaded_for_the_first_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many at once load it once, and nobody who goes away meanwhile is in the way."""
    async with serving() as server:
        async with connected(server) as gone:
            gone.send(f"GET {RECORD} HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answers = await asyncio.gather(*(_ask_once(server) for _ in range(5)))
        assert [status for status, _ in answers] == [404] * 5


async def _ask_once(server: Server) -> tuple[int, str]:
    async with connected(server) as client:
        return await client.ask("GET", RECORD)


def test_a_server_without_requests_does_not_load_the_parser() -> None:
    program = "import sys, protobase_live.server.server; sys.exit('h11' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
