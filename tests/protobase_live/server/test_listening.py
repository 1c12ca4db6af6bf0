"""Whoever is cancelled while he begins to listen leaves nothing behind."""

from __future__ import annotations

import asyncio

import pytest

from protobase_live.database.database import Database
from protobase_live.errors import Unavailable
from protobase_live.server.http_port import HttpPort
from protobase_live.server.limits import ServerLimits
from protobase_live.server.server import Server
from protobase_storage import MemoryStorage

ROUNDS = 12
"""More rounds of the event loop than the longest start takes."""


@pytest.fixture
def made(monkeypatch):
    servers: list[asyncio.base_events.Server] = []

    class Noted(asyncio.base_events.Server):
        def __init__(self, *how, **more):
            super().__init__(*how, **more)
            servers.append(self)

    monkeypatch.setattr(asyncio.base_events, "Server", Noted)
    return servers


async def cancelled_after(rounds, server):
    """Whether the start was."""

    async def start():
        async with server:
            pass

    task = asyncio.create_task(start())
    for _ in range(rounds):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    return task.cancelled()


@pytest.mark.parametrize("kind", ["all doors", "http alone"])
async def test_who_is_cancelled_listens_no_more(kind, made) -> None:
    async with Database(MemoryStorage()) as database:
        cancelled = [
            await cancelled_after(
                rounds,
                Server(database, port=0)
                if kind == "all doors"
                else HttpPort(None, "127.0.0.1", 0, ServerLimits()),
            )
            for rounds in range(ROUNDS)
        ]
    assert cancelled[0]
    assert made
    assert not any(server.sockets for server in made)


async def test_a_port_that_is_taken_is_said_and_nothing_is_left(made) -> None:
    async with Database(MemoryStorage()) as database, Server(database, port=0) as server:
        with pytest.raises(OSError, match="in use"):
            await Server(database, port=server.port).__aenter__()
        with pytest.raises(Unavailable, match="in use"):
            await HttpPort(None, "127.0.0.1", server.port, ServerLimits()).__aenter__()
    assert not any(each.sockets for each in made)
