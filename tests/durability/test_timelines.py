"""A cursor belongs to the history that gave it: of any other history it is answered with `reset`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import protobase_live as pb
from protobase_live.collection.limits import Limits

QUERY = pb.Query("orders")

MORE = [f"x{n:02}" for n in range(12)]


class Consumer:
    """Keeps a copy of the collection by a change stream, and another one by a live query."""

    def __init__(self) -> None:
        self.copy: dict[Any, Any] = {}
        self.kinds: list[str] = []
        self.cursor = pb.START
        self.live_cursor: str | None = None
        self.rows: list[Any] | None = None
        self.was_reset = False

    async def follow(self, db: pb.Database, until: str) -> None:
        """Take in everything up to the record ``until``."""
        orders = await db.collection("orders")
        self.kinds.clear()
        async with orders.changes(since=self.cursor) as changes:
            while until not in self.copy:
                change = await anext(changes)
                self.kinds.append(change.kind)
                if change.kind == "reset":
                    self.copy.clear()
                elif change.after is None:
                    self.copy.pop(change.key, None)
                else:
                    self.copy[change.key] = change.after
            self.cursor = change.cursor

    async def look(self, db: pb.Database) -> set[str]:
        """The keys that the live query shows when it goes on."""
        async with db.live(QUERY, since=self.live_cursor, rows=self.rows) as live:
            keys = {row["_key"] for row in live.rows}
            self.live_cursor, self.rows = live.cursor, live.rows
        return keys


async def put(db: pb.Database, *keys: str) -> None:
    """Each record a commit of its own."""
    orders = await db.collection("orders")
    for key in keys:
        await orders.put({"made": key}, key=key)


async def check(consumer: Consumer, db: pb.Database) -> None:
    """Both copies are the collection as it is."""
    truth = await (await db.collection("orders")).items()
    assert await consumer.look(db) == truth.keys()
    await put(db, *MORE)  # more than were lost: a reader that waits for what it knows is wrong, not silent
    await consumer.follow(db, MORE[-1])
    assert consumer.copy == await (await db.collection("orders")).items()


async def filled(url: str, place: Path, **options: Any) -> Consumer:
    """Three commits that are in the copy at ``place``, three more that are not, and who has seen all six."""
    consumer = Consumer()
    async with pb.open(url, **options) as db:
        await put(db, "m0", "m1", "m2")
    shutil.copytree(url.removeprefix("file:"), place)
    async with pb.open(url, **options) as db:
        await put(db, "n0", "n1", "n2")
        await consumer.follow(db, "n2")
        await consumer.look(db)
    return consumer


@pytest.mark.parametrize("later", range(11))
async def test_a_restored_backup(tmp_path: Path, later: int) -> None:
    data = tmp_path / "data"
    consumer = await filled(f"file:{data}", tmp_path / "backup")
    shutil.rmtree(data)
    shutil.copytree(tmp_path / "backup", data)
    async with pb.open(f"file:{data}") as db:
        await put(db, *(f"e{n}" for n in range(later)))
        await check(consumer, db)
    assert consumer.kinds[0] == "reset"
    assert consumer.kinds.count("reset") == 1


@pytest.mark.parametrize("later", range(11))
async def test_a_view_that_others_watch(tmp_path: Path, later: int) -> None:
    """It has the recent past, in which the numbers of the cursor stand for other commits."""
    data = tmp_path / "data"
    consumer = await filled(f"file:{data}", tmp_path / "backup")
    shutil.rmtree(data)
    shutil.copytree(tmp_path / "backup", data)
    async with pb.open(f"file:{data}") as db, db.live(QUERY):
        await put(db, *(f"e{n}" for n in range(later)))
        await check(consumer, db)


@pytest.mark.parametrize("later", range(11))
async def test_a_restored_backup_that_was_folded_since(tmp_path: Path, later: int) -> None:
    """Nothing of the log is retained: what the snapshot covers tells the histories apart."""
    data, limits = tmp_path / "data", Limits(log_commits=1, retained_commits=0)
    consumer = await filled(f"file:{data}", tmp_path / "backup", limits=limits)
    shutil.rmtree(data)
    shutil.copytree(tmp_path / "backup", data)
    async with pb.open(f"file:{data}", limits=limits) as db:
        await put(db, *(f"e{n}" for n in range(later)))
        await check(consumer, db)
    assert consumer.kinds[0] == "reset"


@pytest.mark.parametrize("later", range(5))
async def test_a_commit_that_was_read_in_part_and_is_lost(tmp_path: Path, later: int) -> None:
    """The cursor is between two changes of a commit; another commit is in its place now."""
    data, consumer = tmp_path / "data", Consumer()
    async with pb.open(f"file:{data}") as db:
        await put(db, "m0")
    shutil.copytree(data, tmp_path / "backup")
    async with pb.open(f"file:{data}") as db:
        await put_together(db, "n0", "n1", "n2")
        await consumer.follow(db, "n1")
        await consumer.look(db)
    shutil.rmtree(data)
    shutil.copytree(tmp_path / "backup", data)
    async with pb.open(f"file:{data}") as db:
        if later:
            await put_together(db, *(f"e{n}" for n in range(later)))
        await check(consumer, db)
    assert consumer.kinds[0] == "reset"


async def put_together(db: pb.Database, *keys: str) -> None:
    """All records in one commit."""
    async with db.transaction() as tx:
        for key in keys:
            tx["orders"].insert({"made": key}, key=key)


async def test_a_cursor_that_the_backup_has_goes_on(tmp_path: Path) -> None:
    data, consumer = tmp_path / "data", Consumer()
    async with pb.open(f"file:{data}") as db:
        await put(db, "m0", "m1")
        await consumer.follow(db, "m1")
        await put(db, "m2")
    shutil.copytree(data, tmp_path / "backup")
    async with pb.open(f"file:{data}") as db:
        await put(db, "lost")
    shutil.rmtree(data)
    shutil.copytree(tmp_path / "backup", data)
    async with pb.open(f"file:{data}") as db:
        await put(db, "last")
        await consumer.follow(db, "last")
    assert consumer.kinds == ["insert", "insert"]
    assert consumer.copy.keys() == {"m0", "m1", "m2", "last"}


@pytest.mark.parametrize("later", range(6))
async def test_copies_of_one_folder_are_different_origins(tmp_path: Path, later: int) -> None:
    data, copy, consumer = tmp_path / "data", tmp_path / "copy", Consumer()
    async with pb.open(f"file:{data}") as db:
        await put(db, "m0")
    shutil.copytree(data, copy)
    async with pb.open(f"file:{data}") as db, pb.open(f"file:{copy}") as other:
        await put(db, "n0", "n1", "n2")
        await consumer.follow(db, "n2")
        await consumer.look(db)
        await put(other, *(f"o{n}" for n in range(later)))
        assert await origins(db) & await origins(other) == await origins(db, 1) == await origins(other, 1)
        await check(consumer, other)
    assert consumer.kinds[0] == "reset"


async def origins(db: pb.Database, count: int | None = None) -> set[str]:
    """Who made the first ``count`` commits of the collection."""
    return {commit.origin for commit in (await db.storage.load("orders")).commits[:count]}


async def test_restarts_leave_no_trace_in_a_cursor(tmp_path: Path) -> None:
    """However often a database is opened, everybody goes on, and cursors are as long as before."""
    url, consumer, lengths = f"file:{tmp_path / 'data'}", Consumer(), set[int]()
    for n in range(20):
        async with pb.open(url) as db:
            await put(db, f"k{n}")
            await consumer.follow(db, f"k{n}")
            lengths.add(len(consumer.cursor))
            assert "reset" not in consumer.kinds
    assert len(lengths) == 1


async def test_a_live_query_goes_on_after_a_restart(tmp_path: Path) -> None:
    url, consumer = f"file:{tmp_path / 'data'}", Consumer()
    async with pb.open(url) as db:
        await put(db, "k0")
        await consumer.look(db)
    async with pb.open(url) as db, db.live(QUERY, since=consumer.live_cursor, rows=consumer.rows) as live:
        await put(db, "k1")
        diff = await anext(live)
    assert not diff.reset
    assert [change.kind for change in diff.changes] == ["insert"]
