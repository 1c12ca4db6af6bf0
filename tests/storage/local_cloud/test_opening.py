"""Who has what when a folder and a bucket meet: nothing is uploaded over, and nothing is lost unsaid."""

from __future__ import annotations

import asyncio
import logging
import shutil
from pathlib import Path

import pytest

from protobase_storage import (
    FileStorage,
    Loaded,
    Storage,
    StorageDiverged,
    StorageError,
    StorageFenced,
    StorageFormatError,
)
from protobase_storage.cloud.simulated import Bucket, SimulatedObjects
from protobase_storage.cloud.storage import CloudStorage
from protobase_storage.conformance.model import SECRET, make_commit, make_snapshot
from protobase_storage.local_cloud.opening import open_local
from protobase_storage.local_cloud.record import RECORD_NAME, read_record
from protobase_storage.local_cloud.storage import LocalCloudStorage


async def opened(bucket: Bucket, folder: Path) -> LocalCloudStorage:
    return await open_local(SimulatedObjects(bucket), folder, interval=0)


async def elsewhere(bucket: Bucket) -> CloudStorage:
    """A successor that has only the bucket."""
    return await CloudStorage.open(SimulatedObjects(bucket), interval=0)


async def contents(storage: Storage) -> dict[str, Loaded]:
    names = [each.collection for each in await storage.standings()]
    return {name: await storage.load(name) for name in names}


async def fill(storage: Storage) -> None:
    """Something of every kind."""
    await storage.append([make_commit(name, 1) for name in ("a", "b/c", "gone")])
    await storage.compact(make_snapshot("a", {"node-a": 1}))
    await storage.append([make_commit("a", 2)])
    await storage.delete("gone", b"left")


async def crash(storage: LocalCloudStorage, folder: Path) -> Path:
    """A folder as a process leaves it that is killed now, while the bucket takes nothing any more."""
    storage._appends.uploader._running.cancel()
    left = folder.with_name(f"{folder.name}-left")
    await asyncio.to_thread(shutil.copytree, folder, left)
    return left


async def test_an_empty_folder_is_filled_and_a_full_one_has_the_same(tmp_path: Path) -> None:
    bucket = Bucket()
    first = await elsewhere(bucket)
    await fill(first)
    expected = await contents(first)
    await first.close()
    for _ in range(2):
        storage = await opened(bucket, tmp_path / "f")
        assert storage.identity == first.identity
        assert await contents(storage) == expected
        await storage.close()


async def test_the_bucket_is_enough(tmp_path: Path) -> None:
    bucket = Bucket()
    storage = await opened(bucket, tmp_path / "f")
    await fill(storage)
    expected = await contents(storage)
    await storage.close()
    successor = await elsewhere(bucket)
    assert (await successor.stats()).may_lack == 0
    assert (successor.identity, await contents(successor)) == (storage.identity, expected)


async def test_what_was_not_uploaded_is_uploaded_first_and_whole(tmp_path: Path) -> None:
    bucket = Bucket()
    storage = await opened(bucket, tmp_path / "f")
    await fill(storage)
    storage._appends.uploader._running.cancel()
    await storage.append([make_commit("a", 3), make_commit("b/c", 2)])
    await storage.append([make_commit("new", 1)])
    expected, slots = await contents(storage), len([key for key in bucket.objects if "wal" in key])
    left = await crash(storage, tmp_path / "f")
    storage = await opened(bucket, left)
    assert await contents(storage) == expected
    assert await contents(await elsewhere(bucket)) == expected
    assert len([key for key in bucket.objects if "wal" in key]) == slots + 1 + 1 + 1  # a fence, all, a fence


async def test_a_successor_is_told_what_it_may_lack(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bucket = Bucket()
    storage = await opened(bucket, tmp_path / "f")
    left = await crash(storage, tmp_path / "f")
    with caplog.at_level(logging.WARNING):
        successor = await elsewhere(bucket)
    assert f"may lack commits that folder '{tmp_path / 'f'}'" in caplog.text
    assert (await successor.stats()).may_lack == 1
    await successor.close()
    await (await opened(bucket, left)).close()
    assert (await (await elsewhere(bucket)).stats()).may_lack == 0


async def test_a_folder_with_what_the_bucket_can_never_take_is_refused_and_kept(tmp_path: Path) -> None:
    bucket = Bucket()
    storage = await opened(bucket, tmp_path / "f")
    await fill(storage)
    storage._appends.uploader._running.cancel()
    await storage.append([make_commit("a", 3, update=b"never uploaded")])
    left = await crash(storage, tmp_path / "f")
    successor = await elsewhere(bucket)
    for sequence in (3, 4):
        await successor.append([make_commit("a", sequence, origin="node-a/2")])
    before = dict(bucket.objects)
    for _ in range(2):
        with pytest.raises(StorageDiverged, match=r"folder '.*-left' on .* of 1 collections \('a'\)"):
            await opened(bucket, left)
        assert bucket.objects == before
    await successor.append([make_commit("a", 5, origin="node-a/2")])  # nobody took it over
    file = await FileStorage.open(left)
    assert (await file.load("a")).commits[-1].update == b"never uploaded"
    await file.close()


async def test_a_folder_that_was_uploaded_follows_the_successor(tmp_path: Path) -> None:
    bucket = Bucket()
    storage = await opened(bucket, tmp_path / "f")
    await fill(storage)
    await storage.compact(make_snapshot("b/c", {"node-a": 1}))  # so that all was uploaded
    left = await crash(storage, tmp_path / "f")
    successor = await elsewhere(bucket)
    await successor.append([make_commit("a", 3, origin="node-a/2"), make_commit("new", 1)])
    expected = await contents(successor)
    storage = await opened(bucket, left)
    assert await contents(storage) == expected
    with pytest.raises(StorageFenced):
        await successor.append([make_commit("a", 4)])
    await storage.append([make_commit("a", 4)])
    await storage.close()


async def test_a_folder_that_was_closed_follows_whatever_the_successor_did(tmp_path: Path) -> None:
    bucket, folder = Bucket(), tmp_path / "f"
    storage = await opened(bucket, folder)
    await fill(storage)
    await storage.close()
    successor = await elsewhere(bucket)
    await successor.append([make_commit("a", 3, origin="node-a/2")])
    await successor.compact(make_snapshot("a", {"node-a/2": 3}))
    await successor.delete("b/c", b"later")
    expected = await contents(successor)
    await successor.close()
    storage = await opened(bucket, folder)
    assert await contents(storage) == expected
    await storage.close()


async def test_a_closed_folder_that_was_written_to_since_does_not(tmp_path: Path) -> None:
    bucket, folder = Bucket(), tmp_path / "f"
    storage = await opened(bucket, folder)
    await fill(storage)
    await storage.close()
    file = await FileStorage.open(folder)
    await file.append([make_commit("a", 3)])
    await file.close()
    successor = await elsewhere(bucket)
    await successor.append([make_commit("a", 3, origin="node-a/2"), make_commit("a", 4, origin="node-a/2")])
    await successor.close()
    with pytest.raises(StorageDiverged, match=r"\('a'\)"):
        await opened(bucket, folder)


async def test_a_deletion_that_came_into_the_bucket_alone_is_carried_out(tmp_path: Path) -> None:
    bucket = Bucket()
    storage = await opened(bucket, tmp_path / "f")
    await fill(storage)
    await storage._bucket.delete("a", b"deleted")
    left = await crash(storage, tmp_path / "f")
    storage = await opened(bucket, left)
    assert await storage.load("a") == Loaded(None, (), b"deleted")
    await storage.close()


async def test_an_erasure_that_came_into_the_bucket_alone_is_completed(tmp_path: Path) -> None:
    bucket = Bucket()
    storage = await opened(bucket, tmp_path / "f")
    await storage.append([make_commit("a", n, update=SECRET) for n in range(1, 9)])
    await storage._appends.settled(storage._appends.last)
    kept = make_snapshot("a", {"node-e": 1}, update=b"kept")
    await storage._bucket.erase("a", b"erased", kept)
    left = await crash(storage, tmp_path / "f")
    assert holds(left, SECRET)
    storage = await opened(bucket, left)
    assert not holds(left, SECRET)
    assert await storage.load("a") == Loaded(kept, (), b"erased")
    await storage.close()


async def test_an_erasure_of_a_successor_is_carried_out_in_the_folder(tmp_path: Path) -> None:
    bucket, folder = Bucket(), tmp_path / "f"
    storage = await opened(bucket, folder)
    await storage.append([make_commit("a", n, update=SECRET) for n in range(1, 9)])
    await storage.close()
    successor = await elsewhere(bucket)
    await successor.erase("a", b"erased")
    await successor.close()
    assert holds(folder, SECRET)
    storage = await opened(bucket, folder)
    assert not holds(folder, SECRET)
    await storage.close()


def holds(folder: Path, word: bytes) -> bool:
    return any(word in file.read_bytes() for file in folder.iterdir())


async def test_a_filling_that_was_interrupted_is_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket, folder = Bucket(), tmp_path / "f"
    storage = await opened(bucket, folder)
    await fill(storage)
    await storage.close()
    successor = await elsewhere(bucket)
    await successor.append([make_commit(name, 2, origin="node-a/2") for name in ("b/c", "z")])
    await successor.compact(make_snapshot("b/c", {"node-a/2": 2}))
    expected = await contents(successor)
    await successor.close()
    right = FileStorage.compact

    async def compact(self, snapshot) -> None:
        raise StorageError("the power failed")

    monkeypatch.setattr(FileStorage, "compact", compact)
    with pytest.raises(StorageError, match="the power failed"):
        await opened(bucket, folder)
    monkeypatch.setattr(FileStorage, "compact", right)
    storage = await opened(bucket, folder)
    assert await contents(storage) == expected
    await storage.close()


async def test_folders_of_other_databases_are_refused(tmp_path: Path) -> None:
    bucket = Bucket()
    file = await FileStorage.open(tmp_path / "file")
    await file.append([make_commit("a", 1)])
    await file.close()
    with pytest.raises(StorageError, match="has a database that is in no bucket: copy it"):
        await opened(bucket, tmp_path / "file")
    storage = await opened(bucket, tmp_path / "f")
    await storage.append([make_commit("a", 1)])
    await storage.close()
    other = Bucket()
    with pytest.raises(StorageError, match="there is no database at simulated://bucket any more"):
        await opened(other, tmp_path / "f")
    await (await elsewhere(other)).close()
    with pytest.raises(StorageError, match="belongs to another database"):
        await opened(other, tmp_path / "f")
    (tmp_path / "f" / RECORD_NAME).write_text("{")
    with pytest.raises(StorageFormatError, match=RECORD_NAME.replace(".", r"\.")):
        await opened(bucket, tmp_path / "f")


async def test_one_that_must_exist_is_not_made(tmp_path: Path) -> None:
    bucket = Bucket()
    with pytest.raises(StorageError, match="there is no database at simulated://bucket"):
        await open_local(SimulatedObjects(bucket), tmp_path, must_exist=True)
    assert bucket.objects == {}
    assert read_record(tmp_path) is None
