"""A server on a real disk of a few MB, which is filled up: by the server, and by somebody else.

Reading goes on, collections can be deleted, and what is written is stored again as soon as there is room.
There is no restart in between, unless one is said.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from urllib.error import HTTPError

import pytest

import protobase_live as pb
from tests.durability.test_full_disk import QUICKLY, insert_at_last, insert_until_refused, page
from tests.support.server_process import ServerProcess
from tests.support.small_file_system import MIB, SmallFileSystem

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


async def test_an_erasure_that_has_no_room_takes_none(tmp_path: Path) -> None:
    """It takes several times what is stored, and may not leave the disk full."""
    with SmallFileSystem(tmp_path) as disk:
        async with served(disk) as server, pb.connect(server.live) as db:
            tasks, other = await db.collection("tasks"), await db.collection("other")
            await other.insert({}, key="there")
            await tasks.insert({}, key="doomed")
            for _ in range(200):
                await tasks.insert(ROW)
            with pytest.raises(pb.Unavailable, match=r"no room for erasing: .*; nothing was done"):
                await db.erase("tasks", "doomed")
            assert await tasks.count() == 201
            assert "doomed" in await tasks.keys()
            assert await page(server, "/readyz") == "ready\n"
            await tasks.insert(ROW)
            await db.drop("tasks")
            assert (await db.erase("tasks")).done


TMP_FREE = """
import asyncio, os, sys
from protobase_storage import FileStorage, StorageError
from protobase_storage.conformance.model import SECRET, make_commit, make_snapshot

async def main(folder):
    storage = await FileStorage.open(folder)
    for n in range(1, 200):
        await storage.append([make_commit("a", n, update=SECRET * 2_000)])
        await storage.append([make_commit("b", n, update=b"b" * 50_000)])
    try:
        await storage.erase("a", b"", make_snapshot("a", {"node-e": 1}, update=b"what is left"))
    except StorageError as error:
        print(error)
    print([name for name in os.listdir(folder) if SECRET in open(f"{folder}/{name}", "rb").read()])
    await storage.close()

asyncio.run(main(sys.argv[1]))
"""
"""An erasure in a database that is larger than what SQLite keeps in memory."""


def test_an_erasure_needs_no_room_but_the_folders() -> None:
    """All but the data may be read-only, as in a container."""
    with SmallFileSystem(Path("/mnt"), 80 * MIB) as disk:
        assert disk.run(sys.executable, "-c", TMP_FREE, "/mnt/data") == "[]\n"


def test_an_erasure_that_has_not_enough_of_it_says_what_is_lacking() -> None:
    with SmallFileSystem(Path("/mnt"), 38 * MIB) as disk:
        said, left = disk.run(sys.executable, "-c", TMP_FREE, "/mnt/data").splitlines()
        assert "SQLITE_TMPDIR" in said
        assert said.endswith("; nothing was done")
        assert left == "['protobase.db']"


FULL = """
import asyncio, os, sys
from protobase_storage import FileStorage
from protobase_storage.conformance.model import SECRET, make_commit, make_snapshot

async def main(folder):
    storage = await FileStorage.open(folder)
    for n in range(1, 100):
        await storage.append([make_commit("a", n, update=SECRET * 100)])
        await storage.append([make_commit("b", n, update=b"b" * 5_000)])
    await storage.close()
    storage = await FileStorage.open(folder)
    disk = os.statvfs(folder)
    with open(f"{folder}/../ballast", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, disk.f_bavail * disk.f_frsize)
    disk = os.statvfs(folder)
    kept = os.stat(f"{folder}/protobase.reserve").st_size
    await storage.erase("a", b"", make_snapshot("a", {"node-e": 1}, update=b"what is left" * 10_000))
    print([name for name in os.listdir(folder) if SECRET in open(f"{folder}/{name}", "rb").read()])
    await storage.close()
    print(disk.f_bavail, kept == os.stat(f"{folder}/protobase.reserve").st_size)

asyncio.run(main(sys.argv[1]))
"""
"""An erasure on a disk without a free byte, of a database that is smaller than what is kept there."""


def test_a_full_disk_is_erased_from_with_what_is_kept() -> None:
    with SmallFileSystem(Path("/mnt"), 20 * MIB) as disk:
        assert disk.run(sys.executable, "-c", FULL, "/mnt/data") == "[]\n0 True\n"


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
