"""The simulated disk: it keeps to the contract, and loses what a disk loses."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from protobase_actors import ManualClock, SystemClock
from protobase_live.testing import Disk, DiskFaults
from protobase_storage import StorageError, StorageFull
from protobase_storage.conformance.basics import StorageConformance
from protobase_storage.conformance.model import make_commit
from protobase_storage.conformance.stateful import model_test


async def open_disk(place: Path) -> Disk:
    disk = Disk(SystemClock(), Random(1))
    disk.faults = DiskFaults(flush_seconds=(0.0, 0.0))
    return disk


class TestDisk(StorageConformance):
    async def open(self, place: Path) -> Disk:
        return await open_disk(place)


TestDiskModel = model_test(open_disk, persistent=False)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def disk(clock: ManualClock) -> Disk:
    return Disk(clock, Random(1))


async def test_nothing_is_durable_before_it_is_flushed(disk: Disk, clock: ManualClock) -> None:
    durable = disk.append([make_commit("c", 1)])
    await clock.settle()
    assert (durable.done(), disk.is_writing) == (False, True)
    await clock.advance(1)
    assert (durable.done(), disk.is_writing, disk.acknowledged) == (True, False, 1)


@pytest.mark.parametrize("seed", range(20))
async def test_a_crash_keeps_a_beginning(clock: ManualClock, seed: int) -> None:
    disk = Disk(clock, Random(seed))
    await_first = disk.append([make_commit("c", 1)])
    await clock.advance(1)
    assert await_first.done()
    waiting = [disk.append([make_commit("c", sequence)]) for sequence in (2, 3, 4)]
    found = disk.crash()
    await clock.advance(1)
    kept = [commit.sequence for commit in (await found.load("c")).commits]
    assert kept == [1, 2, 3, 4][: len(kept)]
    assert kept
    assert (found.kept_unsaid, found.lost) == (len(kept) - 1, 4 - len(kept))
    assert not any(each.done() for each in waiting), "nobody is told"


async def test_who_holds_on_to_a_disk_that_crashed_talks_to_nothing(disk: Disk, clock: ManualClock) -> None:
    found = disk.crash()
    durable = disk.append([make_commit("c", 1)])
    await clock.advance(10)
    assert not durable.done()
    assert (await found.load("c")).commits == ()


async def test_what_comes_behind_a_failure_fails_with_it(disk: Disk, clock: ManualClock) -> None:
    disk.faults.error = 1.0
    first = disk.append([make_commit("c", 1)])
    told: list[bool] = []

    def go_on(_: object) -> None:
        disk.faults.error = 0.0
        told.append(disk.append([make_commit("c", 2)]).done())

    first.add_done_callback(go_on)
    await clock.advance(1)
    with pytest.raises(StorageError, match="failed"):
        await first
    assert told == [True]


async def test_a_full_disk_takes_nothing(disk: Disk, clock: ManualClock) -> None:
    disk.faults.full = True
    durable = disk.append([make_commit("c", 1)])
    await clock.advance(1)
    with pytest.raises(StorageFull):
        await durable
