"""A server stops within its stated time, whatever its clients do."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from protobase_actors import ManualClock
from protobase_live.database.database import Database
from protobase_live.protocol.live.codec import JsonCodec
from protobase_live.protocol.live.limits import LiveLimits
from protobase_live.protocol.yjs import messages as yjs
from protobase_live.server.draining import PAUSE_SECONDS
from protobase_live.server.limits import ServerLimits
from protobase_live.server.server import Server
from protobase_storage import MemoryStorage


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    async with Database(MemoryStorage()) as database:
        yield database


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def server(database: Database, clock: ManualClock) -> AsyncIterator[Server]:
    server = Server(database, port=0, clock=clock)
    await server.__aenter__()
    yield server
    await stopped(server, clock)


async def stopped(server: Server, clock: ManualClock) -> None:
    """Stop it, with no more time than is stated."""
    stopping = asyncio.ensure_future(server.close())
    for _ in range(200):
        await asyncio.sleep(0)
    await clock.advance(LiveLimits().bye_seconds)
    for _ in range(200):
        await asyncio.sleep(0)
    await clock.advance(ServerLimits().close_seconds)
    await asyncio.wait_for(stopping, 10)


async def dial_deaf(server: Server, path: str) -> socket.socket:
    """A client with a small buffer, which reads nothing after the handshake."""
    loop, raw = asyncio.get_running_loop(), socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(False)
    await loop.sock_connect(raw, ("127.0.0.1", server.port))
    await loop.sock_sendall(
        raw,
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: protobase-live.v1.json\r\n\r\n".encode(),
    )
    assert b"101" in await loop.sock_recv(raw, 400)
    return raw


async def unread(server: Server, size: int) -> None:
    """Wait until clients have left so many bytes unread."""
    async with asyncio.timeout(30):
        while server.backlog < size:  # noqa: ASYNC110 - the kernel takes what it can, and tells nobody
            await asyncio.sleep(0)


def masked(payload: bytes, opcode: int) -> bytes:
    size = len(payload)
    assert size < 65536
    head = bytes([0x80 | opcode]) + (
        bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    )
    return head + bytes(4) + payload


async def fill_up(raw: socket.socket, database: Database, server: Server) -> None:
    """Ask as a live client for more than is ever read."""
    await (await database.collection("tasks")).put({"text": "x" * 500_000}, key="k")
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(raw, masked(b'{"type":"hello","version":1,"token":null,"client":""}', 1))
    for number in range(1, 65):
        read = (
            f'{{"type":"read","id":{number},"collection":"tasks","read":["records",["records"],"get",["k"]]}}'
        )
        await loop.sock_sendall(raw, masked(read.encode(), 1))
    await unread(server, 4_000_000)


async def test_it_is_alive_but_not_ready_while_it_stops(
    server: Server, database: Database, clock: ManualClock
) -> None:
    raw = await dial_deaf(server, "/live")
    await fill_up(raw, database, server)
    stopping = asyncio.ensure_future(server.close())
    await asyncio.sleep(0)
    assert await get(server, "/readyz") == b"not ready: the server is stopping\n"
    assert await get(server, "/healthz") == b"ok\n"
    with pytest.raises(InvalidStatus, match="503"):
        await connect(f"ws://127.0.0.1:{server.port}/yjs/tasks")
    await clock.advance(LiveLimits().bye_seconds)
    for _ in range(200):
        await asyncio.sleep(0)
    await clock.advance(ServerLimits().close_seconds)
    await asyncio.wait_for(stopping, 10)
    raw.close()


async def get(server: Server, path: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return answer.partition(b"\r\n\r\n")[2]


async def test_a_live_client_that_does_not_read(
    server: Server, database: Database, clock: ManualClock
) -> None:
    raw = await dial_deaf(server, "/live")
    await fill_up(raw, database, server)
    async with connect(f"ws://127.0.0.1:{server.port}/yjs/tasks") as honest:
        await honest.recv()
        await stopped(server, clock)
        await honest.wait_closed()
        assert honest.close_code == 1001, "who reads is told properly"
    raw.close()


async def test_a_yjs_client_that_does_not_read(
    server: Server, database: Database, clock: ManualClock
) -> None:
    tasks = await database.collection("tasks")
    for key in "abcdefgh":
        await tasks.put({"text": key * 900_000}, key=key)
    raw = await dial_deaf(server, "/yjs/tasks")
    for _ in range(3):
        await asyncio.get_running_loop().sock_sendall(raw, masked(yjs.encode_step1(b"\x00"), 2))
    await unread(server, 100_000)
    await stopped(server, clock)
    raw.close()


async def test_a_client_that_says_nothing(server: Server, clock: ManualClock) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    await stopped(server, clock)
    writer.close()


async def test_a_client_for_which_a_program_takes_its_time(database: Database, clock: ManualClock) -> None:
    asked = asyncio.Event()

    async def never(token: str | None) -> str | None:
        asked.set()
        return await asyncio.get_running_loop().create_future()

    limits = ServerLimits(authenticate_seconds=3600)
    server = Server(database, port=0, clock=clock, authenticate=never, limits=limits)
    await server.__aenter__()
    async with connect(f"ws://127.0.0.1:{server.port}/yjs/tasks"):
        await asked.wait()
        await stopped(server, clock)


async def test_clients_are_closed_a_few_at_a_time(database: Database, clock: ManualClock) -> None:
    server = Server(database, port=0, clock=clock, limits=ServerLimits(drain_clients=2))
    await server.__aenter__()
    clients = [await connect(f"ws://127.0.0.1:{server.port}/yjs/tasks") for _ in range(4)]
    names = [Subprotocol(JsonCodec.subprotocol)]
    clients.append(await connect(f"ws://127.0.0.1:{server.port}/live", subprotocols=names))
    await clients[-1].send('{"type":"hello","version":1,"token":null,"client":""}')
    assert "welcome" in await clients[-1].recv()
    stopping = asyncio.ensure_future(server.close())
    for several in (clients[:2], clients[2:4]):
        async with asyncio.timeout(10):
            await asyncio.gather(*(each.wait_closed() for each in several))
        assert [each.close_code for each in several] == [1001, 1001]
        assert not clients[-1].close_code
        assert await get(server, "/readyz") == b"not ready: the server is stopping\n"
        await clock.advance(PAUSE_SECONDS)
    assert "bye" in await asyncio.wait_for(clients[-1].recv(), 10)
    await asyncio.wait_for(clients[-1].wait_closed(), 10)
    await asyncio.wait_for(stopping, 10)
    assert clients[-1].close_code == 1001


async def test_who_comes_when_many_come_waits_for_its_turn(database: Database, clock: ManualClock) -> None:
    limits = ServerLimits(handshakes_at_once=2, handshakes_per_second=10, waiting_handshakes=3)
    server = Server(database, port=0, clock=clock, limits=limits)
    await server.__aenter__()
    url = f"ws://127.0.0.1:{server.port}/yjs/tasks"
    for _ in range(2):
        await connect(url)
    waiting = [asyncio.ensure_future(connect(url).__aenter__()) for _ in range(3)]
    async with asyncio.timeout(10):
        while server.waiting < 3 and not any(each.done() for each in waiting):  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert server.waiting == 3
    with pytest.raises(InvalidStatus, match="503"):
        await connect(url)
    assert await get(server, "/healthz") == b"ok\n"
    for number, client in enumerate(waiting):
        assert [each.done() for each in waiting] == [each < number for each in range(3)]
        await clock.advance(0.12)
        await asyncio.wait_for(client, 10)
    await stopped(server, clock)
