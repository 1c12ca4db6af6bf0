"""Cases carried out on databases, embedded or remote."""

from __future__ import annotations

from protobase_live.api import DatabaseApi
from tests.support.query_cases import Case
from tests.support.query_data import Data, Transaction, Write, after


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
