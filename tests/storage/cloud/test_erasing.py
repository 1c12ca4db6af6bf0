"""Erasing in a bucket: no object has anything of it, whoever wrote it and whatever is beside it."""

from __future__ import annotations

import asyncio

import detangle
import pytest

from protobase_storage import StorageError, StorageFenced
from protobase_storage.cloud.keys import ERASING, PACKS, SLOTS
from protobase_storage.cloud.objects import Refused
from protobase_storage.cloud.patient import Patience
from protobase_storage.cloud.simulated import Bucket, SimulatedObjects
from protobase_storage.cloud.storage import CloudStorage
from protobase_storage.conformance.model import SECRET, make_commit, make_snapshot, perform, secrets
from tests.support.hooked_objects import HookedObjects

SLOT_COUNT = 4


async def opened(store: SimulatedObjects, slots: int = SLOT_COUNT) -> CloudStorage:
    return await CloudStorage.open(store, interval=0, checkpoint_slots=slots, patience=Patience(attempts=1))


def keys_with_secrets(bucket: Bucket) -> list[str]:
    return [key for key, body in bucket.objects.items() if SECRET in body]


def notes(bucket: Bucket) -> list[str]:
    """Those that say that something is being erased."""
    return [key for key in bucket.objects if key.startswith(ERASING)]


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
    assert notes(bucket) == []
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
    assert len(notes(bucket)) == 1
    assert (await storage.load("a")).commits == ()
    storage_store.delete = delete  # type: ignore[method-assign]
    await storage.close()
    again = await opened(store)
    assert keys_with_secrets(bucket) == []
    assert notes(bucket) == []
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


def test_an_erasure_keeps_nobody_waiting_who_waits_for_its_place() -> None:
    """A checkpoint, a fold of another collection, and a deletion that waits for the fold."""

    async def main() -> None:
        bucket, uploading = Bucket(), asyncio.Event()
        objects = HookedObjects(bucket)
        storage = await opened(objects)
        await storage.append([make_commit("a", 1), make_commit("b", 1)])
        objects.before_put["snap/a"] = uploading.wait
        erasing = asyncio.create_task(storage.erase("a", b"", make_snapshot("a", {"node-e": 1})))
        await asyncio.sleep(1)
        for sequence in range(2, 2 + SLOT_COUNT):
            await storage.append([make_commit("b", sequence)])
        folding = asyncio.create_task(storage.compact(make_snapshot("b", {"node-a": 2})))
        await asyncio.sleep(1)
        deleting = asyncio.create_task(storage.delete("b"))
        await asyncio.sleep(1)
        uploading.set()
        await asyncio.wait_for(asyncio.gather(erasing, folding, deleting), 10)
        assert (await storage.load("a")).snapshot == make_snapshot("a", {"node-e": 1})
        assert (await storage.load("b")).commits == ()
        await storage.close()

    detangle.run(main)


def test_what_an_erasure_leaves_is_kept_if_its_caller_does_not_wait() -> None:
    async def main() -> None:
        bucket, storing = Bucket(), asyncio.Event()
        objects = HookedObjects(bucket)
        storage = await opened(objects, slots=1000)
        await storage.append([make_commit("a", 1)])
        objects.before_put["wal/"] = storing.wait
        append = storage.append([make_commit("b", 1)])
        kept = make_snapshot("a", {"node-e": 1})
        erasing = asyncio.create_task(storage.erase("a", b"", kept))
        await asyncio.sleep(1)
        erasing.cancel()
        await storage._upkeep.checkpoint()
        storing.set()
        await append
        await storage.append([make_commit("b", 2)])
        await storage._upkeep.checkpoint()
        assert (await storage.load("a")).snapshot == kept
        await storage.close()
        again = await opened(SimulatedObjects(bucket))
        assert (await again.load("a")).snapshot == kept
        assert notes(bucket) == []

    detangle.run(main)


def test_the_end_of_one_erasure_is_not_that_of_another() -> None:
    async def main() -> None:
        bucket, ending = Bucket(), asyncio.Event()
        objects = HookedObjects(bucket)
        storage = await opened(objects, slots=1000)
        await storage.append([make_commit("a", 1), make_commit("b", 1, update=SECRET)])
        objects.before_delete[ERASING] = ending.wait
        first = asyncio.create_task(storage.erase("a"))
        await asyncio.sleep(1)
        second = asyncio.create_task(storage.erase("b"))
        await asyncio.sleep(1)
        objects.before_put["manifest/"] = asyncio.Event().wait  # it is killed there
        ending.set()
        await first
        await asyncio.wait([second], timeout=10)
        assert (await storage.load("b")).commits == ()
        assert keys_with_secrets(bucket)
        second.cancel()
        again = await opened(SimulatedObjects(bucket))
        assert (await again.load("b")).commits == ()
        assert keys_with_secrets(bucket) == []
        assert notes(bucket) == []

    detangle.run(main)


async def test_a_note_of_a_former_version_is_understood() -> None:
    bucket = Bucket()
    storage = await filled(bucket)
    await storage.delete("a")
    await storage.close()
    assert keys_with_secrets(bucket)
    bucket.objects[ERASING] = b""
    again = await opened(SimulatedObjects(bucket))
    assert keys_with_secrets(bucket) == []
    assert notes(bucket) == []
    await again.close()


async def test_what_failed_is_done_by_the_next_erasure() -> None:
    bucket = Bucket()
    storage = await filled(bucket)
    storage_store = storage._store

    async def refuse(keys: object) -> None:
        raise Refused("deleting is not allowed")

    delete, storage_store.delete = storage_store.delete, refuse  # type: ignore[method-assign]
    for _ in range(3):
        with pytest.raises(StorageError, match="not allowed"):
            await storage.erase("a")
    assert len(notes(bucket)) == 1
    storage_store.delete = delete  # type: ignore[method-assign]
    await storage.erase("b")
    assert keys_with_secrets(bucket) == []
    assert notes(bucket) == []
    await storage.close()


async def test_what_is_beside_what_moves_on_is_no_obstacle() -> None:
    """One of two collections in a pack has commits in slots, and leaves the other one there."""
    bucket = Bucket()
    storage = await opened(SimulatedObjects(bucket), slots=1000)
    await storage.append([make_commit("x", 1), make_commit("y", 1)])
    await storage._upkeep.checkpoint()
    await storage.append([make_commit("x", 2), make_commit("a", 1, update=SECRET)])
    await storage.erase("a")
    assert keys_with_secrets(bucket) == []
    assert len((await storage.load("x")).commits) == 2
    assert len((await storage.load("y")).commits) == 1
    await storage.close()
