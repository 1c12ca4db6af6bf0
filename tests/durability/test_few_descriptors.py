"""A server that has no file descriptor left: who is connected goes on, and others come in later."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
from pathlib import Path

import pytest

import protobase_live as pb
from tests.durability.test_full_disk import page
from tests.support.server_process import ServerProcess

SPARE = 5


def starve(server: ServerProcess) -> None:
    """As many descriptors as are open, and a few."""
    names = [int(name) for name in os.listdir(f"/proc/{server.pid}/fd")]
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (max(names) + 1 + SPARE, 4_096))


def knock(server: ServerProcess) -> list[socket.socket]:
    """More connections than can be accepted; the kernel holds those that are not."""
    return [socket.create_connection(("127.0.0.1", server.port)) for _ in range(4 * SPARE)]


async def test_who_is_connected_goes_on_and_others_come_in_later(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server = ServerProcess(tmp_path / "data")
    async with server, pb.connect(server.live) as db:
        tasks = await db.collection("tasks")
        await tasks.insert({}, key="before")
        starve(server)
        knocking = knock(server)
        coming = asyncio.ensure_future(page(server, "/readyz"))
        told = ""
        while "no connection can be accepted for now" not in told:
            await tasks.update("before", n=1)
            told += capfd.readouterr().err
        await tasks.insert({}, key="meanwhile")
        other = await db.collection("other")
        await other.insert({}, key="loaded meanwhile")
        await db.drop("other")
        for each in knocking:
            each.close()
        assert await coming == "ready\n"
        async with pb.connect(server.live) as late:
            assert await (await late.collection("tasks")).keys() == ["before", "meanwhile"]
        told += capfd.readouterr().err
        assert told.count("\n") == 1, "one line, and no traceback for each connection"
        assert await server.stop() == 0
