"""Clients of all doors that stop reading while somebody writes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from protobase_live.database.database import Database
from protobase_live.server.limits import ServerLimits
from protobase_live.server.server import Server
from protobase_storage import MemoryStorage
from tests.support.readers import KINDS, LAST, ROOM, YjsReader, joined
from tests.support.tcp_proxy import TcpProxy

STALLED = 98
WRITES = 240
KEYS = 40
TEXT = "x" * 4_096
KERNEL_BYTES = 32 * 1024
"""What a socket of the server may have in the kernel: the rest is what the server itself keeps."""
FRAME_BYTES = 32 * 1024
"""The longest that is sent at once here."""
CROWD_BYTES = 64 * 1024
"""What asyncio takes before it says that a client does not read, once for all connections."""
LIMITS = ServerLimits(
    backlog_bytes=256 * 1024,
    all_backlog_bytes=2 * 1024 * 1024,
    all_answer_bytes=1024 * 1024,
    ping_seconds=10_000.0,
    request_seconds=10_000.0,
    handshakes_at_once=1_000,
)


@asynccontextmanager
async def serving(database: Database) -> AsyncIterator[Server]:
    async with Server(database, port=0, limits=LIMITS) as server:
        assert server._server is not None
        for listening in server._server.sockets:  # who comes in has it from there
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)
        yield server


def kept(server: Server) -> int:
    """Bytes that the server keeps for clients that do not read them."""
    connections = server._http._connections
    http = () if connections is None else connections.state.connections
    return server.backlog + sum(each.transport.get_write_buffer_size() for each in http)


async def test_a_hundred_clients_that_stop_reading_cost_little_and_are_right_again() -> None:
    bound = LIMITS.all_backlog_bytes + LIMITS.all_answer_bytes + STALLED * (CROWD_BYTES + FRAME_BYTES)
    async with Database(MemoryStorage()) as database, serving(database) as server, TcpProxy() as proxy:
        proxy.target = server.port
        records = await database.collection(ROOM)
        for n in range(KEYS):
            await records.insert({"text": "first"}, key=f"k{n}")
        stalled = await joined(proxy.port, [KINDS[n % len(KINDS)] for n in range(STALLED)])
        reading = await joined(server.port, KINDS)
        proxy.back.stall()
        most = most_told = 0
        for n in range(WRITES):  # each is acknowledged: writers wait for nobody
            await records.update(f"k{n % KEYS}", text=TEXT, n=n)
            most, most_told = max(most, kept(server)), max(most_told, server._traffic.backlog.total)
        await records.insert({"text": "last"}, key=LAST)
        await asyncio.gather(*reading.values())  # readers wait for nobody
        assert not any(task.done() for task in stalled.values())
        told = sum(isinstance(reader, YjsReader) for reader in stalled)
        assert LIMITS.all_backlog_bytes <= most_told
        assert most_told <= LIMITS.all_backlog_bytes + told * (CROWD_BYTES + FRAME_BYTES)
        wanted = STALLED * WRITES * len(TEXT)
        assert LIMITS.all_answer_bytes < most <= bound < wanted / 5
        assert server._counters.limits["all_answer_bytes"] > 0
        proxy.heal()
        await asyncio.gather(*stalled.values())
        expected = {key: await records.get(key) for key in await records.keys()}
        for reader in (*reading, *stalled):
            assert reader.records() == expected, type(reader)
