"""Erasing in a bucket: no object has anything of it, whoever wrote it and whatever is beside it."""

from __future__ import annotations

import pytest

from protobase_storage import StorageError, StorageFenced
from protobase_storage.cloud.keys import ERASING, PACKS, SLOTS
from protobase_storage.cloud.objects import Refused
from protobase_storage.cloud.patient import Patience
from protobase_storage.cloud.simulated import Bucket, SimulatedObjects
from protobase_storage.cloud.storage import CloudStorage
from protobase_storage.conformance.model import SECRET, make_commit, make_snapshot, perform, secrets

SLOT_COUNT = 4


async def opened(store: SimulatedObjects, slots: int = SLOT_COUNT) -> CloudStorage:
    return await CloudStorage.open(store, interval=0, checkpoint_slots=slots, patience=Patience(attempts=1))


def keys_with_secrets(bucket: Bucket) -> list[str]:
    return [key for key, body in bucket.objects.items() if SECRET in body]


async def filled(bucket: Bucket, slots: int = SLOT_COUNT) -> CloudStorage:
    storage = await opened(SimulatedObjects(bucket), slots)
    for effect in secrets(12)[:-1]:
        await perform(storage, effect)
    return storage


@pytest.mark.parametrize("slots", [1, SLOT_COUNT, 1000])
async def test_no_object_has_a_byte_of_it(slots: int) -> None:
    bucket = Bucket()
    storage = await filled(bucket, slots)
    assert keys_with_secrets(bucket)
    await storage.erase("a", b"remains", make_snapshot("a", {"node-e": 1}, update=b"kept"))
    assert keys_with_secrets(bucket) == []
    assert ERASING not in bucket.objects
    assert (await storage.load("a")).updates == [b"kept"]
    assert len((await storage.load("b")).commits) == 12
    await storage.append([make_commit("a", 2, origin="node-e")])
    await storage.close()
    again = await opened(SimulatedObjects(bucket))
    assert len((await again.load("a")).commits) == 1
    assert len((await again.load("b")).commits) == 12
    await again.close()


async def test_a_pack_that_is_nearly_full_of_other_things_is_written_anew() -> None:
    bucket = Bucket()
    storage = await opened(SimulatedObjects(bucket), slots=1000)
    await storage.append([make_commit("a", 1, update=SECRET), make_commit("b", 1, update=b"b" * 5000)])
    await storage._upkeep.checkpoint()
    assert [key.partition("/")[0] for key in keys_with_secrets(bucket)] == ["wal", "log"]
    await storage.erase("a")
    assert keys_with_secrets(bucket) == []
    assert any(key.startswith(PACKS) for key in bucket.objects)
    assert len((await storage.load("b")).commits) == 1
    await storage.close()


async def test_slots_that_stop_former_writers_still_do() -> None:
    bucket = Bucket()
    former = await filled(bucket, slots=1000)
    storage = await opened(SimulatedObjects(bucket))
    await storage.erase("a")
    assert keys_with_secrets(bucket) == []
    assert sum(key.startswith(SLOTS) for key in bucket.objects) >= 2
    with pytest.raises(StorageFenced):
        await former.append([make_commit("b", 100)])
    assert len((await storage.load("b")).commits) == 12
    await storage.close()
    await former.close()


async def test_what_cannot_be_deleted_now_is_deleted_by_the_next_opening() -> None:
    bucket = Bucket()
    store = SimulatedObjects(bucket)
    storage = await filled(bucket)
    storage_store = storage._store

    async def refuse(keys: object) -> None:
        raise Refused("deleting is not allowed")

    delete, storage_store.delete = storage_store.delete, refuse  # type: ignore[method-assign]
    with pytest.raises(StorageError, match="not allowed"):
        await storage.erase("a")
    assert keys_with_secrets(bucket)
    assert ERASING in bucket.objects
    assert (await storage.load("a")).commits == ()
    storage_store.delete = delete  # type: ignore[method-assign]
    await storage.close()
    again = await opened(store)
    assert keys_with_secrets(bucket) == []
    assert ERASING not in bucket.objects
    await again.close()


async def test_what_never_began_is_found_as_it_was() -> None:
    bucket = Bucket()
    storage = await filled(bucket)
    before = await storage.load("a")
    storage._store._store.faults.failure = Refused("no")  # type: ignore[attr-defined]
    with pytest.raises(StorageError):
        await storage.erase("a")
    storage._store._store.faults.failure = None  # type: ignore[attr-defined]
    assert await storage.load("a") == before
    await storage.close()


async def test_a_neighbour_that_cannot_be_read_is_named() -> None:
    bucket = Bucket()
    storage = await opened(SimulatedObjects(bucket), slots=1000)
    await storage.append([make_commit("a", 1, update=SECRET), make_commit("b", 1, update=b"b" * 50)])
    await storage._upkeep.checkpoint()
    (pack,) = [key for key in bucket.objects if key.startswith(PACKS)]
    bucket.objects[pack] = bucket.objects[pack].replace(b"bbbb", b"xxxx")
    with pytest.raises(StorageError, match="cannot be read"):
        await storage.erase("a")
    await storage.delete("b")
    await storage.erase("a")
    assert keys_with_secrets(bucket) == []
    await storage.close()
