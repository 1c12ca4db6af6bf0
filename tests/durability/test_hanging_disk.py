"""A server whose disk hangs in a write: who writes is told in time, and reading goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import protobase_live as pb
from tests.durability.test_full_disk import insert_at_last, page
from tests.durability.test_small_disk import not_ready
from tests.support.hanging_server import HANGING_SERVE, Hang
from tests.support.server_process import ServerProcess

SOON = {
    "PROTOBASE_STORAGE_SECONDS": "0.5",
    "PROTOBASE_STOP_SECONDS": "0.5",
    "PROTOBASE_READ_ONLY_SECONDS": "1",
    "PROTOBASE_RESTART_SECONDS": "0.1",
}
SILENCE = "the storage has not answered for 0.5 seconds (storage_seconds)"


async def insert_at_last_or_look(tasks: pb.Collection) -> str:
    """What hung is stored now, so the collection is loaded anew: who writes in that moment has to look."""
    while True:
        try:
            return await insert_at_last(tasks)
        except pb.OutcomeUnknown:
            if found := [key for key, record in (await tasks.items()).items() if record]:
                return found[0]
        except pb.Unavailable:  # a read that was under way in that moment is refused, too
            continue


async def test_a_disk_that_hangs_holds_up_writing_alone(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", HANGING_SERVE, environment=SOON)
    async with server, pb.connect(server.live) as db:
        tasks, other = await db.collection("tasks"), await db.collection("other")
        await tasks.insert({}, key="before")
        await other.insert({}, key="before")
        with Hang(server.folder) as hang:
            with pytest.raises(pb.OutcomeUnknown, match="has not answered for"):
                await tasks.insert({}, key="hangs")
            assert await tasks.keys() == ["before"]
            for collection in (tasks, other):
                with pytest.raises(pb.Unavailable, match="nothing was done"):
                    await collection.insert({}, key="refused")
            assert await other.keys() == ["before"]
            assert SILENCE in await not_ready(server)
            assert await page(server, "/healthz") == f"ok, but {SILENCE}\n"
            hang.go_on()
            later = await insert_at_last_or_look(tasks)
        assert await page(server, "/readyz") == "ready\n"
        assert await page(server, "/healthz") == "ok\n"
        assert sorted(await tasks.keys()) == sorted(["before", "hangs", later])


async def test_the_end_of_the_server_does_not_wait_for_the_disk(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", HANGING_SERVE, environment=SOON)
    async with server:
        async with pb.connect(server.live) as db:
            tasks = await db.collection("tasks")
            await tasks.insert({}, key="before")
            with Hang(server.folder):
                writing = asyncio.ensure_future(tasks.insert({}, key="hangs"))
                with pytest.raises(pb.OutcomeUnknown):
                    await writing
                assert await server.stop() == 1
        await server.start()
        async with pb.connect(server.live) as db:
            assert "before" in await (await db.collection("tasks")).keys()
