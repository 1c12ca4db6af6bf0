"""`transact`: retried on Conflict, fair, bounded."""

import asyncio

import pytest

from protobase_live.errors import Conflict
from protobase_live.transactions import MAX_ATTEMPTS, Transaction, transact


async def bump(tx):
    """Read, let others run, write: conflicts with every other bump under way."""
    row = await tx["tasks"].get("n") or {"n": 0}
    await asyncio.sleep(0)
    tx["tasks"].put({"n": row["n"] + 1}, key="n")
    return row["n"] + 1


async def test_the_result_is_returned(backend):
    lock = asyncio.Lock()
    assert await transact(backend, bump, lock=lock) == 1
    assert await transact(backend, lambda tx: tx["tasks"].insert(title="a", key="a"), lock=lock) == "a"
    assert await transact(backend, lambda tx: 7, lock=lock) == 7
    assert len(backend.commits) == 2


async def test_contenders_all_get_through(backend):
    lock = asyncio.Lock()
    results = await asyncio.gather(*(transact(backend, bump, lock=lock) for _ in range(50)))
    assert sorted(results) == list(range(1, 51))
    async with Transaction(backend) as tx:
        assert await tx["tasks"].get("n") == {"n": 50}


async def test_the_last_conflict_is_raised(backend):
    attempts = 0

    def fn(tx):
        nonlocal attempts
        attempts += 1
        raise Conflict("always")

    lock = asyncio.Lock()
    with pytest.raises(Conflict, match="gave up after 3 attempts: always") as raised:
        await transact(backend, fn, lock=lock, attempts=3)
    assert raised.value.retryable
    assert attempts == 3
    with pytest.raises(Conflict, match=f"after {MAX_ATTEMPTS} attempts"):
        await transact(backend, fn, lock=lock)
    assert not lock.locked()


async def test_other_errors_are_not_retried(backend):
    attempts = 0

    def fn(tx):
        nonlocal attempts
        attempts += 1
        tx["tasks"].insert(title="a", key="a")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await transact(backend, fn, lock=asyncio.Lock())
    assert attempts == 1
    assert backend.commits == []


async def test_the_author_is_recorded(backend):
    await transact(backend, bump, lock=asyncio.Lock(), author="ann")
    assert backend.commits[0][2] == "ann"
