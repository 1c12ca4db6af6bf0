"""When a worker counts as hanging, on virtual time."""

from __future__ import annotations

import asyncio
import signal

import pytest

from protobase_actors import ManualClock
from protobase_live.workers.limits import WorkerLimits
from protobase_live.workers.worker import Worker
from tests.support.fake_worker import DOING, FakeProcess


@pytest.mark.parametrize(
    ("serves", "running", "beats", "seconds", "why"),
    [
        (False, False, False, 120.5, "did not start within 120 s (start_seconds)"),
        (True, True, True, 10.5, "ran 10 s for one collection (turn_seconds)"),
        (True, False, False, 30.5, "showed no sign of life for 30 s (silent_seconds)"),
    ],
)
async def test_what_hangs_is_killed_in_time(
    serves: bool, running: bool, beats: bool, seconds: float, why: str
) -> None:
    clock, process = ManualClock(), FakeProcess()
    worker = Worker(0, WorkerLimits(), clock, lambda worker, said: None)
    life = asyncio.create_task(worker.live(process, {}))  # pyright: ignore
    if serves:
        process.says(ready=True)
    await clock.settle()
    assert worker.up is serves
    process.running_since = clock.monotonic() if running else None
    for share in (0.5, 0.45):
        await clock.advance(seconds * share)
        process.last_beat = clock.monotonic() if beats else 0.0
        worker.look_after()
    assert process.signals == [], "not before"
    await clock.advance(seconds * 0.05)
    worker.look_after()
    worker.look_after()
    assert process.signals == [signal.SIGKILL]
    assert await life == -9
    assert (worker.hung, worker.doing, worker.up) == (why, DOING, False)
    assert not worker.take(None)  # pyright: ignore


async def test_a_worker_that_is_late_is_known_to_be() -> None:
    clock, process = ManualClock(), FakeProcess()
    worker = Worker(0, WorkerLimits(), clock, lambda worker, said: None)
    assert not worker.answers
    life = asyncio.create_task(worker.live(process, {}))  # pyright: ignore
    await clock.advance(1)
    assert worker.answers
    await clock.advance(0.5)
    assert not worker.answers
    process.last_beat = clock.monotonic()
    assert worker.answers
    process.die(1)
    await life
    assert not worker.answers
