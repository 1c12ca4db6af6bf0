"""Clients that vanish, that never finish what they say, and that would have a little become much."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from protobase_actors import ManualClock
from protobase_live.database.database import Database
from protobase_live.protocol.live.client_messages import Hello
from protobase_live.protocol.live.codec import MsgpackCodec
from protobase_live.protocol.live.messages import encode
from protobase_live.protocol.yjs import messages as yjs
from protobase_live.server.limits import ServerLimits
from protobase_live.server.server import Server
from protobase_storage import MemoryStorage
from tests.protobase_live.server.test_crowded_door import serving
from tests.support.eventually import until
from tests.support.hocuspocus import AUTH
from tests.support.tcp_proxy import TcpProxy
from tests.support.wire import HANDSHAKE, announced

STEP1 = yjs.encode_step1(b"\x00")
FIRST = {
    "/yjs/room": STEP1,
    "/hocuspocus": b"\x04room" + AUTH,
    "/live": encode(Hello(), MsgpackCodec()),
}
"""What a client of each door begins with."""


@pytest.mark.parametrize("path", FIRST)
async def test_who_has_vanished_without_a_word_is_given_up(path: str) -> None:
    """Its connection is half open: no close has come, and nothing ever will."""
    clock = ManualClock()
    limits = ServerLimits(ping_seconds=20.0)
    async with (
        Database(MemoryStorage()) as database,
        Server(database, port=0, limits=limits, clock=clock) as server,
        TcpProxy() as proxy,
    ):
        proxy.target = server.port
        offered = [Subprotocol(MsgpackCodec.subprotocol)] if path == "/live" else None
        address = f"ws://127.0.0.1:{proxy.port}{path}"
        async with connect(address, subprotocols=offered, ping_interval=None) as client:
            await client.send(FIRST[path])
            assert await client.recv()
            proxy.forth.lose()
            proxy.back.lose()
            await clock.advance(20.0)
            assert server.sessions == 1
            await clock.advance(20.0)
            await until(lambda: not server.sessions)
            client.transport.abort()


async def test_messages_that_are_never_finished_are_let_go_of_for_others() -> None:
    """As many as would take 20 MB in all, of a server that has room for 100 kB; none has said who it is."""
    async with serving(all_unfinished_bytes=100_000) as server:
        most, closed, held = 0, 0, server._traffic.unfinished
        greedy = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(20)]
        for reader, writer in greedy:
            writer.write(HANDSHAKE.format(path="/yjs/room").encode())
            await reader.readuntil(b"\r\n\r\n")
            before = len(held)
            writer.write(announced(1_000_000) + b"x" * 19_000)
            await until(lambda before=before: len(held) > before or held.total > 90_000)
            most = max(most, held.total)
            async with connect(f"ws://127.0.0.1:{server.port}/yjs/room") as innocent:
                await innocent.send(STEP1)
                assert await innocent.recv()
        assert 80_000 <= most <= 100_000
        for reader, _ in greedy[:15]:
            closed += b"(all_unfinished_bytes)" in await _until_closed(reader)
        assert closed == 15
        for _, writer in greedy:
            writer.close()


async def _until_closed(reader: asyncio.StreamReader) -> bytes:
    """What is told before the close, and with it."""
    told = b""
    while b"all_unfinished_bytes" not in told and (chunk := await reader.read(1_000)):
        told += chunk
    return told


async def test_nothing_is_decompressed() -> None:
    """So a little can never become much: nobody agrees on that, and to do it all the same is a fault."""
    async with (
        serving() as server,
        connect(f"ws://127.0.0.1:{server.port}/yjs/room", compression="deflate") as client,
    ):
        assert not client.protocol.extensions
        await client.send(STEP1)
        client.transport.write(bytes([0xC2, 0x80, 0, 0, 0, 0]))  # RSV1: 'this is compressed'
        with suppress(ConnectionClosed):
            while True:
                await client.recv()
        assert client.close_code == 1002
