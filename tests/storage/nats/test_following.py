"""Several databases on one stream: each shows what the others store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import protobase_live as pb
from protobase_live.database.database import Database
from protobase_live.model.state_hash import StateHash
from tests.support.nats_places import url_of

pytestmark = pytest.mark.usefixtures("on_one")


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[tuple[Database, Database]]:
    """Two databases on one stream."""
    async with pb.open(url_of(tmp_path)) as one, pb.open(url_of(tmp_path)) as other:
        yield one, other


async def agree(*databases: Database, collection: str = "tasks") -> None:
    """Wait until all show the same commits, and require the same state then."""

    async def told() -> list[StateHash]:
        return [await db.state_hash(collection) for db in databases]

    hashes = await told()
    while any(each.vector != hashes[0].vector for each in hashes):
        hashes = await told()
    assert len({each.hash for each in hashes}) == 1


async def test_what_one_writes_the_other_shows(both: tuple[Database, Database]) -> None:
    one, other = both
    there = await other.collection("tasks")
    async with there.changes() as changes:
        here = await one.collection("tasks")
        await here.put({"title": "a"}, key="t1")
        change = await anext(aiter(changes))
        assert (change.key, change.after) == ("t1", {"title": "a"})
        await here.update("t1", title="b")
        assert (await anext(aiter(changes))).after == {"title": "b"}
        await there.update("t1", done=True)
    await agree(one, other)
    assert await here.get("t1") == {"title": "b", "done": True}


async def test_a_live_query_shows_what_others_write(both: tuple[Database, Database]) -> None:
    one, other = both
    async with other.live(pb.Query("tasks").where(pb.F.n >= 2)) as live:
        tasks = await one.collection("tasks")
        for n in range(4):
            await tasks.put({"n": n}, key=f"t{n}")
        while len(live.rows) < 2:
            await anext(aiter(live))
        assert sorted(row["n"] for row in live.rows) == [2, 3]


async def test_both_write_at_once(both: tuple[Database, Database]) -> None:
    one, other = both
    handles = [await db.collection("tasks") for db in both]
    counters = [await handle.counter("hits") for handle in handles]
    lists = [await handle.list("log") for handle in handles]

    async def work(n: int) -> None:
        for turn in range(20):
            await handles[n].put({"by": n, "turn": turn}, key=f"k{turn % 5}")
            await counters[n].add(1)
            await lists[n].append(f"{n}:{turn}")

    await asyncio.gather(work(0), work(1))
    await agree(one, other)
    assert [await counter.value() for counter in counters] == [40, 40]
    assert len(await lists[0].values()) == 40


async def test_transactions_over_several_collections_come_whole(both: tuple[Database, Database]) -> None:
    one, other = both
    halves = pb.Query("left").join("right", on={"_key": "_key"}, as_="right", how="left")
    for name in ("left", "right"):
        await other.collection(name)
    async with other.live(halves) as live:
        for n in range(10):
            async with one.transaction() as tx:
                tx["left"].insert({"n": n}, key=f"k{n}")
                tx["right"].insert({"n": n}, key=f"k{n}")
                tx["elsewhere"].insert({"n": n}, key=f"k{n}")
        while len(live.rows) < 10:
            await anext(aiter(live))
            assert all(row["right"] is not None for row in live.rows)
    for name in ("left", "right", "elsewhere"):
        await agree(one, other, collection=name)


async def test_a_deletion_is_shown(both: tuple[Database, Database]) -> None:
    one, other = both
    here, there = await one.collection("tasks"), await other.collection("tasks")
    await here.put({"title": "a"}, key="t1")
    await agree(one, other)
    await one.drop("tasks")
    await here.put({"title": "new"}, key="t2")
    await agree(one, other)
    assert await there.get("t1") is None
    assert await there.get("t2") == {"title": "new"}
    await there.put({"title": "back"}, key="t3")
    await agree(one, other)
    assert await here.get("t3") == {"title": "back"}


async def test_both_fold(tmp_path: Path) -> None:
    limits = pb.Limits(log_commits=20, retained_commits=5)
    async with (
        pb.open(url_of(tmp_path), limits=limits) as one,
        pb.open(url_of(tmp_path), limits=limits) as other,
    ):
        handles = [await db.collection("tasks") for db in (one, other)]
        for n in range(60):
            for handle in handles:
                await handle.put({"n": n}, key=f"t{n % 7}")
        await agree(one, other)
        assert not one.unfolded.reasons
        assert not other.unfolded.reasons
    async with pb.open(url_of(tmp_path)) as again:
        assert len(await again.query(pb.Query("tasks"))) == 7


async def test_what_is_not_used_is_not_followed(both: tuple[Database, Database]) -> None:
    one, other = both
    for n in range(20):
        await (await one.collection(f"c{n}")).put({"n": n}, key="k")
    assert dict(other.actor_stats()) == {}
    assert await (await other.collection("c7")).get("k") == {"n": 7}
    assert list(other.actor_stats()) == ["c7"]
