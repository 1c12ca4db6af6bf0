"""What a transaction has written, read while other tasks of it write."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from protobase_live.model.operations import RECORDS, Op, Read
from protobase_live.transactions import Transaction
from protobase_live.transactions.overlay import Overlay

COUNT = 12


@pytest.fixture
def slow(backend):
    """It takes a while to answer."""
    read = backend.read

    async def slowly(collection: str, question: Any) -> Any:
        for _ in range(3):
            await asyncio.sleep(0)
        return await read(collection, question)

    backend.read = slowly
    return backend


@pytest.mark.parametrize("method", ["count", "items", "keys"])
async def test_a_read_shows_no_half_of_what_another_task_writes_meanwhile(slow, method: str) -> None:
    async with Transaction(slow) as tx:
        for n in range(COUNT):
            tx["tasks"].put({}, key=f"{n:02}")
    async with Transaction(slow) as tx:
        tasks = tx["tasks"]
        tasks.update("00", n=1)
        reading = asyncio.create_task(getattr(tasks, method)())
        moved = 0
        while not reading.done():
            if moved < COUNT:
                tasks.delete(f"{moved:02}")
                tasks.put({}, key=f"new{moved:02}")
                moved += 1
            await asyncio.sleep(0)
        found = await reading
        assert (found if method == "count" else len(found)) == COUNT
        assert moved > 3


async def test_a_page_is_full_even_if_much_of_it_is_deleted_meanwhile(slow) -> None:
    async with Transaction(slow) as tx:
        for n in range(COUNT):
            tx["tasks"].put({}, key=f"{n:02}")
    overlay = Overlay("tasks", partial(slow.read, "tasks"))
    overlay.add(Op(RECORDS, "put", ("other", {})))
    reading = asyncio.create_task(overlay.read(Read(RECORDS, "items", (None, 4))))
    for _ in range(2):
        await asyncio.sleep(0)
    for n in range(4):
        overlay.add(Op(RECORDS, "delete", (f"{n:02}",)))
    assert [key for key, _ in await reading] == ["04", "05", "06", "07"]
