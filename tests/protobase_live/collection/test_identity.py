"""Who a database is in what it writes."""

from __future__ import annotations

from random import Random

import pytest

from protobase_live.collection.identity import LEAST_ID, Identity
from protobase_live.collection.messages import Updates
from protobase_live.database.database import Database
from protobase_live.protocol.yjs.structs import Structs
from protobase_storage import Storage
from tests.protobase_live.conftest import YjsClient


async def writers(storage: Storage, collection: str) -> set[int]:
    """The Yjs clients in the state vector of what is stored."""
    structs = Structs()
    for update in (await storage.load(collection)).updates:
        structs.take(update)
    return set(structs.vector)


async def test_many_activations_are_one_client(database: Database, storage, clock) -> None:
    tasks = await database.collection("tasks")
    for n in range(300):
        await tasks.put({"n": n}, key="k")
        await clock.advance(database.limits.idle_seconds * 2)
        assert not database.actor_stats()
    assert len(await writers(storage, "tasks")) == 1


async def test_each_collection_has_another_client(database: Database, storage) -> None:
    for name in "ab":
        await (await database.collection(name)).put({}, key="k")
    assert not await writers(storage, "a") & await writers(storage, "b")


@pytest.mark.parametrize("how", ["drop", "restore"])
async def test_what_takes_the_place_of_a_history_is_written_by_another(
    database: Database, storage, how: str
) -> None:
    """Copies of what was may be about, with clocks that must not be used for something else."""
    tasks = await database.collection("tasks")
    await tasks.put({"n": 1}, key="k")
    earlier = await database.backup("tasks")
    await tasks.put({"n": 2}, key="k")
    before = await writers(storage, "tasks")
    await database.drop("tasks")
    if how == "restore":
        await database.restore("tasks", earlier)
    await tasks.put({"n": 3}, key="k")
    after = await writers(storage, "tasks")
    assert len(after - before) == 1
    assert (after & before == set()) == (how == "drop")


async def test_a_copy_of_another_collection_is_taken(database: Database, storage) -> None:
    """An application duplicates a document that programs have written to."""
    await (await database.collection("a")).put({"n": 1}, key="k")
    ref = await database.ref("b")
    client = YjsClient(ref)
    await ref.ask(Updates(client, [commit.update for commit in (await storage.load("a")).commits]))
    assert client.rejected is None
    assert await (await database.collection("b")).items() == {"k": {"n": 1}}


def test_a_node_writes_under_another_name_on_each_disk() -> None:
    assert [Identity(Random(1), "node", disk).writer for disk in ("a", "b", "node")] == [
        "node/a",
        "node/b",
        "node",
    ]


def test_ids_are_what_yjs_takes() -> None:
    identity = Identity(Random(1), "node", "disk")
    ids = {identity.client_id(f"c{n}") for n in range(1_000)}
    assert len(ids) == 1_000
    assert all(LEAST_ID <= each < 2**53 for each in ids)
