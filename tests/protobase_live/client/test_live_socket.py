"""What a connection says of messages that are on their way, over real sockets."""

from __future__ import annotations

import asyncio

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode

from protobase_actors import SystemClock
from protobase_live.client.limits import ClientLimits
from protobase_live.client.ways import Way, Ways
from protobase_live.protocol.live.codec import MsgpackCodec
from tests.support.eventually import until

LONG = bytes(4 * 1024 * 1024)


@pytest.fixture
async def ends():
    """A client's end of a connection, and the server's."""
    served, over = asyncio.get_running_loop().create_future(), asyncio.Event()

    async def handler(connection: ServerConnection) -> None:
        served.set_result(connection)
        await over.wait()

    codec = MsgpackCodec.subprotocol
    async with serve(handler, "127.0.0.1", 0, subprotocols=[codec], max_size=None) as server:
        way: Way = "websocket"
        ways = Ways(way, codec, SystemClock(), ClientLimits(), lambda url: 10.0)
        client = await ways.dial(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        yield client, await served
        over.set()
        await client.close()


async def test_it_tells_the_parts_of_a_message_that_is_not_whole(ends) -> None:
    client, server = ends
    frame = Frame(Opcode.BINARY, LONG).serialize(mask=False)
    assert client.unfinished == 0
    server.transport.write(frame[:1000])
    await until(lambda: client.unfinished > 0)
    first = client.unfinished
    server.transport.write(frame[1000:-1])
    await until(lambda: client.unfinished > first)
    server.transport.write(frame[-1:])
    assert await client.recv() == LONG
    assert client.unfinished == 0


async def test_it_tells_the_parts_that_came_as_frames(ends) -> None:
    client, server = ends
    server.transport.write(Frame(Opcode.BINARY, b"abc", fin=False).serialize(mask=False))
    await until(lambda: client.unfinished == 3)
    server.transport.write(Frame(Opcode.CONT, b"d").serialize(mask=False))
    assert await client.recv() == b"abcd"


async def test_it_tells_what_the_network_has_not_taken(ends) -> None:
    client, server = ends
    server.transport.pause_reading()
    sending = asyncio.ensure_future(client.send(LONG))
    await until(lambda: client.unsent > 0)
    before = client.unsent
    server.transport.resume_reading()
    await until(lambda: client.unsent < before)
    await sending
    assert await server.recv() == LONG
