"""Whether what is written is stored, and what is said of it."""

import asyncio
import logging

import pytest

from protobase_actors import ManualClock
from protobase_live.collection.read_only import is_of_the_medium
from protobase_live.database.health import Health
from protobase_storage import MemoryStorage, StorageBusy, StorageError, StorageFenced, StorageFull


class FailingStorage(MemoryStorage):
    """Fails with `error` while there is one."""

    error = None

    def append(self, commits):
        if self.error is None:
            return super().append(commits)
        failed = asyncio.get_running_loop().create_future()
        failed.set_exception(self.error)
        return failed


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def health(clock):
    return Health(clock, 30.0)


@pytest.fixture
def storage():
    return FailingStorage()


async def append(storage):
    await asyncio.wait([storage.append([])])
    await asyncio.sleep(0)


async def test_a_failure_is_told_once_and_so_is_its_end(health, storage, caplog):
    caplog.set_level(logging.INFO)
    watched = health.watch(storage)
    assert health.failure is None
    storage.error = StorageFull("no room left")
    for _ in range(3):
        await append(watched)
    assert (health.failure, health.failures) == ("no room left", 3)
    storage.error = None
    await append(watched)
    assert health.failure is None
    assert [record.getMessage() for record in caplog.records] == [
        "the storage failed: no room left; what is written is refused, reading goes on",
        "the storage works again",
    ]


async def test_a_full_backlog_is_no_failure(health, storage):
    storage.error = StorageBusy("full")
    await append(health.watch(storage))
    assert (health.failure, health.failures) == (None, 0)


async def test_a_failure_is_forgotten_when_nobody_writes(health, storage, clock):
    storage.error = StorageError("input/output error")
    await append(health.watch(storage))
    assert health.failure == "input/output error"
    await clock.advance(30.0)
    assert health.failure is None


async def test_everything_else_is_the_storages(health, storage):
    watched = health.watch(storage)
    assert watched.identity == storage.identity
    assert await watched.list() == []


async def test_a_storage_that_was_taken_over_is_told_for_good(storage, health):
    """It is no failure that may pass, so it does not make anything read-only."""
    watched = health.watch(storage)
    assert not health.taken_over.is_set()
    storage.error = StorageFenced("taken over by another writer")
    with pytest.raises(StorageFenced):
        await watched.append([])
    await asyncio.sleep(0)
    assert health.taken_over.is_set()
    assert health.successor == "taken over by another writer"
    assert health.failures == 0
    assert not is_of_the_medium(storage.error)
