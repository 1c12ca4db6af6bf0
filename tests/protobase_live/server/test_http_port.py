"""A port for an application over HTTP alone."""

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest

from protobase_live.errors import Unavailable
from protobase_live.server.http_port import HttpPort
from protobase_live.server.limits import ServerLimits
from tests.protobase_live.server.test_http_stack import UPGRADE

SECONDS = 10.0


async def app(scope, receive, send):
    body = scope["path"].encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def asking(port, request: str):
    reader, writer = await asyncio.open_connection("127.0.0.1", port.port)
    writer.write(request.encode())
    yield reader
    writer.transport.abort()


def request(path: str, more: str = "") -> str:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n"


async def end_of(reader) -> None:
    """Nothing comes before the connection ends, in whichever way."""
    with suppress(ConnectionResetError):
        assert await asyncio.wait_for(reader.read(), SECONDS) == b""


async def test_requests_are_answered_one_after_the_other():
    async with (
        HttpPort(app, "127.0.0.1", 0, ServerLimits()) as port,
        asking(port, request("/one") + request("/two")) as reader,
    ):
        for body in (b"/one", b"/two"):
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SECONDS)
            assert head.startswith(b"HTTP/1.1 200 ")
            assert await reader.readexactly(4) == body


async def test_there_are_no_websockets():
    async with (
        HttpPort(app, "127.0.0.1", 0, ServerLimits()) as port,
        asking(port, request("/live", UPGRADE)) as reader,
    ):
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SECONDS)
        assert head.startswith(b"HTTP/1.1 200 ")


async def test_one_connection_too_many_is_told_so():
    async with (
        HttpPort(app, "127.0.0.1", 0, ServerLimits(http_connections=1)) as port,
        asking(port, request("/one")) as reader,
    ):
        await asyncio.wait_for(reader.readuntil(b"/one"), SECONDS)
        async with asking(port, request("/two")) as other:
            assert (await asyncio.wait_for(other.read(), SECONDS)).startswith(b"HTTP/1.1 503 ")


@pytest.mark.parametrize("sent", ["", "GET / HT"])
async def test_who_asks_for_nothing_is_let_go(sent):
    async with (
        HttpPort(app, "127.0.0.1", 0, ServerLimits(handshake_seconds=0.01)) as port,
        asking(port, sent) as reader,
    ):
        await end_of(reader)


async def test_a_connection_is_kept_behind_its_answer():
    async with HttpPort(app, "127.0.0.1", 0, ServerLimits()) as port, asking(port, request("/one")) as reader:
        await asyncio.wait_for(reader.readuntil(b"/one"), SECONDS)
        assert not reader.at_eof()


async def test_what_is_under_way_is_cut_off_in_the_end():
    begun = asyncio.Event()

    async def never(scope, receive, send):
        begun.set()
        await asyncio.Event().wait()

    async with HttpPort(never, "127.0.0.1", 0, ServerLimits(close_seconds=0.01)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port.port)
        writer.write(request("/").encode())
        await begun.wait()
    await end_of(reader)
    writer.close()


async def test_a_port_that_is_taken_is_told_of():
    async with HttpPort(app, "127.0.0.1", 0, ServerLimits()) as port:
        with pytest.raises(Unavailable, match=f"cannot listen on 127.0.0.1:{port.port}"):
            await HttpPort(app, "127.0.0.1", port.port, ServerLimits()).__aenter__()
