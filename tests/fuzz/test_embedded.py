"""Live queries of an embedded database show what asking again gives, and what the oracle says."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

import protobase_live as pb
from protobase_live.database.database import Database
from protobase_live.live.limits import ViewLimits
from protobase_live.query.engine.operator import Row
from protobase_storage import MemoryStorage
from tests.support.query_cases import EVERYTHING, SEARCHES, Case, cases, whole_cases
from tests.support.query_data import STORED, Data
from tests.support.query_live import Mirror, commit, fill
from tests.support.query_oracle import answer, equal

live_cases = st.one_of(whole_cases(STORED, language=language) for language in (EVERYTHING, SEARCHES))

MAX_TURNS = 10_000
"""Turns of the event loop after which a reader has seen everything there is."""


@cases(40)
@given(live_cases, st.booleans(), st.sets(st.integers(0, 4)))
def test_live_is_recomputed_is_the_oracles(case: Case, early: bool, unread: set[int]) -> None:
    asyncio.run(follow(case, early, unread))


async def follow(case: Case, early: bool, unread: set[int]) -> None:
    """Watch a query while all transactions commit; ``early``: from before there are records.

    After the ``unread`` ones nobody reads the differences, which are folded into the next.
    """
    async with pb.open("memory:") as db:
        if not early:
            await fill(db, case.data)
        async with db.live(case.query, case.params) as live:
            mirror = Mirror(live, live.rows)
            if early:
                await fill(db, case.data)
            await check(db, case, mirror, case.data)
            data = case.data
            for number, transaction in enumerate(case.transactions):
                data = await commit(db, transaction, data)
                await check(db, case, mirror, data, reads=number not in unread)
            await check(db, case, mirror, data)


async def check(db: pb.Database, case: Case, mirror: Mirror, data: Data, reads: bool = True) -> None:
    """After a commit, everybody has the same rows at once."""
    expected = answer(case.query, data, case.params)
    asked, live = await db.query(case.query, case.params), mirror.live.rows
    assert equal(asked, expected), f"recomputed: {asked}\nexpected: {expected}"
    assert equal(live, expected), f"live: {live}\nexpected: {expected}"
    if reads and not equal(mirror.rows, expected):
        mirror.apply(await anext(mirror.live))  # one difference says all that was not read yet
        assert equal(mirror.rows, expected), f"followed: {mirror.rows}\nexpected: {expected}"


@cases(25)
@given(live_cases, st.integers(0, 30), st.integers(0, 30))
def test_nobody_sees_half_a_transaction(case: Case, watched: int, asked: int) -> None:
    asyncio.run(watch(case, watched, asked))


async def watch(case: Case, watched: int, asked: int) -> None:
    """Begin to watch, and ask, after so many turns of the event loop, while transactions commit.

    All rows that anybody sees are a result after a whole transaction, and the results come in order.
    """
    seen: list[list[Row]] = []
    async with pb.open("memory:") as db:
        await fill(db, case.data)
        reading = asyncio.ensure_future(read(db, case, watched, seen))
        asking = asyncio.ensure_future(ask(db, case, asked))
        results, data = [answer(case.query, case.data, case.params)], case.data
        for transaction in case.transactions:
            data = await commit(db, transaction, data)
            results.append(answer(case.query, data, case.params))
        asked_rows = await asking
        assert any(equal(asked_rows, rows) for rows in results), f"{asked_rows} is no result of {results}"
        await settled(reading, seen, results[-1])
    remaining = iter(results)
    for rows in seen:
        assert any(equal(rows, each) for each in remaining), f"{rows} is not one of {results}, in order"


async def read(db: pb.Database, case: Case, turns: int, seen: list[list[Row]]) -> None:
    """Watch from a moment on, and note the rows after each difference."""
    await wait(turns)
    async with db.live(case.query, case.params) as live:
        mirror = Mirror(live, live.rows)
        seen.append(mirror.rows)
        async for diff in live:
            mirror.apply(diff)
            seen.append(mirror.rows)


async def ask(db: pb.Database, case: Case, turns: int) -> list[Row]:
    """Ask once, at a moment."""
    await wait(turns)
    return await db.query(case.query, case.params)


async def wait(turns: int) -> None:
    """Let the event loop turn."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def settled(reading: asyncio.Future[None], seen: list[list[Row]], last: list[Row]) -> None:
    """Wait until the reader has seen the last rows."""
    for _ in range(MAX_TURNS):
        if seen and equal(seen[-1], last):
            break
        await asyncio.sleep(0)
    else:
        raise AssertionError(f"the reader never saw {last}, but {seen}")
    reading.cancel()


@cases(25)
@given(live_cases, st.integers(0, 5), st.sampled_from([256, 0, 2, 5]))
def test_a_live_query_goes_on_where_it_was_left(case: Case, left: int, retained: int) -> None:
    asyncio.run(resume(case, left, retained))


async def resume(case: Case, left: int, retained: int) -> None:
    """Leave after some transactions, and come back after the others; so many changes are kept meanwhile."""
    limits = ViewLimits(retained_changes=retained)
    async with Database(MemoryStorage(), view_limits=limits) as db:
        await fill(db, case.data)
        data = case.data
        async with db.live(case.query, case.params) as live, db.live(case.query, case.params) as late:
            mirror = Mirror(late, late.rows)
            for transaction in case.transactions[:left]:
                data = await commit(db, transaction, data)
            rows, cursor = live.rows, live.cursor
            await check(db, case, mirror, data)
        assert equal(rows, answer(case.query, data, case.params))
        for transaction in case.transactions[left:]:
            data = await commit(db, transaction, data)
        async with db.live(case.query, case.params, since=cursor, rows=rows) as live:
            await check(db, case, Mirror(live, list(rows)), data)
