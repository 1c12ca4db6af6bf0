"""A marker that was written before something is erased is in no byte of any file or object afterwards."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

import protobase_live as pb
from tests.durability.test_cloud import local_url_of
from tests.protobase_live.cli.command import run
from tests.support.cloud_places import url_of
from tests.support.dying_server import DIES_AT, DYING_SERVE, STEPS
from tests.support.marker import (
    KEPT,
    MARKER,
    in_files,
    in_objects,
    type_marker,
    write_marker,
    write_marker_everywhere,
)
from tests.support.server_nodes import WAIT_SECONDS, ServerNodes, nobody_lacks_anything
from tests.support.server_process import SERVE, ServerProcess

OFTEN = ("--limit", "log_commits=15", "--limit", "retained_commits=0")
"""Logs are folded while the marker is written."""


def web(server: ServerProcess) -> str:
    """Its address as people give it."""
    return f"http://127.0.0.1:{server.port}"


async def assert_the_rest_is_there(db: pb.RemoteDatabase) -> None:
    notes = await db.collection("notes")
    assert await notes.items() == {f"kept{n}": {"title": f"{KEPT} {n}"} for n in range(20)}
    assert await notes.text("page").value() == f"{KEPT} {KEPT}"
    assert await (await db.collection("other")).get("kept") == {"title": KEPT}


async def test_in_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with ServerProcess(folder, (*SERVE, *OFTEN)) as server:
        async with pb.connect(server.live) as db:
            await write_marker(db, server)
            await write_marker_everywhere(db)
            assert in_files(folder)
            code, out, err = await run("erase", web(server), "notes", "gone", "--json")
            assert (code, err) == (0, "")
            assert list(json.loads(out)["left"]) == []
            code, out, err = await run("erase", server.live, "page")
            assert (code, err) == (0, "")
            assert out.startswith("erased on ")
            assert in_files(folder) == []
            await assert_the_rest_is_there(db)
            await (await db.collection("notes")).put({"title": "new"}, key="gone")
        await server.restart()
        assert in_files(folder) == []
        async with pb.connect(server.live) as db:
            assert await (await db.collection("notes")).get("gone") == {"title": "new"}
            assert [each.name for each in await db.collections()] == ["notes", "other"]


@pytest.mark.parametrize("key", ["gone", None])
async def test_in_a_folder_that_nobody_has_open(tmp_path: Path, key: str | None) -> None:
    folder = tmp_path / "data"
    async with ServerProcess(folder) as server:
        async with pb.connect(server.live) as db:
            await write_marker(db, server)
        await server.kill()
        assert in_files(folder)
        assert (await run("erase", server.storage, "notes", *([key] if key else []))).code == 0
        assert in_files(folder) == []
        await server.start()
        async with pb.connect(server.live) as db:
            if key:
                await assert_the_rest_is_there(db)
            else:
                assert [each.name for each in await db.collections()] == ["other"]


@pytest.mark.parametrize("step", STEPS)
async def test_killed_at(tmp_path: Path, step: str) -> None:
    """It has begun by then: the next start completes it."""
    folder = tmp_path / "data"
    dying = ServerProcess(folder, DYING_SERVE, environment={DIES_AT: step})
    async with dying, pb.connect(dying.live) as db:
        await write_marker(db, dying)
        erasing = asyncio.create_task(db.erase("notes", "gone"))
        await dying.wait()
        erasing.cancel()
        await asyncio.wait([erasing])
    async with ServerProcess(folder) as server:
        assert in_files(folder) == []
        async with pb.connect(server.live) as db:
            await assert_the_rest_is_there(db)
            assert await (await db.collection("notes")).get("gone") is None


async def in_a_bucket(place: Path, storage: str) -> None:
    server = ServerProcess(
        place / "unused", (*SERVE, *OFTEN, "--limit", "checkpoint_slots=8"), storage=storage
    )
    async with server:
        async with pb.connect(server.live) as db:
            await write_marker(db, server)
            await write_marker_everywhere(db)
        await server.restart()  # slots of its epoch stay behind the takeover
        async with pb.connect(server.live) as db:
            await type_marker(server)
            assert in_objects(place)
            assert (await db.erase("notes", "gone")).left == {}
            assert (await db.erase("page")).left == {}
            assert (in_objects(place), in_files(place)) == ([], [])
            await assert_the_rest_is_there(db)
        await server.restart()
        assert (in_objects(place), in_files(place)) == ([], [])
        async with pb.connect(server.live) as db:
            await assert_the_rest_is_there(db)


@pytest.mark.usefixtures("on_seaweedfs")
async def test_in_s3(tmp_path: Path) -> None:
    await in_a_bucket(tmp_path, url_of(tmp_path))


@pytest.mark.usefixtures("on_fake_gcs")
async def test_in_google_cloud_storage(tmp_path: Path) -> None:
    await in_a_bucket(tmp_path, url_of(tmp_path))


@pytest.mark.usefixtures("on_seaweedfs")
async def test_in_a_folder_with_s3_behind(tmp_path: Path) -> None:
    await in_a_bucket(tmp_path, local_url_of(tmp_path))


async def test_on_three_nodes_of_which_one_is_away(tmp_path: Path) -> None:
    async with ServerNodes(tmp_path) as cluster:
        first, second, third = cluster.nodes
        async with pb.connect(first.live) as db:
            await nobody_lacks_anything(db, links=2)
            await write_marker(db, first)
            await nobody_lacks_anything(db, links=2)
            assert all(in_files(node.folder) for node in cluster.nodes)
            await third.kill()
            code, out, err = await run("erase", web(first), "notes", "gone", "--json")
            assert code == 1
            told = json.loads(out)
            assert (sorted(told["done"]), list(told["left"])) == (["n0", "n1"], ["n2"])
            assert "n2" in err
            assert in_files(first.folder) == in_files(second.folder) == []
            assert in_files(third.folder)
            await third.start()
            await nobody_lacks_anything(db, links=2)
            code, out, err = await run("erase", web(first), "notes", "gone", "--json")
            assert (code, err) == (0, "")
            assert sorted(json.loads(out)["done"]) == ["n0", "n1", "n2"]
            assert [in_files(node.folder) for node in cluster.nodes] == [[], [], []]
        for node in cluster.nodes:
            async with pb.connect(node.live) as db, asyncio.timeout(WAIT_SECONDS):
                notes = await db.collection("notes")
                async with notes.changes() as changes:
                    while len(await notes.items()) < 20:
                        await anext(changes)
                await assert_the_rest_is_there(db)


def test_the_marker_is_found_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\x00" + MARKER.encode())
    assert in_files(tmp_path) == [str(tmp_path / "file")]
