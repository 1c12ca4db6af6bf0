"""What is told of collections from outside."""

from __future__ import annotations

import asyncio

import pytest

import protobase_live as pb
from protobase_live.collection.audience import Listeners
from protobase_live.collection.messages import Leave
from protobase_live.database.database import Database
from protobase_live.database.inspection import (
    InspectedCollection,
    inspected_collections,
    inspected_storage,
)
from protobase_live.errors import StorageFailed, Unavailable
from tests.protobase_live.conftest import GatedStorage, settle


async def inspected(database: Database, name: str = "tasks") -> InspectedCollection:
    [found] = await inspected_collections(database, name, "", 1, loaded=False)
    return found


async def names(database: Database, **how) -> list[str]:
    asked = {"prefix": "", "after": "", "limit": 10, "loaded": False, **how}
    return [each.name for each in await inspected_collections(database, **asked)]


async def test_a_page_of_what_is_stored_or_in_memory(database: Database, clock) -> None:
    for name in ("c", "a", "boards/1"):
        await (await database.collection(name)).insert({"n": 1})
    await clock.advance(1_000)
    assert not database.actor_stats()
    await database.ref("b")  # of which nothing is stored
    assert await names(database) == ["a", "b", "boards/1", "c"]
    assert await names(database, limit=2) == ["a", "b"]
    assert await names(database, after="b", limit=1) == ["boards/1"]
    assert await names(database, prefix="b") == ["b", "boards/1"]
    assert await names(database, loaded=True) == ["b"]


async def test_the_servers_own_collections_are_left_out(database: Database) -> None:
    await database.write("protobase:own", [])
    await database.ref("protobase:own")
    assert "protobase:own" in database.actor_stats()
    assert await names(database) == await names(database, prefix="protobase:") == []


async def test_what_a_collection_takes_and_what_its_actor_does(database: Database, clock) -> None:
    tasks = await database.collection("tasks")
    await tasks.insert({"n": 1})
    found = await inspected(database)
    [stored] = await database.collections()
    assert (found.log_commits, found.log_bytes) == (1, stored.log_bytes)
    assert found.actor is not None
    assert (found.actor.state, found.actor.mailbox, found.actor.restarts) == ("running", 0, 0)
    assert found.actor.turns >= 1
    await clock.advance(1_000)
    assert (await inspected(database)).actor is None


async def test_a_busy_collection_is_told_of(database: Database, storage: GatedStorage) -> None:
    """Its turn waits for the disk; nobody who asks about it does."""
    tasks = await database.collection("tasks")
    storage.gate.clear()
    writes: list[asyncio.Task[str]] = []
    for n in range(10):
        writes.append(asyncio.create_task(tasks.insert({"n": n})))
        await settle()
    actor = (await inspected(database)).actor
    assert actor is not None
    assert actor.mailbox == 7, "two turns are on their way to the disk, and the third has begun"
    storage.gate.set()
    await asyncio.gather(*writes)


async def test_who_listens(database: Database, yjs) -> None:
    client = await yjs("tasks")
    assert (await inspected(database)).listeners == Listeners(editors=1)
    query = pb.Query("tasks")
    async with database.changes("tasks"), database.live(query), database.live(query):
        assert (await inspected(database)).listeners == Listeners(editors=1, streams=1, live_queries=2)
        async with database.live(query.join("users", on={"owner": "name"}, as_="user")):
            assert (await inspected(database, "users")).listeners == Listeners(live_queries=1)
    await (await database.ref("tasks")).tell(Leave(client))
    await settle()
    assert (await inspected(database)).listeners == Listeners()


async def test_a_collection_that_is_loaded_again_has_new_listeners(database: Database, yjs, clock) -> None:
    client = await yjs("tasks")
    await (await database.ref("tasks")).tell(Leave(client))
    await settle()
    await clock.advance(1_000)
    assert not database.audiences
    await yjs("tasks")
    assert (await inspected(database)).listeners == Listeners(editors=1)


async def test_who_is_present(database: Database) -> None:
    await database.ref("tasks")
    async with database.presence("tasks", {"name": "ann"}), database.presence("tasks", {"name": "bob"}):
        assert (await inspected(database)).people == 2
    assert (await inspected(database)).people == 0


async def test_a_collection_that_is_read_only(database: Database, storage: GatedStorage) -> None:
    tasks = await database.collection("tasks")
    storage.failing = True
    with pytest.raises(Unavailable):
        await tasks.insert({"n": 1})
    assert (await inspected(database)).read_only == "the disk is gone"
    found = await inspected_storage(database)
    assert (found.failures, found.failure) == (1, "the disk is gone")


async def test_a_database_that_is_closed(database: Database) -> None:
    await database.close()
    with pytest.raises(StorageFailed):
        await inspected_collections(database, "", "", 1, loaded=False)
    with pytest.raises(StorageFailed):
        await inspected_storage(database)
