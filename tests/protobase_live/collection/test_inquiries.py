"""What asks rather than writes."""

from __future__ import annotations

import asyncio

import pytest

import protobase_live as pb
from protobase_live.document import Document
from protobase_live.document.state_hash import STEP_VALUES
from protobase_storage import StorageFull


async def settle() -> None:
    for _ in range(100):
        await asyncio.sleep(0)


async def test_a_state_hash_is_told_when_what_it_saw_is_durable(database, storage):
    tasks = await database.collection("tasks")
    empty = await database.state_hash("tasks")
    storage.gate.clear()
    writing = asyncio.ensure_future(tasks.put({"n": 1}, key="a"))
    await settle()
    hashing = asyncio.ensure_future(database.state_hash("tasks"))
    await settle()
    assert not hashing.done()
    storage.gate.set()
    found = await hashing
    await writing
    assert (found.hash != empty.hash, [*found.vector.values()]) == (True, [1])


async def test_a_state_hash_of_what_was_not_stored_is_made_anew(database, storage):
    tasks = await database.collection("tasks")
    await tasks.put({"n": 1}, key="a")
    before = await database.state_hash("tasks")
    storage.gate.clear()
    storage.failing = StorageFull("no room left")
    writing = asyncio.ensure_future(tasks.put({"n": 2}, key="a"))
    await settle()
    hashing = asyncio.ensure_future(database.state_hash("tasks"))
    await settle()
    storage.gate.set()
    assert await hashing == before
    with pytest.raises(pb.Unavailable):
        await writing


async def test_a_mistake_in_hashing_concerns_who_asked_alone(database, monkeypatch):
    tasks = await database.collection("tasks")
    await tasks.put({"n": 1}, key="a")

    def broken(document: Document) -> object:
        raise IndexError("a mistake")

    monkeypatch.setattr(Document, "hash_in_steps", broken)
    with pytest.raises(pb.Unavailable, match="hashing tasks failed, nothing was done: IndexError"):
        await database.state_hash("tasks")
    assert (await tasks.get("a"))["n"] == 1
    monkeypatch.undo()
    assert len((await database.state_hash("tasks")).hash) == 64


async def test_others_run_while_a_large_collection_is_hashed(database):
    tasks = await database.collection("tasks")
    async with database.transaction() as tx:
        wide = tx.collection("tasks")
        for number in range(STEP_VALUES * 2):
            await wide.put({"n": number}, key=f"k{number}")
    await tasks.count()
    rounds = 0
    hashing = asyncio.ensure_future(database.state_hash("tasks"))
    while not hashing.done():
        rounds += 1
        await asyncio.sleep(0)
    assert rounds > 8
