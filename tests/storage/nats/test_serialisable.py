"""Transactions of three databases on one stream, on keys that they share: as if one ran after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

import pytest

import protobase_live as pb
from protobase_live.database.database import Database
from protobase_live.transactions.transaction import Transaction
from tests.support.nats_places import url_of
from tests.support.serialisability import Place, Ran, cycle_in

pytestmark = pytest.mark.usefixtures("on_one")

WORKERS = 2
"""Of each database, at once."""
TRANSACTIONS = 20
"""Of each of them."""
FAST_WRITES = 1_000
"""Of one who writes without a pause, at most, until all others are through."""
SOME_WRITES = 10
ATTEMPTS = pb.Limits(transact_attempts=1_000)


@pytest.fixture
async def three(tmp_path: Path) -> AsyncIterator[list[Database]]:
    """Three databases on one stream."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(pb.open(url_of(tmp_path), limits=ATTEMPTS)) for _ in range(3)]


async def run(db: Database, random: Random, name: str, places: list[Place]) -> Ran:
    """One transaction: reads some places, and writes some of them or none."""
    chosen = random.sample(places, random.randint(2, len(places)))
    written = chosen[: random.randint(0, len(chosen) - 1)]
    ran = Ran(name)

    async def body(tx: Transaction) -> None:
        ran.read = {}
        for collection, key in chosen:
            found = await tx[collection].get(key)
            ran.read[collection, key] = found and found["by"]
        for collection, key in written:
            tx[collection].put({"by": name}, key=key)

    await db.transact(body)
    ran.wrote = set(written)
    return ran


async def histories(three: list[Database], seed: int, places: list[Place]) -> list[Ran]:
    """What random transactions of all databases did, one after the other in each of their workers."""

    async def work(db: Database, name: str) -> list[Ran]:
        random = Random(f"{seed} {name}")
        return [await run(db, random, f"{name}-{n}", places) for n in range(TRANSACTIONS)]

    works = [work(db, f"{n}{worker}") for n, db in enumerate(three) for worker in range(WORKERS)]
    return [ran for each in await asyncio.gather(*works) for ran in each]


@pytest.mark.parametrize("seed", range(2))
async def test_in_one_collection(three: list[Database], seed: int) -> None:
    places = [("a", "x"), ("a", "y"), ("a", "z")]
    assert cycle_in(await histories(three, seed, places)) is None


@pytest.mark.parametrize("seed", range(2))
async def test_over_two_collections(three: list[Database], seed: int) -> None:
    places = [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")]
    assert cycle_in(await histories(three, seed, places)) is None


async def test_of_those_who_insert_a_key_one_does(three: list[Database]) -> None:
    handles = [await db.collection("a") for db in three]
    for n in range(20):
        inserts = [handle.insert({"by": number}, key=f"k{n}") for number, handle in enumerate(handles)]
        answers = await asyncio.gather(*inserts, return_exceptions=True)
        [winner] = [number for number, answer in enumerate(answers) if not isinstance(answer, Exception)]
        assert sum(isinstance(answer, pb.RecordExists) for answer in answers) == 2
        assert await handles[winner].get(f"k{n}") == {"by": winner}


async def test_of_those_who_increment_all_do(three: list[Database]) -> None:
    async def increment(tx: Transaction) -> int:
        n = (await tx["a"].get("k") or {"n": 0})["n"] + 1
        tx["a"].put({"n": n}, key="k")
        return n

    async def work(db: Database) -> list[int]:
        return [await db.transact(increment) for _ in range(20)]

    counted = [n for each in await asyncio.gather(*map(work, three)) for n in each]
    assert sorted(counted) == list(range(1, 61))


async def test_who_never_pauses_lets_the_others_write(three: list[Database]) -> None:
    fast, *others = [await db.collection("a") for db in three]
    written = 0

    async def write_on(key: str) -> None:
        nonlocal written
        while written < FAST_WRITES:
            await fast.put({"n": written}, key=key)
            written += 1

    async def write_some(number: int) -> int:
        """How much the fast one has written meanwhile."""
        before = written
        for n in range(SOME_WRITES):
            await others[number].put({"n": n}, key=f"{number}-{n}")
        return written - before

    writing = [asyncio.ensure_future(write_on(f"fast-{n}")) for n in range(2)]
    assert max(await asyncio.gather(write_some(0), write_some(1))) < FAST_WRITES / 2
    written = FAST_WRITES
    await asyncio.gather(*writing)
