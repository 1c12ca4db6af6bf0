"""Cases carried out on databases, embedded or remote."""

from __future__ import annotations

import asyncio

from protobase_live.api import DatabaseApi
from protobase_live.live.live import Live
from protobase_live.query.result.diff import Diff
from tests.support.query_cases import Case
from tests.support.query_data import Data, Row, Transaction, Write, after
from tests.support.query_oracle import equal

WAIT_SECONDS = 5
"""Longest wait for a difference; there is none at all, except in tests that fail."""


async def play(db: DatabaseApi, case: Case) -> Data:
    """Commit the data of a case and its transactions; what there is in the end."""
    await fill(db, case.data)
    data = case.data
    for transaction in case.transactions:
        data = await commit(db, transaction, data)
    return data


async def fill(db: DatabaseApi, data: Data) -> None:
    """Put all records into a database, in one transaction."""
    await commit(
        db, [Write(name, key, row) for name, rows in data.items() for key, row in rows.items()], data
    )


async def commit(db: DatabaseApi, transaction: Transaction, data: Data) -> Data:
    """Commit a transaction to what holds ``data``; what it holds then."""
    async with db.transaction() as tx:
        for write in transaction:
            collection = tx[write.collection]
            if write.fields is None:
                await collection.delete(write.key)
            elif write.patch and write.key in data[write.collection]:
                await collection.update(write.key, write.fields)
            else:
                await collection.put(write.fields, key=write.key)
    return after(data, transaction)


class Mirror:
    """A copy of a live query's rows, which its differences alone keep current."""

    def __init__(self, live: Live, rows: list[Row]) -> None:
        self.live = live
        self.rows = rows

    async def follow(self, expected: list[Row]) -> None:
        """Apply differences until the rows are the expected ones, or WAIT_SECONDS are over."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while not equal(self.rows, expected):
                    self.apply(await anext(self.live))
        except TimeoutError:
            raise AssertionError(f"followed: {self.rows}\nexpected: {expected}") from None

    def apply(self, diff: Diff) -> None:
        """Take a difference over."""
        self.rows = applied(diff, self.rows)


def applied(diff: Diff, rows: list[Row]) -> list[Row]:
    """What a difference makes of rows, as `diff` says."""
    now = [] if diff.reset else list(rows)
    for change in diff.changes:
        if change.kind == "insert":
            now.insert(change.position, change.row)
        elif change.kind == "update":
            now[change.position] = change.row
        elif change.kind == "delete":
            del now[change.position]
        else:
            assert change.previous is not None
            del now[change.previous]
            now.insert(change.position, change.row)
    return now
