"""What is large is shown in slices, between which others run and nobody sees a part of it."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from protobase_actors import ManualClock
from protobase_live.live.limits import ViewLimits
from protobase_live.live.table_change import JointChange, TableChange
from protobase_live.live.views import Views
from protobase_live.model.arrival import Arrival
from protobase_live.query.ast.expressions import F
from protobase_live.query.engine.table import Table
from protobase_live.query.language.query import Query

MANY = 3_000
"""Records of one transaction that take several slices."""

NAMES = ("tasks", "users", "rooms")


class WatchedTable:
    """Collections whose shows are made by hand."""

    def __init__(self, **limits: Any) -> None:
        clock = ManualClock()
        self.views = Views(self._begin, clock, partial(Arrival, clock, 1.0, "here"), ViewLimits(**limits))
        self.vectors = dict.fromkeys(NAMES, 0)

    async def _begin(self, name: str) -> None:
        table = self.views.table(name)
        table.apply([("0", {"n": 0})])
        self.views.begin(table, {"here": 0}, ["n"])

    def show(
        self, name: str, count: int = MANY, joint_change: JointChange | None = None
    ) -> asyncio.Future[None] | None:
        """A transaction inserts ``count`` records."""
        self.vectors[name] += 1
        first = self.vectors[name] * 1_000_000
        records = [(str(n), {"n": n}) for n in range(first, first + count)]
        return self.views.take(TableChange(name, records, {"here": self.vectors[name]}), joint_change)

    async def count(self, name: str) -> int:
        return len(await self.views.query(Query(name)))


@pytest.fixture
async def shown() -> WatchedTable:
    return WatchedTable()


def joint_change(parts: int) -> JointChange:
    made = JointChange()
    for _ in range(parts):
        made.expect()
    return made


async def rounds(done: asyncio.Future[None] | None) -> int:
    """How often others ran until it is done."""
    assert done is not None, "it was shown in one go"
    count = 0
    while not done.done():
        await asyncio.sleep(0)
        count += 1
    done.result()
    return count


async def test_others_run_while_much_is_shown(shown) -> None:
    watched = [await shown.views.watch(Query("tasks").where(F.n >= n)) for n in range(10)]
    for each in watched:
        await each.pull()
    assert await rounds(shown.show("tasks")) > 10 * MANY // 1_000
    assert [len((await each.pull()).changes) for each in watched] == [1 + MANY] + [MANY] * 9


async def test_little_is_shown_at_once(shown) -> None:
    watched = await shown.views.watch(Query("tasks"))
    await watched.pull()
    assert shown.show("tasks", 10) is None
    assert len(watched.poll().changes) == 10


async def test_one_record_that_concerns_many_views_is_shown_in_slices(shown) -> None:
    for number in range(1_000):
        await shown.views.watch(Query("tasks").where(F.n > number))
    assert await rounds(shown.show("tasks", 1)) > 1


async def test_queries_and_views_see_all_or_nothing(shown) -> None:
    queries = [Query("tasks"), Query("tasks").count(), Query("tasks").where(F.n > 5).order_by(F.n).limit(3)]
    watched = [await shown.views.watch(query) for query in queries]
    before = [len((await each.pull()).changes) for each in watched]
    done = shown.show("tasks")
    seen: set[int] = set()
    while not done.done():
        seen.add(await shown.count("tasks"))
        if not done.done():
            assert [each.poll() for each in watched] == [None] * 3
    assert before == [1, 1, 0]
    assert {1, 1 + MANY} >= seen
    assert 1 in seen, "queries go on meanwhile"
    assert await shown.count("tasks") == 1 + MANY
    assert [len(each.poll().changes) for each in watched] == [1 + MANY, 1, 3]


async def test_an_index_is_read_before_or_after(shown) -> None:
    query = Query("tasks").where(F.n > 5)
    assert await shown.views.query(query) == []
    done = shown.show("tasks")
    while not done.done():
        assert len(await shown.views.query(query)) in (0, MANY)
    assert len(await shown.views.query(query)) == MANY


async def test_transactions_of_a_collection_keep_their_order(shown) -> None:
    watched = await shown.views.watch(Query("tasks").count())
    await watched.pull()
    large, small = shown.show("tasks"), shown.show("tasks", 1)
    await rounds(large)
    assert (await watched.pull()).changes[0].row == {"count": 1 + MANY}
    await rounds(small)
    assert (await watched.pull()).changes[0].row == {"count": 2 + MANY}


async def test_other_collections_go_on_unless_a_view_reads_both(shown) -> None:
    for name in ("users", "rooms"):
        await shown.views.query(Query(name))
    both = await shown.views.watch(Query("tasks").union(Query("users"), all=True).count())
    await both.pull()
    large = shown.show("tasks")
    assert shown.show("rooms", 1) is None
    behind = shown.show("users", 1)
    await rounds(large)
    assert (await both.pull()).changes[0].row == {"count": 2 + MANY}
    await rounds(behind)
    assert (await both.pull()).changes[0].row == {"count": 3 + MANY}


async def test_parts_of_a_large_transaction_are_shown_together(shown) -> None:
    both = await shown.views.watch(Query("tasks").union(Query("users"), all=True).count())
    tasks = await shown.views.watch(Query("tasks").where(F.n > 5).count())
    assert [(await each.pull()).changes[0].row["count"] for each in (both, tasks)] == [2, 0]
    joint = joint_change(2)
    first = shown.show("tasks", joint_change=joint)
    assert first is not None, "it waits for the other part"
    await asyncio.sleep(0)
    assert not first.done()
    second = shown.show("users", 1, joint)
    while not second.done():
        assert both.poll() is tasks.poll() is None
        await asyncio.sleep(0)
    assert first.done()
    assert [each.poll().changes[0].row["count"] for each in (both, tasks)] == [3 + MANY, MANY]


async def test_who_is_a_little_behind_is_not_given_everything_again(shown) -> None:
    views = WatchedTable(retained_changes=2 * MANY)
    watched = await views.views.watch(Query("tasks"))
    seen = await watched.pull()
    await rounds(views.show("tasks"))
    assert not (await watched.pull()).reset
    assert not (await (await views.views.watch(Query("tasks"), seen.cursor)).pull()).reset
    few = await shown.views.watch(Query("tasks"))
    seen = await few.pull()
    await rounds(shown.show("tasks"))
    assert (await few.pull()).reset, "more changed than is kept"
    assert (await (await shown.views.watch(Query("tasks"), seen.cursor)).pull()).reset


async def test_a_view_that_is_opened_meanwhile_sees_all_of_it(shown) -> None:
    await shown.views.query(Query("tasks"))
    done = shown.show("tasks")
    watched = await shown.views.watch(Query("tasks").where(F.n > 5))
    assert done.done()
    assert len((await watched.pull()).changes) == MANY


@pytest.mark.parametrize("head_start", range(0, 40, 3))
async def test_a_view_that_is_being_filled_sees_all_of_it(shown, head_start) -> None:
    await shown.count("tasks")
    shown.show("tasks", 400)
    opening = asyncio.ensure_future(shown.views.watch(Query("tasks").where(F.n > 5)))
    for _ in range(head_start):
        await asyncio.sleep(0)
    done = shown.show("tasks")
    watched = await opening
    diff = await watched.pull()
    assert len(diff.changes) in (400, 400 + MANY)
    if done is not None:
        await rounds(done)
    if len(diff.changes) == 400:
        diff = await watched.pull()
    assert len(await shown.views.query(Query("tasks").where(F.n > 5))) == 400 + MANY
    assert len(diff.changes) in (MANY, 400 + MANY)


async def test_large_transactions_one_after_the_other_keep_nobody_waiting(shown) -> None:
    await shown.count("tasks")
    over = False

    async def go_on() -> None:
        while not over:
            records = [(str(n), {"n": n + shown.vectors["tasks"]}) for n in range(1_000)]
            shown.vectors["tasks"] += 1
            await shown.views.take(TableChange("tasks", records, {"here": shown.vectors["tasks"]}))

    busy = asyncio.ensure_future(go_on())
    await asyncio.sleep(0)
    for turn in range(5):
        watched = await shown.views.watch(Query("tasks").where(F.n > turn).count())
        await watched.pull()
        await shown.views.query(Query("tasks").where(F.n > turn))
    over = True
    await busy
    assert shown.vectors["tasks"] < 200


async def test_a_collection_that_ends_meanwhile(shown) -> None:
    tasks, users = [await shown.views.watch(Query(name).count()) for name in ("tasks", "users")]
    for each in (tasks, users):
        await each.pull()
    joint = joint_change(2)
    parts = [shown.show("tasks", joint_change=joint), shown.show("users", joint_change=joint)]
    shown.views.end("tasks")
    for part in parts:
        await rounds(part)
    assert (await users.pull()).changes[0].row == {"count": 1 + MANY}
    assert await shown.count("tasks") == 1


async def test_what_goes_wrong_is_told_to_who_shows(shown, monkeypatch) -> None:
    await shown.count("tasks")

    def broken(self: Table, changes: object) -> None:
        raise RuntimeError("the table broke")

    monkeypatch.setattr(Table, "take", broken)
    with pytest.raises(RuntimeError, match="the table broke"):
        await rounds(shown.show("tasks"))
    assert not shown.views.busy("users")
