"""Checkpoints, snapshots, and what is deleted when."""

import asyncio
from random import Random

import detangle
import pytest

from protobase_storage import CollectionCorrupt, Loaded, Snapshot, StorageError, StorageUnreachable
from protobase_storage.cloud import cleaning
from protobase_storage.cloud.keys import pack_key, slot_key, snapshot_key
from protobase_storage.cloud.objects import Refused, Unanswered
from protobase_storage.cloud.patient import Patience
from protobase_storage.cloud.simulated import Bucket, SimulatedObjects
from protobase_storage.cloud.storage import CloudStorage
from protobase_storage.conformance.model import make_commit, make_snapshot, perform_burst, read_state
from tests.support.hooked_objects import HookedObjects

PATIENCE = Patience(attempts=2, call_seconds=1, first_pause_seconds=0.1)


async def opened(objects: SimulatedObjects, slots: int = 4) -> CloudStorage:
    """A storage with many checkpoints."""
    return await CloudStorage.open(objects, interval=0, checkpoint_slots=slots, patience=PATIENCE)


def numbers(bucket: Bucket, kind: str) -> list[str]:
    """The keys of one kind."""
    return sorted(key for key in bucket.objects if key.startswith(kind))


def test_slots_and_objects_are_bounded_and_nothing_is_lost() -> None:
    async def main() -> None:
        bucket = Bucket()
        storage = await opened(SimulatedObjects(bucket))
        for sequence in range(1, 101):
            await storage.append([make_commit(f"c{sequence % 5}", sequence)])
            if sequence % 10 == 0:
                name = f"c{sequence % 5}"
                await storage.compact(make_snapshot(name, (await storage.load(name)).vector))
            await asyncio.sleep(0.01)
        assert len(numbers(bucket, "wal/")) <= 3 * 4
        assert len(numbers(bucket, "manifest/")) <= 2
        assert len(numbers(bucket, "snap/")) <= 2 * 5
        assert len(numbers(bucket, "log/")) <= 2 * 5
        state = await read_state(storage)
        await storage.close()
        assert await read_state(await opened(SimulatedObjects(bucket))) == state

    detangle.run(main)


def test_a_cold_database_of_ten_thousand_collections_reads_what_is_opened() -> None:
    async def main() -> None:
        bucket = Bucket()
        storage = await opened(SimulatedObjects(bucket), slots=100)
        for start in range(0, 10_000, 40):
            names = [f"c{n}" for n in range(start, start + 40)]
            await perform_burst(storage, [[make_commit(name, 1), make_commit(name, 2)] for name in names])
        await storage.compact(make_snapshot("c7", {"node-a": 1}))
        await storage.close()
        objects = SimulatedObjects(bucket)
        again = await opened(objects, slots=100)
        assert objects.requests["get"] <= 1 + 100 + 4  # the manifest, and the slots since
        assert objects.requests["put"] == 2
        assert objects.requests["list"] <= 5
        assert len(await again.list()) == 10_000
        for name, gets in (("c7", 2), ("c500", 1), ("c9999", 1)):
            before = objects.requests["get"]
            assert (await again.load(name)).vector == {"node-a": 2}
            assert objects.requests["get"] - before <= gets
        assert await again.commits_after("c1", {"node-a": 2}, 9) == ()
        assert objects.requests["get"] - before <= 1  # who has all is told so without reading anything

    detangle.run(main)


def test_a_reader_comes_to_an_end_whatever_is_compacted_meanwhile() -> None:
    async def main() -> None:
        bucket = Bucket()
        slow, random = SimulatedObjects(bucket), Random(7)
        storage = await opened(slow, slots=2)
        await storage.append([make_commit("a", n) for n in range(1, 50)])
        slow.faults.delay = (0.0, 0.2)
        reads = [asyncio.create_task(read_at(storage, random.uniform(0, 20))) for _ in range(100)]
        for sequence in range(50, 80):
            await storage.append([make_commit("a", sequence)])
            if sequence % 3 == 0:
                await storage.compact(make_snapshot("a", {"node-a": sequence - 5}))
        for loaded in await asyncio.gather(*reads):
            last = loaded.vector["node-a"]
            first = loaded.snapshot.vector["node-a"] + 1 if loaded.snapshot else 1
            assert [commit.sequence for commit in loaded.commits] == [*range(first, last + 1)]

    detangle.run(main)


async def read_at(storage: CloudStorage, seconds: float) -> Loaded:
    """What is read of `a` after a while."""
    await asyncio.sleep(seconds)
    return await storage.load("a")


def test_what_a_crash_left_is_deleted_with_the_first_checkpoint_and_nothing_else() -> None:
    async def main() -> None:
        bucket = Bucket()
        storage = await opened(SimulatedObjects(bucket))
        for sequence in range(1, 10):
            await storage.append([make_commit("a", sequence)])
        await storage.close()
        orphans = [snapshot_key("a", 1, 99), snapshot_key("gone", 1, 98), pack_key(1, 97), slot_key(3)]
        later, foreign = snapshot_key("a", 7, 1), ["snap/notes.txt", "log/README", "wal/x"]
        others = [later, *foreign]
        bucket.objects |= dict.fromkeys([*orphans, *others], b"left")
        again = await opened(SimulatedObjects(bucket))
        assert {*orphans} <= bucket.objects.keys()
        for sequence in range(10, 16):
            await again.append([make_commit("a", sequence)])
        await again.close()
        assert bucket.objects.keys().isdisjoint(orphans)
        assert {*others} <= bucket.objects.keys()
        assert len((await (await opened(SimulatedObjects(bucket))).load("a")).commits) == 15

    detangle.run(main)


def test_a_snapshot_that_comes_late_waits_for_no_checkpoint_that_waits_for_it() -> None:
    async def main() -> None:
        bucket, uploading = Bucket(), asyncio.Event()
        objects = HookedObjects(bucket)
        storage = await opened(objects, slots=2)
        await storage.append([make_commit("a", 1)])
        objects.before_put["snap/"] = uploading.wait
        folding = asyncio.create_task(storage.compact(make_snapshot("a", {"node-a": 1})))
        for sequence in range(2, 100):
            append = storage.append([make_commit("a", sequence)])
            _, waiting = await asyncio.wait([append], timeout=1)
            if waiting:
                break
        assert waiting, "a checkpoint that is far behind is waited for"
        uploading.set()
        await asyncio.wait_for(asyncio.gather(folding, append), 10)
        await asyncio.wait_for(storage.append([make_commit("b", 1)]), 10)
        await asyncio.wait_for(storage.close(), 10)
        assert len(numbers(bucket, "wal/")) <= 4
        assert (await (await opened(SimulatedObjects(bucket))).load("a")).vector == {"node-a": sequence}

    detangle.run(main)


def test_what_a_slot_in_doubt_names_is_kept_whatever_is_erased_meanwhile() -> None:
    async def main() -> None:
        bucket = Bucket()
        objects, uploading = HookedObjects(bucket), asyncio.Event()
        storage = await CloudStorage.open(objects, interval=0, patience=Patience(attempts=1))
        await storage.append([make_commit("a", 1), make_commit("b", 1)])
        objects.before_put["snap/"] = uploading.wait
        folding = asyncio.create_task(storage.compact(make_snapshot("a", {"node-a": 1})))
        await asyncio.sleep(1)
        erasing = asyncio.create_task(storage.erase("b"))
        await asyncio.sleep(1)
        objects.after_put["wal/"] = lose
        uploading.set()
        with pytest.raises(StorageUnreachable):
            await folding
        await erasing
        other = await opened(SimulatedObjects(bucket))
        assert (await other.load("a")).snapshot == make_snapshot("a", {"node-a": 1})
        assert (await other.load("b")).commits == ()

    detangle.run(main)


async def lose() -> None:
    raise Unanswered("the answer was lost")


def test_what_a_slot_in_doubt_named_is_deleted_when_it_does_not_count() -> None:
    async def main() -> None:
        bucket = Bucket()
        objects = HookedObjects(bucket)
        storage = await CloudStorage.open(objects, interval=0, patience=Patience(attempts=1))
        await storage.append([make_commit("a", 1), make_commit("b", 1)])
        folding = asyncio.create_task(storage.compact(make_snapshot("a", {"node-a": 1})))
        objects.after_put["wal/"] = lose
        with pytest.raises(StorageUnreachable):
            await folding
        await storage._upkeep.clean_all()
        assert len(numbers(bucket, "snap/")) == 1
        await storage.append([make_commit("b", 2)])
        await storage._upkeep.clean_all()
        assert numbers(bucket, "snap/") == []
        assert (await storage.load("a")).commits == (make_commit("a", 1),)
        await storage.close()

    detangle.run(main)


def test_a_pack_that_is_hardly_used_is_left() -> None:
    async def main() -> None:
        bucket = Bucket()
        storage = await opened(SimulatedObjects(bucket), slots=3)
        await storage.append([make_commit(f"c{n}", 1, update=b"x" * 1000) for n in range(10)])
        for sequence in range(1, 4):
            await storage.append([make_commit("busy", sequence)])
            await asyncio.sleep(1)
        [first] = numbers(bucket, "log/")
        for n in range(9):
            await storage.delete(f"c{n}")
        for sequence in range(4, 16):
            await storage.append([make_commit("busy", sequence)])
            await asyncio.sleep(1)
        assert first not in bucket.objects
        assert len((await storage.load("c9")).commits) == 1
        await storage.close()

    detangle.run(main)


def test_an_object_that_is_missing_makes_its_collection_corrupt_and_no_other() -> None:
    async def main() -> None:
        bucket = Bucket()
        storage = await opened(SimulatedObjects(bucket))
        await storage.append([make_commit("a", 1), make_commit("b", 1)])
        await storage.compact(make_snapshot("a", {"node-a": 1}))
        [key] = numbers(bucket, "snap/a/")
        del bucket.objects[key]
        with pytest.raises(CollectionCorrupt, match=f"object '{key}' is missing"):
            await storage.load("a")
        assert len((await storage.load("b")).commits) == 1

    detangle.run(main)


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (Unanswered("SlowDown: reduce your request rate"), StorageUnreachable),
        (Refused("ExpiredToken"), StorageError),
    ],
)
def test_what_the_store_does_not_take_is_told_and_all_goes_on_when_it_does(
    failure: Exception, error: type[StorageError]
) -> None:
    async def main() -> None:
        objects = SimulatedObjects(Bucket())
        storage = await opened(objects)
        await storage.append([make_commit("a", 1)])
        objects.faults.failure = failure
        appends = [storage.append([make_commit("a", 2)]), storage.append([make_commit("b", 1)])]
        outcomes = await asyncio.gather(*appends, return_exceptions=True)
        assert [type(each) for each in outcomes] == [error, error]
        assert str(failure) in str(outcomes[0])
        with pytest.raises(error, match=str(failure)):
            await storage.compact(Snapshot("a", b"s", {"node-a": 1}, 0.0))
        assert len((await storage.load("a")).commits) == 1  # from memory
        objects.faults.failure = None
        await storage.append([make_commit("a", 2)])
        await storage.compact(make_snapshot("a", {"node-a": 2}))
        assert (await storage.load("a")).vector == {"node-a": 2}

    detangle.run(main)


def test_deleting_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        bucket = Bucket()
        objects = SimulatedObjects(bucket)
        storage = await opened(objects)
        right, objects.delete = objects.delete, refuse
        for sequence in range(1, 20):
            await storage.append([make_commit("a", sequence)])
            await asyncio.sleep(0.01)
        assert len(numbers(bucket, "wal/")) == 20
        objects.delete = right
        for sequence in range(20, 30):
            await storage.append([make_commit("a", sequence)])
            await asyncio.sleep(0.01)
        assert len(numbers(bucket, "wal/")) <= 3 * 4

    monkeypatch.setattr(cleaning, "DELETE_AT_ONCE", 3)
    detangle.run(main)


async def refuse(keys: object) -> None:
    raise Refused("AccessDenied")


def test_one_slot_an_interval_and_nothing_while_idle() -> None:
    async def main() -> None:
        objects = SimulatedObjects(Bucket())
        storage = await CloudStorage.open(objects, interval=0.1)
        opened_with = objects.requests["put"]
        writers = [asyncio.create_task(append_often(storage, f"c{n}", 10)) for n in range(50)]
        await asyncio.gather(*writers)
        assert objects.requests["put"] - opened_with <= 10 / 0.1 + 2
        puts = objects.requests["put"]
        await asyncio.sleep(1000)
        assert objects.requests["put"] == puts

    detangle.run(main)


async def append_often(storage: CloudStorage, name: str, seconds: float) -> None:
    """One commit after the other is acknowledged, with a pause."""
    loop, sequence = asyncio.get_running_loop(), 0
    end = loop.time() + seconds
    while loop.time() < end:
        sequence += 1
        await storage.append([make_commit(name, sequence)])
        await asyncio.sleep(0.01)
