"""A server on an object store: killed, paused while another takes over, and a bucket that is all there is."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Any

import pytest

import protobase_live as pb
from protobase_live.database.opening import open_storage
from tests.protobase_live.cli.command import run, running
from tests.protobase_live.cli.test_backup import ODD, stored_at
from tests.protobase_live.cli.test_copy import ALL, GONE, fill, remains_at, said
from tests.support.cloud_places import keys_at, url_of
from tests.support.kept import assert_kept
from tests.support.server_process import COMMAND, ServerProcess
from tests.support.witness import Witness

SEEDS = range(int(os.environ.get("CLOUD_SEEDS", "2")))
MAX_MOMENTS = 100
"""The server is killed after 1 to so many moments of sending, acknowledging and showing."""


MANY = 20
"""Collections of a copy that takes a while."""

MODES = ("cloud", "local+cloud")
"""Where a write is before it is acknowledged: in the bucket, or in a folder that is uploaded later."""


def local_url_of(place: Path) -> str:
    """The address of a place with a folder in front of the bucket."""
    url = url_of(place)
    return f"{url}{'&' if '?' in url else '?'}local={place / 'folder'}"


async def kill_once(place: Path, seed: int, mode: str) -> None:
    server = ServerProcess(place, storage=url_of(place) if mode == "cloud" else local_url_of(place))
    moments = Random(seed).randint(1, MAX_MOMENTS)
    async with server:
        witness = Witness(server, moments, lambda: server.send(signal.SIGKILL))
        await witness.watch()
    await assert_kept(server, witness, f"seed {seed}, {mode}: killed after {moments} moments")


@pytest.mark.usefixtures("on_seaweedfs")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", SEEDS)
async def test_kill_over_seaweedfs(tmp_path: Path, seed: int, mode: str) -> None:
    await kill_once(tmp_path, seed, mode)


@pytest.mark.usefixtures("on_fake_gcs")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", SEEDS)
async def test_kill_over_fake_gcs(tmp_path: Path, seed: int, mode: str) -> None:
    await kill_once(tmp_path, seed, mode)


@pytest.mark.usefixtures("on_fake_gcs")
async def test_a_server_that_was_paused_while_another_took_over_says_why_it_stops(tmp_path: Path) -> None:
    log = tmp_path / "log"
    serve = ["sh", "-c", f'exec {COMMAND} serve "$@" 2>{log}', "serve"]
    first = ServerProcess(tmp_path, serve, storage=url_of(tmp_path))
    second = ServerProcess(tmp_path, storage=url_of(tmp_path))
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(first)
        tasks = await (await stack.enter_async_context(pb.connect(first.live))).collection("tasks")
        await tasks.insert({"n": 1}, key="before")
        first.send(signal.SIGSTOP)
        await stack.enter_async_context(second)
        first.send(signal.SIGCONT)
        with pytest.raises(pb.ProtoBaseError):
            await tasks.insert({"n": 2}, key="after")
        assert await first.wait() == 1
        assert "was taken over by another writer (epoch 2, this one has 1)" in log.read_text()
        tasks = await (await stack.enter_async_context(pb.connect(second.live))).collection("tasks")
        assert await tasks.keys() == ["before"]
        await tasks.insert({"n": 3}, key="then")
    async with pb.open(url_of(tmp_path)) as db:
        assert sorted(await (await db.collection("tasks")).keys()) == ["before", "then"]


@pytest.mark.usefixtures("on_seaweedfs")
async def test_a_fresh_database_with_only_the_bucket(tmp_path: Path) -> None:
    url = url_of(tmp_path)
    with pytest.raises(pb.StorageFailed, match="there is no database at s3://"):
        await open_storage(url, must_exist=True)
    async with pb.open(url) as db:
        boards = [await db.collection(f"boards/{n}") for n in range(20)]
        await asyncio.gather(*[board.insert({"n": n}, key="a") for n, board in enumerate(boards)])
        text = await boards[0].text("notes")
        await text.insert(0, "héllo")
        await db.drop("boards/3")
    async with pb.open(url) as db:
        assert len(await db.collections()) == 19
        board = await db.collection("boards/0")
        assert await board.get("a") == {"n": 0}
        assert await (await board.text("notes")).value() == "héllo"


@pytest.mark.usefixtures("on_seaweedfs")
async def test_reading_commands_leave_the_bucket_and_its_server_alone(tmp_path: Path) -> None:
    url = url_of(tmp_path)
    async with ServerProcess(tmp_path, storage=url) as server, pb.connect(server.live) as db:
        tasks = await db.collection("tasks")
        await tasks.insert({"n": 1}, key="a")
        before = keys_at(tmp_path)
        copy, backup = tmp_path / "copy", tmp_path / "backup"
        assert json.loads((await run("info", url, "--json")).out)["collections"][0]["name"] == "tasks"
        assert '"key": "a"' in (await run("export", url)).out
        assert (await run("query", url, "tasks", "--format", "json")).out == '{"_key":"a","n":1}\n'
        assert await run("backup", url, backup) == (0, "", "")
        assert (await run("copy", url, f"file:{copy}")).code == 0
        assert keys_at(tmp_path) == before
        await tasks.insert({"n": 2}, key="b")  # nobody took it over
        assert (await run("restore", backup, f"file:{tmp_path / 'restored'}")).code == 0
        for folder in (copy, tmp_path / "restored"):
            async with pb.open(f"file:{folder}") as copied:
                assert await (await copied.collection("tasks")).keys() == ["a"]
        assert await server.stop() == 0


@pytest.mark.usefixtures("on_fake_gcs")
async def test_a_folder_that_comes_back_after_a_successor_is_kept_and_can_be_merged(tmp_path: Path) -> None:
    url, folder = url_of(tmp_path), tmp_path / "folder"
    async with pb.open(local_url_of(tmp_path)) as db:
        await (await db.collection("tasks")).insert({"n": 1}, key="uploaded")
    async with pb.open(f"file:{folder}") as db:  # as a server leaves it that was killed before an upload
        await (await db.collection("tasks")).insert({"n": 2}, key="in the folder alone")
    async with ServerProcess(tmp_path, storage=url) as successor, pb.connect(successor.live) as db:
        tasks = await db.collection("tasks")
        await tasks.insert({"n": 3}, key="elsewhere")
        refused = await run("serve", "--storage", local_url_of(tmp_path), "--listen", "127.0.0.1:0")
        assert refused.code == 1
        assert "may have commits that were acknowledged and never uploaded, of 1 collections" in refused.err
        exported = (await run("export", f"file:{folder}", "tasks")).out
        assert (await run("import", successor.live, stdin=exported)).code == 1
        assert (await run("import", "--merge", successor.live, stdin=exported)).code == 0
        assert await tasks.keys() == ["elsewhere", "in the folder alone", "uploaded"]


@pytest.mark.usefixtures("on_seaweedfs")
async def test_a_database_is_copied_into_a_bucket_and_back_exactly(tmp_path: Path) -> None:
    url, origin, back = url_of(tmp_path), f"file:{tmp_path / 'origin'}", f"file:{tmp_path / 'back'}"
    storage = await open_storage(origin)
    await fill(storage)
    await storage.close()
    for start, end in ((origin, url), (url, back)):
        assert await run("copy", start, end) == (0, said(ALL, 0), "")
        assert await run("copy", start, end) == (0, said(0, ALL), "")
    for place in (url, back):
        assert await stored_at(place) == ODD
        assert await remains_at(place, "gone") == GONE


@pytest.mark.usefixtures("on_fake_gcs")
async def test_a_copy_into_a_bucket_that_was_killed_is_completed(tmp_path: Path) -> None:
    url, origin = url_of(tmp_path), f"file:{tmp_path / 'origin'}"
    async with pb.open(origin) as db:
        for n in range(MANY):
            await (await db.collection(f"c{n:02}")).insert({"n": n}, key="k")
    async with running("copy", origin, url) as process:
        while process.returncode is None:  # on a busy machine it may be over before it is looked at
            if await asyncio.to_thread(lambda: any("wal" in key for key in keys_at(tmp_path))):
                process.kill()
                await process.wait()
    completed = await run("copy", origin, url)
    assert (completed.code, completed.out[:15]) == (0, f"{MANY} collections:")
    assert await stored_at(url) == await stored_at(origin)


async def insert_until_refused(tasks: Any) -> list[str]:
    """The keys of what was acknowledged."""
    acknowledged: list[str] = []
    try:
        while True:
            key = f"after {len(acknowledged)}"
            await tasks.insert({}, key=key)
            acknowledged.append(key)
    except pb.ProtoBaseError:
        return acknowledged


@pytest.mark.usefixtures("on_fake_gcs")
async def test_a_paused_server_with_a_folder_says_what_it_has_that_its_successor_has_not(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log"
    serve = ["sh", "-c", f'exec {COMMAND} serve "$@" 2>{log}', "serve"]
    first = ServerProcess(tmp_path, serve, storage=local_url_of(tmp_path))
    async with first, pb.connect(first.live) as db:
        tasks = await db.collection("tasks")
        await tasks.insert({}, key="before")
        await (await db.collection("another")).insert({}, key="a")
        await db.drop("another")  # which waits until all before it is uploaded
        first.send(signal.SIGSTOP)
        second_log = tmp_path / "second"
        told = ["sh", "-c", f'exec {COMMAND} serve "$@" 2>{second_log}', "serve"]
        async with ServerProcess(tmp_path, told, storage=url_of(tmp_path)) as second:
            assert f"may lack commits that folder '{tmp_path / 'folder'}'" in second_log.read_text()
            first.send(signal.SIGCONT)
            acknowledged = ["before", *await insert_until_refused(tasks)]
            assert await first.wait() == 1
            assert "commits were acknowledged here and are not in the bucket" in log.read_text()
            async with pb.connect(second.live) as elsewhere:
                assert await (await elsewhere.collection("tasks")).keys() == ["before"]
    async with pb.open(f"file:{tmp_path / 'folder'}") as kept:
        assert {*acknowledged} <= {*await (await kept.collection("tasks")).keys()}
