"""Clients that came and left leave nothing behind, through either door."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.client import connect

import protobase_live as pb
from protobase_live.database.database import Database
from protobase_live.protocol.yjs import messages as yjs
from protobase_live.server.server import Server
from protobase_storage import MemoryStorage
from tests.support.leaks import assert_nothing_stays

AT_ONCE = 10

TIMES, BYTES_EACH = 200, 300
"""A connection takes milliseconds and some 20 kB; `python -m bench costs` makes thousands."""


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with Database(MemoryStorage()) as database, Server(database, port=0) as server:
        yield server


async def gone(server: Server) -> None:
    """Wait until the server has seen that everybody is gone."""
    while server.sessions:  # noqa: ASYNC110
        await asyncio.sleep(0)


async def test_yjs_clients(server: Server) -> None:
    async def visit() -> None:
        async with connect(f"ws://127.0.0.1:{server.port}/yjs/tasks") as client:
            await client.send(yjs.encode_step1(b"\x00"))
            await client.recv()

    async def come_and_go(times: int) -> None:
        for _ in range(times // AT_ONCE):
            await asyncio.gather(*(visit() for _ in range(AT_ONCE)))
        await gone(server)

    await assert_nothing_stays(come_and_go, TIMES, BYTES_EACH)


async def test_live_clients(server: Server) -> None:
    async def visit() -> None:
        async with pb.connect(f"ws://127.0.0.1:{server.port}/live") as db:
            tasks = await db.collection("tasks")
            async with tasks.changes(), tasks.presence({"at": 1}):
                assert await tasks.count() == 0

    async def come_and_go(times: int) -> None:
        for _ in range(times // AT_ONCE):
            await asyncio.gather(*(visit() for _ in range(AT_ONCE)))
        await gone(server)

    await assert_nothing_stays(come_and_go, TIMES, BYTES_EACH)
