"""A server on a real disk of a few MB, which is filled up: by the server, and by somebody else.

Reading goes on, collections can be deleted, and what is written is stored again as soon as there is room.
There is no restart in between, unless one is said.
"""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from urllib.error import HTTPError

import pytest

import protobase_live as pb
from tests.durability.test_full_disk import QUICKLY, insert_at_last, insert_until_refused, page
from tests.support.server_process import ServerProcess
from tests.support.small_file_system import SmallFileSystem

ROW = {"text": "y" * 5_000}


def served(disk: SmallFileSystem) -> ServerProcess:
    return ServerProcess(disk.folder / "data", disk.command, environment=QUICKLY)


async def test_deleting_a_collection_makes_room_on_a_full_disk(tmp_path: Path) -> None:
    with SmallFileSystem(tmp_path) as disk:
        async with served(disk) as server, pb.connect(server.live) as db:
            tasks, other = await db.collection("tasks"), await db.collection("other")
            kept = [await tasks.insert(ROW)]
            await other.insert({}, key="there")
            refusal = await insert_until_refused(tasks, kept)
            assert "no room for the write" in str(refusal)
            assert "is read-only for now, nothing was done" in str(refusal)
            disk.fill()
            assert disk.free() == 0
            assert len(kept) > 350, "most of the disk holds records, and not a log of them"
            assert sorted(await tasks.keys()) == sorted(kept)
            listed = {each.name: each for each in await db.collections()}
            assert "no room" in str(listed["tasks"].read_only)
            assert "the storage fails: no room" in await not_ready(server)
            await db.drop("tasks")
            assert await (await db.collection("tasks")).count() == 0
            again = await insert_at_last(await db.collection("tasks"))
            assert await page(server, "/readyz") == "ready\n"
            assert "protobase_restarts_total 0.0\n" in await page(server, "/metrics")
            server.send(signal.SIGKILL)
            await server.wait()
            await server.start()
            assert disk.free() == 0
            async with pb.connect(server.live) as after:
                assert await (await after.collection("tasks")).keys() == [again]
                assert await (await after.collection("other")).keys() == ["there"]


async def not_ready(server: ServerProcess) -> str:
    with pytest.raises(HTTPError) as refused:
        await page(server, "/readyz")
    return refused.value.read().decode()


async def test_room_that_somebody_else_makes_is_used(tmp_path: Path) -> None:
    with SmallFileSystem(tmp_path) as disk:
        async with served(disk) as server, pb.connect(server.live) as db:
            tasks = await db.collection("tasks")
            kept = [await tasks.insert(ROW)]
            disk.fill()
            await insert_until_refused(tasks, kept)
            assert sorted(await tasks.keys()) == sorted(kept)
            disk.make_room()
            kept.append(await insert_at_last(tasks))
            assert await server.stop() == 0
            await server.start()
            async with pb.connect(server.live) as after:
                assert sorted(await (await after.collection("tasks")).keys()) == sorted(kept)


async def test_what_was_acknowledged_outlives_kills_of_a_full_disk(tmp_path: Path) -> None:
    with SmallFileSystem(tmp_path) as disk:
        kept = list[str]()
        async with served(disk) as server:
            for _ in range(3):
                async with pb.connect(server.live) as db:
                    tasks = await db.collection("tasks")
                    writers = [asyncio.create_task(insert_until_refused(tasks, kept)) for _ in range(4)]
                    await asyncio.wait(writers, return_when=asyncio.FIRST_COMPLETED)
                    server.send(signal.SIGKILL)
                    await server.wait()
                    await asyncio.wait(writers)
                await server.start()
                async with pb.connect(server.live) as db:
                    assert set(kept) <= set(await (await db.collection("tasks")).keys())


async def test_a_disk_that_is_read_only_is_named(tmp_path: Path) -> None:
    with SmallFileSystem(tmp_path) as disk:
        disk.make_read_only()
        process = await asyncio.create_subprocess_exec(
            *disk.command, "--storage", f"file:{tmp_path / 'data'}", "--listen", "127.0.0.1:0",
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stderr is not None
        said = (await process.stderr.read()).decode()
        assert await process.wait() == 1
        assert said.startswith("error: ")
        assert "cannot be used" in said
        assert "Read-only file system" in said
