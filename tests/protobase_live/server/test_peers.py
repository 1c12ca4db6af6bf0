"""Dialing another node."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve

from protobase_live.cluster.limits import ClusterLimits
from protobase_live.errors import Unavailable
from protobase_live.server.peers import Dialed, WebSocketChannel, dial
from tests.support.eventually import until


@pytest.mark.parametrize("host", ["node..example", f"{'n' * 64}.example"])
async def test_a_name_that_no_host_can_have_is_of_one_that_is_not_there(host: str) -> None:
    with pytest.raises(Unavailable, match=f"there is no host '{host}'"):
        await dial(f"ws://{host}:8765/peer", ClusterLimits())


@asynccontextmanager
async def dialed(*messages: bytes, meeting_bytes: int = 1_000) -> AsyncIterator[Dialed]:
    """A connection to somebody who says this."""

    async def say(socket: ServerConnection) -> None:
        for message in messages:
            await socket.send(message)
        await socket.wait_closed()

    async with serve(say, "127.0.0.1", 0, compression=None) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        limits = ClusterLimits(meeting_bytes=meeting_bytes)
        channel = await dial(url, limits)
        yield channel._socket
        await channel.close(1000, "")


async def test_of_a_node_that_was_dialed_little_of_a_long_message_is_read_until_it_is_trusted() -> None:
    long = bytes(8_000_000)
    async with dialed(b"short", long) as socket:
        assert await socket.recv() == b"short"
        await until(lambda: not socket.transport.is_reading())
        assert socket.unfinished < 2_000_000
        socket.trust()
        assert await socket.recv() == long


async def test_what_has_come_of_a_long_message_is_known() -> None:
    long = bytes(8_000_000)
    async with dialed(b"short", long, meeting_bytes=1_000_000) as socket:
        channel = WebSocketChannel(socket)
        assert await channel.receive() == b"short"
        await until(lambda: channel.unfinished > 0)
        channel.trust()
        assert await channel.receive() == long
        assert channel.unfinished == 0
