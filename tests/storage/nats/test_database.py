"""A database in a stream, as programs use it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import protobase_live as pb
from tests.support.nats_places import stream_of, url_of

pytestmark = pytest.mark.usefixtures("on_one")


async def test_a_database_is_there_again(tmp_path: Path) -> None:
    async with pb.open(url_of(tmp_path)) as db:
        tasks = await db.collection("tasks")
        await tasks.put({"title": "one"}, key="t1")
        async with db.transaction() as tx:
            tx["tasks"].insert({"title": "two"}, key="t2")
            tx["audit"].insert({"what": "added t2"}, key="a1")
    async with pb.open(url_of(tmp_path)) as db:
        assert [info.name for info in await db.collections()] == ["audit", "tasks"]
        tasks = await db.collection("tasks")
        assert await tasks.get("t1") == {"title": "one"}
        assert await tasks.get("t2") == {"title": "two"}
        await db.drop("tasks")
        assert await tasks.get("t1") is None
        await tasks.put({"title": "again"}, key="t1")
    async with pb.open(url_of(tmp_path)) as db:
        assert await (await db.collection("tasks")).get("t1") == {"title": "again"}


async def test_what_a_stream_cannot_promise_is_refused(tmp_path: Path) -> None:
    for level, why in (("majority", "takes a stream with 3 replicas"), ("peers=1", "'majority'")):
        with pytest.raises(pb.ValidationError, match=why):
            async with pb.open(url_of(tmp_path), durability=level):
                pass
    with pytest.raises(pb.ValidationError, match="no owner"):
        async with pb.open(url_of(tmp_path), owner="orders*"):
            pass


async def test_nodes_on_a_stream_are_not_linked(tmp_path: Path) -> None:
    async with pb.open(url_of(tmp_path)) as db:
        with pytest.raises(pb.ValidationError, match="are not linked"):
            pb.Server(db, peers=["ws://127.0.0.1:1/peer"], cluster_secret=b"a secret of sixteen bytes")


async def test_a_long_log_is_folded(tmp_path: Path) -> None:
    limits = pb.Limits(log_commits=20, retained_commits=5)
    async with pb.open(url_of(tmp_path), limits=limits) as db:
        tasks = await db.collection("tasks")
        for n in range(60):
            await tasks.put({"n": n}, key=f"t{n % 7}")
    async with pb.open(url_of(tmp_path)) as db:
        [info] = await db.collections()
        assert info.snapshot_bytes > 0
        assert info.log_commits < 40
        assert len(await db.query(pb.Query("tasks"))) == 7


async def test_an_erased_collection_goes_on(tmp_path: Path) -> None:
    async with pb.open(url_of(tmp_path)) as db:
        tasks = await db.collection("tasks")
        await tasks.put({"title": "secret"}, key="t1")
        await tasks.put({"title": "kept"}, key="t2")
        await db.erase("tasks", "t1")
        assert await tasks.get("t1") is None
        assert await tasks.get("t2") == {"title": "kept"}


async def test_how_long_a_stream_is_asked_again_can_be_set(tmp_path: Path) -> None:
    limits = pb.StorageLimits(stream_seconds=0.1)
    async with pb.open(url_of(tmp_path), storage_limits=limits) as db:
        tasks = await db.collection("tasks")
        await tasks.put({"title": "one"}, key="t1")
        stream: Any = db._storage._stream
        await stream.ask(f"STREAM.DELETE.{stream_of(tmp_path)}", {})
        async with asyncio.timeout(5):  # by default it is asked again for 10 seconds
            with pytest.raises(pb.Unavailable):
                await tasks.put({"title": "two"}, key="t2")
