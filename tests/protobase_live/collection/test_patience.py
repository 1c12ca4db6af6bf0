"""What a busy storage refuses is handed to it again, for a while."""

from __future__ import annotations

import asyncio

import pytest

from protobase_actors import ManualClock
from protobase_live.collection.patience import append_patiently
from protobase_storage import MemoryStorage, StorageBusy
from protobase_storage.conformance.model import make_commit


class BusyStorage(MemoryStorage):
    """Refuses so many appends."""

    def __init__(self, refusals: int) -> None:
        super().__init__()
        self.refusals = refusals
        self.asked = 0

    def append(self, commits):
        self.asked += 1
        if self.asked > self.refusals:
            return super().append(commits)
        refused = asyncio.get_running_loop().create_future()
        refused.set_exception(StorageBusy("too much waits"))
        return refused


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def appending(storage: BusyStorage, clock: ManualClock, is_lost=lambda: False) -> asyncio.Task:
    commits = [make_commit("a", 1)]
    return asyncio.ensure_future(append_patiently(storage, commits, clock, 1.0, is_lost))


async def test_what_is_taken_at_once_waits_for_nothing(clock) -> None:
    storage = BusyStorage(0)
    step = append_patiently(storage, [make_commit("a", 1)], clock, 1.0, lambda: False)
    with pytest.raises(StopIteration) as ended:
        step.send(None)
    assert ended.value.value.result() is None


async def test_it_is_tried_again_less_and_less_often(clock) -> None:
    storage = BusyStorage(4)
    task, asked = appending(storage, clock), []
    await clock.advance(0.025)
    for _ in range(16):
        asked.append(storage.asked)
        await clock.advance(0.05)
    assert (await task).result() is None
    assert [asked.index(count) for count in range(1, 6)] == [0, 1, 3, 7, 15]


async def test_it_is_given_up_after_a_while(clock) -> None:
    storage = BusyStorage(100)
    task = appending(storage, clock)
    await clock.advance(0.7)
    assert not task.done()
    await clock.advance(1)
    with pytest.raises(StorageBusy):
        (await task).result()
    assert storage.asked == 6


async def test_nothing_is_handed_over_behind_what_is_lost(clock) -> None:
    storage = BusyStorage(1)
    task = appending(storage, clock, is_lost=lambda: True)
    await clock.advance(5)
    with pytest.raises(StorageBusy):
        (await task).result()
    assert storage.asked == 1
