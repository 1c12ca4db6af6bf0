"""What a supervisor makes of what becomes of its workers, on virtual time."""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from protobase_actors import ManualClock
from protobase_live.errors import Unavailable
from protobase_live.workers import spare
from protobase_live.workers.limits import WorkerLimits
from protobase_live.workers.reports import Reports
from protobase_live.workers.supervisor import Supervisor
from tests.support.fake_worker import FakeProcess

NO_PROCESS = BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")


class Place:
    """A supervisor of two workers whose processes a test decides on."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.stop, self.ready = ManualClock(), asyncio.Event(), asyncio.Event()
        self.started: list[FakeProcess] = []
        self.fails = False
        """Whether no process can be had."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        reports = Reports(folder, 10, 1_000)
        self.supervisor = Supervisor([], [{}, {}], [self._listener], reports, self.clock, WorkerLimits())

    async def start(self, command: Sequence[str], recorded_bytes: int) -> FakeProcess:
        """In place of `WorkerProcess.start`."""
        if self.fails:
            raise NO_PROCESS
        self.started.append(process := FakeProcess())
        return process

    async def start_both(self) -> None:
        """Both are about to serve."""
        self.life = asyncio.create_task(self.supervisor.run(self.stop, lambda: self.ready.set()))
        await self.clock.settle()

    async def begin(self) -> None:
        """Both serve, and there is a spare."""
        await self.start_both()
        for each in self.started[:2]:
            each.says(ready=True)
        await self.clock.settle()
        assert [each.up for each in self.supervisor.workers] == [True, True]

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    place = Place(tmp_path / "quarantine")
    monkeypatch.setattr(spare.WorkerProcess, "start", place.start)
    yield place
    place.life.cancel()
    await asyncio.gather(place.life, return_exceptions=True)
    place.close()


async def test_where_no_process_can_be_had_the_others_serve_until_there_is_one(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    await place.begin()
    place.fails = True
    for process in place.started[:1], place.started[2:]:  # that and its successor, the spare
        process[0].die(-signal.SIGKILL)
        await place.clock.settle()
    with caplog.at_level(logging.ERROR):
        await place.clock.advance(3)
    assert not place.life.done()
    assert [each.up for each in place.supervisor.workers] == [False, True]
    told = [each for each in caplog.messages if each.startswith("worker 0 cannot be started for now: ")]
    assert len(told) in (2, 3), "with a pause that grows"
    place.fails = False
    await place.clock.advance(10)
    place.started[-1].says(ready=True)
    await place.clock.settle()
    assert [each.up for each in place.supervisor.workers] == [True, True]


async def test_a_spare_that_cannot_be_had_is_nobodys_end(place: Place) -> None:
    await place.start_both()
    place.fails = True
    for each in place.started:
        each.says(ready=True)
    await place.clock.settle()
    place.stop.set()
    await place.clock.settle()
    await place.life


async def test_what_cannot_be_started_at_first_ends_the_start(place: Place) -> None:
    place.fails = True
    await place.start_both()
    with pytest.raises(Unavailable, match="worker 0 did not start"):
        await place.life


async def test_figures_come_from_who_has_them(place: Place) -> None:
    await place.begin()
    one, other = place.started[:2]
    one.says(want_figures=True)
    await place.clock.settle()
    assert {"deaths": 0, "asked": [1]} in one.told
    assert {"tell_figures": 0} in other.told
    other.says(figures=[0, "page"])
    await place.clock.settle()
    assert {"page": [1, "page"]} in one.told


async def test_a_signal_without_a_name_is_a_death_like_others(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    await place.begin()
    with caplog.at_level(logging.ERROR):
        place.started[0].die(-int(signal.SIGRTMIN) - 1)
        await place.clock.settle()
    assert not place.life.done()
    assert f"worker 0 died (signal {int(signal.SIGRTMIN) + 1})" in caplog.text


async def test_a_start_that_fails_waits_for_nobody(place: Place) -> None:
    await place.start_both()
    one, other = place.started
    one.says(ready=True)
    other.die(1)
    await place.clock.settle()
    with pytest.raises(Unavailable, match="worker 1 did not start"):
        await place.life
    assert one.signals == [signal.SIGKILL]


async def test_a_start_that_is_broken_off_takes_no_clients(place: Place) -> None:
    await place.start_both()
    place.started[0].says(ready=True)
    place.stop.set()
    await place.clock.settle()
    await place.life
    assert not place.ready.is_set()


async def test_workers_that_do_not_stop_are_killed(place: Place) -> None:
    await place.begin()
    for each in place.started[:2]:
        each.deaf = True
    place.stop.set()
    await place.clock.settle()
    assert [each.signals for each in place.started[:2]] == [[signal.SIGTERM]] * 2
    for each in place.started[:2]:
        each.last_beat = place.clock.monotonic() + 90
    await place.clock.advance(90)
    await place.life
    assert [each.signals[-1] for each in place.started[:2]] == [signal.SIGKILL] * 2


async def test_the_end_does_not_wait_for_a_worker_that_stays_away(place: Place) -> None:
    """It may have what others lack, and is started once more for that; but not after its pause."""
    await place.begin()
    for process in place.started[:1], place.started[2:]:
        process[0].die(-signal.SIGKILL)
        await place.clock.settle()
    started = len(place.started)
    place.stop.set()
    await place.clock.settle()
    assert len(place.started) == started + 1
    place.started[-1].says(ready=True)
    await place.clock.settle()
    assert signal.SIGTERM in place.started[-1].signals
    await place.life


async def test_a_worker_that_dies_as_all_stop_is_started_once_more(place: Place) -> None:
    """It may have what others lack; but one that dies of stopping holds up nobody."""
    await place.begin()
    one, other = place.started[:2]
    one.deaf = other.deaf = True  # they wait for what the others lack
    place.stop.set()
    await place.clock.settle()
    one.die(-signal.SIGKILL)
    await place.clock.settle()
    again = place.started[-1]
    again.deaf = True
    again.says(ready=True)
    other.says(settled=True)
    await place.clock.settle()
    assert again.signals == [signal.SIGTERM]
    assert {"leave": True} not in other.told
    again.die(-signal.SIGKILL)
    await place.clock.settle()
    assert {"leave": True} in other.told
    other.die(0)
    await place.clock.settle()
    await place.life
    assert place.started[-1] is again


async def test_a_worker_that_dies_when_it_has_settled_is_not_missed(place: Place) -> None:
    await place.begin()
    started = len(place.started)
    for each in place.started[:2]:
        each.deaf = True
    place.stop.set()
    await place.clock.settle()
    place.started[0].says(settled=True)
    place.started[0].die(-signal.SIGKILL)
    place.started[1].die(0)
    await place.clock.settle()
    await place.life
    assert len(place.started) == started


async def test_a_folder_whose_name_is_too_long_for_sockets_is_named(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("l" * 100)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    await place.start_both()
    with pytest.raises(Unavailable, match=r"/protobase-live-.* is too long .* set TMPDIR"):
        await place.life
    assert place.started == []
