"""Looking without taking over: what there was at one moment, and nobody notices."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import detangle
import pytest

from protobase_storage import CollectionCorrupt, StorageClosed, StorageError, StorageFormatError
from protobase_storage.cloud.keys import slot_key
from protobase_storage.cloud.objects import Page
from protobase_storage.cloud.patient import Patience
from protobase_storage.cloud.simulated import Bucket, SimulatedObjects
from protobase_storage.cloud.storage import CloudStorage
from protobase_storage.cloud.view import CloudView
from protobase_storage.conformance.model import make_commit, make_snapshot

PATIENCE = Patience(attempts=2, call_seconds=1, first_pause_seconds=0.1)


def virtual(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A test on virtual time."""

    def run() -> None:
        detangle.run(test)

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


async def opened(bucket: Bucket, slots: int = 1000) -> CloudStorage:
    return await CloudStorage.open(
        SimulatedObjects(bucket), interval=0, checkpoint_slots=slots, patience=PATIENCE
    )


async def viewed(bucket: Bucket) -> CloudView:
    return await CloudView.open(SimulatedObjects(bucket), patience=PATIENCE)


@virtual
async def test_a_view_is_of_one_moment_and_the_writer_goes_on() -> None:
    bucket = Bucket()
    storage = await opened(bucket)
    await storage.append([make_commit("a", 1), make_commit("b", 1)])
    await storage.compact(make_snapshot("a", {"node-a": 1}))
    await storage.delete("c", b"left")
    before = dict(bucket.objects)
    view = await viewed(bucket)
    assert bucket.objects == before
    await storage.append([make_commit("a", 2)])
    await storage.append([make_commit("d", 1)])
    assert (view.identity, [info.name for info in await view.list()]) == (storage.identity, ["a", "b"])
    assert (await view.load("a")).snapshot == make_snapshot("a", {"node-a": 1})
    assert (await view.load("a")).commits == ()
    assert await view.commits_after("b", {}, 10) == (make_commit("b", 1),)
    assert (await view.standing("c")).remains == b"left"
    assert [each.collection for each in await view.standings()] == ["a", "b", "c"]
    assert (await view.stats()).bytes == sum(len(each) for each in before.values()) - len(
        before["manifest/00000000000000000001"]
    )
    await view.close()
    with pytest.raises(StorageClosed):
        await view.load("a")


@virtual
async def test_nothing_is_stored_by_a_view() -> None:
    bucket = Bucket()
    await (await opened(bucket)).close()
    view, before = await viewed(bucket), dict(bucket.objects)
    for call in (
        view.append([make_commit("a", 1)]),
        view.compact(make_snapshot("a", {"node-a": 1})),
        view.delete("a"),
    ):
        with pytest.raises(StorageError, match="simulated://bucket is opened for reading alone"):
            await call
    assert bucket.objects == before


@virtual
async def test_there_has_to_be_a_database() -> None:
    bucket = Bucket()
    with pytest.raises(StorageError, match="there is no database at simulated://bucket"):
        await viewed(bucket)
    assert bucket.objects == {}


async def fold_until_all_is_replaced(storage: CloudStorage, first: int) -> None:
    """Checkpoints enough that everything that was there is deleted."""
    for sequence in range(first, first + 12):
        await storage.append([make_commit("a", sequence)])
        await storage.compact(make_snapshot("a", {"node-a": sequence}))
        await asyncio.sleep(1)
    await storage.close()


def test_what_is_deleted_under_a_reader_is_read_as_it_is_now(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        bucket = Bucket()
        storage = await opened(bucket, slots=2)
        await storage.append([make_commit("a", 1)])
        await storage.compact(make_snapshot("a", {"node-a": 1}))
        view = await viewed(bucket)
        await fold_until_all_is_replaced(storage, 2)
        loaded = await view.load("a")
        assert loaded.snapshot == make_snapshot("a", {"node-a": 13})
        assert (await view.list())[0].snapshot_bytes == len(loaded.snapshot.update)

    with caplog.at_level(logging.WARNING):
        detangle.run(main)
    assert "is of a later moment" in caplog.text


class Slow(SimulatedObjects):
    """A store where much happens when slots have been listed for the first time."""

    def __init__(self, bucket: Bucket, meanwhile: Callable[[], Coroutine[Any, Any, None]]) -> None:
        super().__init__(bucket)
        self._meanwhile: Callable[[], Coroutine[Any, Any, None]] | None = meanwhile

    async def list(self, prefix: str, after: str) -> Page:
        page = await super().list(prefix, after)
        if prefix == "wal/" and self._meanwhile:
            meanwhile, self._meanwhile = self._meanwhile, None
            await meanwhile()
        return page


@virtual
async def test_slots_that_are_deleted_while_they_are_read_are_looked_for_anew() -> None:
    bucket = Bucket()
    storage = await opened(bucket, slots=2)
    await storage.append([make_commit("a", 1)])
    slow = Slow(bucket, lambda: fold_until_all_is_replaced(storage, 2))
    view = await CloudView.open(slow, patience=Patience(call_seconds=1000))
    assert (await view.load("a")).snapshot == make_snapshot("a", {"node-a": 13})


@virtual
async def test_what_is_missing_for_good_is_told() -> None:
    bucket = Bucket()
    storage = await opened(bucket)
    for sequence in (1, 2, 3):
        await storage.append([make_commit("a", sequence)])
    await storage.compact(make_snapshot("b", {"node-a": 1}))
    view = await viewed(bucket)
    for key in [key for key in bucket.objects if key.startswith("snap/")]:
        del bucket.objects[key]
    with pytest.raises(CollectionCorrupt, match="is missing"):
        await view.load("b")
    del bucket.objects[slot_key(3)]
    with pytest.raises(StorageFormatError, match="lacks object 'wal/00000000000000000003'"):
        await viewed(bucket)


@virtual
async def test_a_view_reads_what_a_successor_wrote() -> None:
    bucket = Bucket()
    first = await opened(bucket)
    await first.append([make_commit("a", 1)])
    second = await opened(bucket)
    await second.append([make_commit("a", 2)])
    assert (await (await viewed(bucket)).load("a")).commits == (make_commit("a", 1), make_commit("a", 2))
