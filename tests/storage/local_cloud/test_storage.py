"""A folder with a bucket behind it: the conformance suite, and how far the bucket may be behind."""

import asyncio
from pathlib import Path

import pytest

from protobase_storage import (
    StorageBusy,
    StorageClosed,
    StorageError,
    StorageFenced,
    StorageFull,
    StorageUnreachable,
)
from protobase_storage.cloud.objects import Unanswered
from protobase_storage.cloud.patient import Patience
from protobase_storage.cloud.simulated import Bucket, SimulatedObjects
from protobase_storage.cloud.storage import CloudStorage
from protobase_storage.cloud.view import CloudView
from protobase_storage.conformance.basics import StorageConformance
from protobase_storage.conformance.model import make_commit, make_snapshot
from protobase_storage.conformance.stateful import model_test
from protobase_storage.local_cloud.opening import open_local
from protobase_storage.local_cloud.storage import LocalCloudStorage
from protobase_storage.reserve import Reserve

IMPATIENT = Patience(attempts=1, first_pause_seconds=0)
CUT = Unanswered("the connection was cut")

BUCKETS: dict[Path, Bucket] = {}
"""One for each folder, for as long as the tests run."""


async def opened(place: Path, **options: float) -> LocalCloudStorage:
    objects = SimulatedObjects(BUCKETS.setdefault(Path(place), Bucket()))
    return await open_local(objects, place, **{"interval": 0, "checkpoint_slots": 4} | options)


class TestLocalCloud(StorageConformance):
    async def open(self, place: Path) -> LocalCloudStorage:
        return await opened(place)


TestLocalCloudModel = model_test(opened, persistent=True, examples=10, steps=15)


class Held(SimulatedObjects):
    """A store that answers no writing of a slot, or of what ``holds`` names, until it is let go of."""

    def __init__(self, bucket: Bucket) -> None:
        super().__init__(bucket)
        self.holds = "wal/"
        self.free = asyncio.Event()
        self.asked = asyncio.Event()
        self.free.set()

    async def put(self, key: str, body: bytes) -> bool:
        if key.startswith(self.holds) and not self.free.is_set():
            self.asked.set()
            await self.free.wait()
        return await super().put(key, body)


async def held(tmp_path: Path, **options: float) -> tuple[LocalCloudStorage, Held]:
    objects = Held(Bucket())
    storage = await open_local(objects, tmp_path, interval=0, patience=IMPATIENT, **options)
    objects.free.clear()
    return storage, objects


async def all_is_in_the_folder(storage: LocalCloudStorage) -> None:
    """The folder has done what it was told before."""
    await storage._folder.append([make_commit("z", 1)])
    await asyncio.sleep(0)


async def in_bucket(objects: SimulatedObjects, name: str) -> int:
    """How many commits of a collection the bucket has."""
    view = await CloudView.open(SimulatedObjects(objects._bucket))
    return len((await view.load(name)).commits)


async def test_a_commit_is_acknowledged_before_it_is_uploaded(tmp_path: Path) -> None:
    storage, objects = await held(tmp_path)
    await storage.append([make_commit("a", 1)])
    await objects.asked.wait()
    assert len((await storage.load("a")).commits) == 1
    assert await in_bucket(objects, "a") == 0
    stats = await storage.stats()
    assert stats.unuploaded_bytes > 0
    assert stats.unuploaded_seconds >= 0
    objects.free.set()
    await storage.compact(make_snapshot("a", {"node-a": 1}))
    stats = await storage.stats()
    assert (stats.unuploaded_bytes, stats.unuploaded_seconds) == (0, 0.0)
    await storage.close()


@pytest.mark.parametrize("limit", [{"unuploaded_bytes": 1}, {"unuploaded_seconds": 0.0}])
async def test_writers_wait_while_the_bucket_is_too_far_behind(
    tmp_path: Path, limit: dict[str, float]
) -> None:
    storage, objects = await held(tmp_path, **limit)
    await storage.append([make_commit("a", 1)])
    await objects.asked.wait()
    waiting = [storage.append([make_commit("a", 2)]), storage.append([make_commit("b", 1)])]
    await all_is_in_the_folder(storage)
    assert not any(each.done() for each in waiting)
    assert (await storage.stats()).backlog > 0
    objects.free.set()
    await asyncio.gather(*waiting)
    assert (await storage.load("a")).commits == (make_commit("a", 1), make_commit("a", 2))
    await storage.close()
    assert await in_bucket(objects, "a") == 2


async def test_what_waits_has_a_limit(tmp_path: Path) -> None:
    storage, objects = await held(tmp_path, unuploaded_bytes=1, backlog_limit=1)
    await storage.append([make_commit("a", 1)])
    first = storage.append([make_commit("a", 2)])
    with pytest.raises(StorageBusy, match="bytes wait for the bucket; the limit is 1"):
        await storage.append([make_commit("a", 3)])
    objects.free.set()
    await first
    await storage.close()


async def test_what_waits_for_a_bucket_that_takes_nothing_is_not_stored(tmp_path: Path) -> None:
    storage, objects = await held(tmp_path, unuploaded_bytes=1)
    await storage.append([make_commit("a", 1)])
    await objects.asked.wait()
    waiting = [storage.append([make_commit("a", 2)]), storage.append([make_commit("b", 1)])]
    objects.faults.failure = CUT
    objects.free.set()
    for each in waiting:
        with pytest.raises(StorageUnreachable):
            await each
    assert [each.name for each in await storage.list()] == ["a"]
    for call in (storage.compact(make_snapshot("a", {"node-a": 1})), storage.delete("a")):
        with pytest.raises(StorageUnreachable):
            await call
    objects.faults.failure = None
    await storage.compact(make_snapshot("a", {"node-a": 1}))  # the bucket is asked again, by and by
    await storage.append([make_commit("a", 2, update=b"again")])
    assert (await storage.load("a")).commits == (make_commit("a", 2, update=b"again"),)
    await storage.close()


@pytest.mark.parametrize(("vector", "waits"), [({"node-a": 1}, False), ({"node-a": 1, "node-b": 1}, True)])
async def test_nothing_is_added_in_the_folder_while_the_bucket_alone_has_what_another_node_brought(
    tmp_path: Path, vector: dict[str, int], waits: bool
) -> None:
    storage, objects = await held(tmp_path)
    objects.holds = "snap/"
    await storage.append([make_commit("a", 1)])
    compaction = asyncio.ensure_future(storage.compact(make_snapshot("a", vector)))
    await objects.asked.wait()
    appended = storage.append([make_commit("a", 2)])
    await all_is_in_the_folder(storage)
    assert appended.done() != waits
    objects.free.set()
    await asyncio.gather(compaction, appended)
    assert (await storage.load("a")).commits == (make_commit("a", 2),)
    await storage.close()


async def test_what_cannot_be_uploaded_at_the_end_is_told_and_uploaded_first_the_next_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    storage, objects = await held(tmp_path)
    await storage.append([make_commit("a", 1), make_commit("b", 1)])
    objects.faults.failure = CUT
    objects.free.set()
    await storage.close()
    assert "1 commits were acknowledged" not in caplog.text
    assert f"2 commits were acknowledged here and are not in the bucket: folder '{tmp_path}'" in caplog.text
    objects.faults.failure = None
    assert await in_bucket(objects, "a") == 0
    storage = await open_local(objects, tmp_path, interval=0)
    assert await in_bucket(objects, "a") == await in_bucket(objects, "b") == 1
    await storage.close()


async def damaged(tmp_path: Path, **options: float) -> tuple[LocalCloudStorage, SimulatedObjects]:
    """A folder that has `a` and `b`; in the bucket `a` cannot be read any more."""
    objects = SimulatedObjects(Bucket())
    storage = await open_local(objects, tmp_path, interval=0)
    await storage.append([make_commit("a", 1, update=b"as it was"), make_commit("b", 1)])
    await storage.close()
    for key, body in objects._bucket.objects.items():
        objects._bucket.objects[key] = body.replace(b"as it was", b"as it is!")
    return await open_local(objects, tmp_path, interval=0, **options), objects


async def test_a_collection_that_is_damaged_in_the_bucket_holds_up_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    storage, objects = await damaged(tmp_path, unuploaded_bytes=1)
    for sequence in (2, 3):
        await storage.append([make_commit("a", sequence)])
        await storage.append([make_commit("b", sequence)])
    await storage.compact(make_snapshot("b", {"node-a": 3}))
    await storage.compact(make_snapshot("a", {"node-a": 2}))
    await storage.append([make_commit("b", 4)])
    assert caplog.text.count("the folder alone has it") == 1
    assert (await storage.load("a")).commits == (make_commit("a", 3),)
    await storage.close()
    assert await in_bucket(objects, "b") == 1
    assert f"in folder '{tmp_path}'" in caplog.text
    again = await open_local(objects, tmp_path, interval=0)
    assert (await again.load("a")).vector == {"node-a": 3}
    await again.close()


async def test_a_collection_that_is_damaged_in_the_bucket_is_whole_again_when_it_was_deleted(
    tmp_path: Path,
) -> None:
    storage, objects = await damaged(tmp_path)
    await storage.append([make_commit("a", 2)])
    await storage.delete("a", b"gone")
    await storage.append([make_commit("a", 1, update=b"new")])
    await storage.close()
    assert await in_bucket(objects, "a") == 1


async def test_a_folder_that_was_taken_over_says_what_was_never_uploaded(tmp_path: Path) -> None:
    storage, objects = await held(tmp_path)
    await storage.append([make_commit("a", 1)])
    await objects.asked.wait()
    successor = await CloudStorage.open(SimulatedObjects(objects._bucket), interval=0)
    assert (await successor.stats()).may_lack == 1
    objects.free.set()
    with pytest.raises(StorageFenced, match=r"1 commits were acknowledged here and are not in the bucket"):
        await storage.compact(make_snapshot("a", {"node-a": 1}))
    with pytest.raises(StorageFenced, match=f"folder '{tmp_path}'"):
        await storage.append([make_commit("a", 2)])
    with pytest.raises(StorageFenced):
        await storage.load("a")
    await storage.close()
    await successor.close()


async def test_a_fold_that_waits_for_another_one_ends_with_the_storage(tmp_path: Path) -> None:
    objects = SimulatedObjects(Bucket())
    storage = await open_local(objects, tmp_path, interval=0, patience=IMPATIENT)
    objects.faults.failure = CUT
    await storage.append([make_commit("a", 1), make_commit("b", 1)])
    folds = [asyncio.create_task(storage.compact(make_snapshot(name, {"node-a": 1}))) for name in "ab"]
    await asyncio.sleep(0)
    await storage.close()
    outcomes = asyncio.gather(*folds, return_exceptions=True)
    first, second = await asyncio.wait_for(outcomes, 10)
    assert isinstance(first, StorageUnreachable | StorageClosed)  # by how far it has come
    assert isinstance(second, StorageClosed)


async def test_an_erasure_that_the_folder_has_no_room_for_leaves_the_bucket_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = await opened(tmp_path)
    await storage.append([make_commit("a", 1)])
    with monkeypatch.context() as patch:
        patch.setattr(Reserve, "free", lambda self: 0)
        with pytest.raises(StorageFull):
            await storage.erase("a")
    assert (await storage._bucket.load("a")).commits == (make_commit("a", 1),)
    await storage.erase("a")
    assert (await storage._bucket.load("a")).commits == ()
    await storage.close()


async def test_room_that_the_folder_loses_meanwhile_does_not_say_that_nothing_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*given: object) -> None:
        raise StorageFull("no room for erasing; nothing was done")

    storage = await opened(tmp_path)
    await storage.append([make_commit("a", 1)])
    with monkeypatch.context() as patch:
        patch.setattr(storage._folder, "erase", refuse)
        with pytest.raises(
            StorageError, match=r"it is erased in the bucket, .* until it is erased again"
        ) as told:
            await storage.erase("a")
    assert not isinstance(told.value, StorageFull), "of which nothing would have been done"
    assert (await storage._bucket.load("a")).commits == ()
    assert (await storage.load("a")).commits == (make_commit("a", 1),)
    await storage.erase("a")
    assert (await storage.load("a")).commits == ()
    await storage.close()
