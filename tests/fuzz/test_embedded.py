"""Live queries of an embedded database show what asking again gives, and what the oracle says."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

import protobase_live as pb
from protobase_live.query.operators.operator import Row
from tests.support.query_cases import Case, cases, whole_cases
from tests.support.query_data import STORED, Data
from tests.support.query_live import Mirror, commit, fill
from tests.support.query_oracle import answer, equal


@cases(40)
@given(whole_cases(STORED), st.booleans(), st.sets(st.integers(0, 4)))
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


@cases(20)
@given(whole_cases(STORED))
def test_nobody_sees_half_a_transaction(case: Case) -> None:
    asyncio.run(watch(case))


async def watch(case: Case) -> None:
    """Keep all rows that a reader ever sees; each is a result after a whole transaction, in their order."""
    seen: list[list[Row]] = []
    async with pb.open("memory:") as db:
        await fill(db, case.data)
        async with db.live(case.query, case.params) as live:
            reading = asyncio.ensure_future(read(Mirror(live, live.rows), seen))
            expected, data = [answer(case.query, case.data, case.params)], case.data
            for transaction in case.transactions:
                data = await commit(db, transaction, data)
                expected.append(answer(case.query, data, case.params))
            await asyncio.sleep(0)
            reading.cancel()
    results = iter(expected)
    for rows in seen:
        assert any(equal(rows, result) for result in results), f"{rows} is no result, or comes too late"


async def read(mirror: Mirror, seen: list[list[Row]]) -> None:
    """Note the rows after each difference."""
    async for diff in mirror.live:
        mirror.apply(diff)
        seen.append(list(mirror.rows))


@cases(20)
@given(whole_cases(STORED), st.integers(0, 5))
def test_a_live_query_goes_on_where_it_was_left(case: Case, left: int) -> None:
    asyncio.run(resume(case, left))


async def resume(case: Case, left: int) -> None:
    """Leave after some transactions, and come back after the others."""
    async with pb.open("memory:") as db:
        await fill(db, case.data)
        data = case.data
        async with db.live(case.query, case.params) as live:
            for transaction in case.transactions[:left]:
                data = await commit(db, transaction, data)
            rows, cursor = live.rows, live.cursor
        assert equal(rows, answer(case.query, data, case.params))
        for transaction in case.transactions[left:]:
            data = await commit(db, transaction, data)
        async with db.live(case.query, case.params, since=cursor, rows=rows) as live:
            mirror = Mirror(live, list(rows))
            await check(db, case, mirror, data)
