"""The process that has the port: it starts workers, hands them their clients, and starts them again."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import socket
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from protobase_actors import Clock, within
from protobase_live.errors import Unavailable
from protobase_live.workers.control import Said
from protobase_live.workers.known import Known
from protobase_live.workers.limits import WorkerLimits
from protobase_live.workers.pauses import Pauses
from protobase_live.workers.porter import Porter
from protobase_live.workers.reports import Reports
from protobase_live.workers.spare import Spare
from protobase_live.workers.worker import Worker

LOOK_SECONDS = 0.1
"""Between two looks at whether workers hang."""

SOCKET_FOLDER_BYTES = 100
"""The name of a Unix socket may have 103 everywhere; the last are a slash and the number of a worker."""

_log = logging.getLogger(__name__)


class Supervisor:
    """Of one server; `run` is its life."""

    def __init__(
        self,
        command: Sequence[str],
        orders: Sequence[Mapping[str, Any]],
        listeners: Sequence[socket.socket],
        reports: Reports,
        clock: Clock,
        limits: WorkerLimits,
    ) -> None:
        """A worker for each of ``orders``, which is told that and what all have in common. ``listeners`` are
        the port's.
        """
        self._listeners = listeners
        self._reports = reports
        self._clock = clock
        self._limits = limits
        self._known = Known(limits.known_digests, limits.collection_deaths)
        self._known.refuse(reports.refused())
        self._orders = orders
        self.workers = [Worker(number, limits, clock, self._hear) for number in range(len(orders))]
        self._spare = Spare(command, limits.recorded_bytes)
        self._porter = Porter(self.workers, clock, limits)
        self._secret = secrets.token_hex(32)
        self._came_up = asyncio.Event()
        self._serving = False
        self._stopping = asyncio.Event()
        self._settled: set[Worker] = set()
        self._deaths = 0
        """How many workers have died, for the figures."""

    async def run(self, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        """Serve until ``stop``; ``ready`` is called when all workers serve, before the first client.

        Raises Unavailable where one does not start at first.
        """
        with tempfile.TemporaryDirectory(prefix="protobase-live-") as folder:
            if len(os.fsencode(folder)) > SOCKET_FOLDER_BYTES:
                raise Unavailable(
                    f"{folder!r} is too long for sockets of workers: set TMPDIR to another folder"
                )
            lives = [asyncio.create_task(self._keep(each, Path(folder))) for each in self.workers]
            others = [asyncio.create_task(self._accept(ready)), asyncio.create_task(self._look_after())]
            others.append(asyncio.create_task(_until(stop)))
            try:
                await asyncio.wait([*lives, *others], return_when=asyncio.FIRST_COMPLETED)
                if self._serving:  # else nobody has written anything, and nobody is waited for
                    await self._stop(lives)
            finally:
                for each in [*others, *lives]:
                    each.cancel()
                for worker in self.workers:
                    worker.kill()
                self._porter.close()
                await asyncio.gather(*lives, *others, return_exceptions=True)
                await self._spare.close()
        for each in [*lives, *others]:
            if not each.cancelled():
                each.result()

    async def _accept(self, ready: Callable[[], None]) -> None:
        while not all(worker.up for worker in self.workers):
            self._came_up.clear()
            await self._came_up.wait()
        for listener in self._listeners:
            listener.listen(socket.SOMAXCONN)
        self._serving = True
        ready()
        async with asyncio.TaskGroup() as tasks:
            for listener in self._listeners:
                tasks.create_task(self._porter.accept_from(listener))

    async def _look_after(self) -> None:
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            for worker in self.workers:
                worker.look_after()

    async def _keep(self, worker: Worker, folder: Path) -> None:
        """Start a worker, and again whenever it has died. Raises Unavailable where it never served."""
        pauses = Pauses(self._limits)
        is_last = False
        while True:  # also at the end: one that is away may have what others lack
            begun = self._clock.monotonic()
            code = await self._live(worker, folder)
            if self._stopping.is_set() and (is_last or code in (0, None) or worker in self._settled):
                self._settled.add(worker)  # nobody waits for it
                self._leave_together()
                return
            is_last = self._stopping.is_set()  # it died before it had settled: once more, and no more often
            if not worker.served:
                why = worker.hung or "did not start"
                raise Unavailable(f"worker {worker.number} {why}; what it said, if anything, is above")
            if code is not None:
                self._died(worker, code)
            if pause := pauses.after(self._clock.monotonic() - begun):
                with suppress(TimeoutError):  # the end waits for it, so it begins at once then
                    await within(self._clock, pause, self._stopping.wait())

    async def _live(self, worker: Worker, folder: Path) -> int | None:
        """One life of a worker: its exit code, negative for a signal; None where no process could be had."""
        try:
            process = await self._spare.take()
        except OSError as error:
            fields = {"event": "worker_not_started", "worker": worker.number}
            told = "worker %d cannot be started for now: %s; the others serve"
            _log.error(told, worker.number, error, extra=fields)
            return None
        code = await worker.live(process, self._order(worker, folder))
        for client in worker.unserved:
            self._porter.admit(client)
        return code

    def _order(self, worker: Worker, folder: Path) -> dict[str, Any]:
        return {
            **self._orders[worker.number],
            "number": worker.number,
            "workers": len(self.workers),
            "folder": str(folder),
            "address": self._listeners[0].getsockname(),
            "secret": self._secret,
            "known": self._known.told(),
        }

    # deaths

    def _died(self, worker: Worker, code: int) -> None:
        self._deaths += 1
        cause = worker.hung or _cause(code)
        doing, verdict = worker.doing, None
        if doing is not None:
            from_outside = worker.hung is None and code == -signal.SIGKILL
            verdict = self._known.judge(doing, from_outside=from_outside)
            self._tell_known()
            told = {"time": self._clock.time(), "worker": worker.number, "cause": cause, "verdict": verdict}
            name = f"{int(1_000 * self._clock.time()):013d}-{worker.number}"
            try:
                self._reports.write(name, doing, told)
            except OSError as error:
                fields = {"event": "report_failed"}
                _log.error("what worker %d died of cannot be kept: %s", worker.number, error, extra=fields)
        collection = "" if doing is None else doing.collection
        fields = {"event": "worker_died", "worker": worker.number, "collection": collection}
        found = "of nothing that is known" if verdict is None else f"what it did is {verdict}"
        _log.error("worker %d died (%s): %s", worker.number, cause, found, extra=fields)

    def _tell_known(self) -> None:
        for worker in self.workers:
            worker.say(known=self._known.told())

    # what workers say

    def _hear(self, worker: Worker, said: Said) -> None:
        if "ready" in said:
            self._came_up.set()
            if self._stopping.is_set():
                worker.stop()
            elif all(each.up for each in self.workers):
                self._spare.prepare()
        if "settled" in said:
            self._settled.add(worker)
            self._leave_together()
        if "want_figures" in said:
            asked = [each for each in self._others(worker) if each.up]
            worker.say(deaths=self._deaths, asked=[each.number for each in asked])
            for each in asked:
                each.say(tell_figures=worker.number)
        if "figures" in said:
            asker, page = said["figures"]
            self.workers[int(asker)].say(page=[worker.number, page])

    def _others(self, worker: Worker) -> list[Worker]:
        return [each for each in self.workers if each is not worker]

    # the end

    async def _stop(self, lives: Sequence[asyncio.Task[None]]) -> None:
        self._stopping.set()
        for worker in self.workers:
            if worker.up:  # one that is starting may have what others lack: it settles, too
                worker.stop()
        with suppress(TimeoutError):  # then they are killed
            await within(self._clock, self._limits.end_seconds, asyncio.wait(lives))

    def _leave_together(self) -> None:
        """Let workers end their links when all have what all have stored."""
        if self._stopping.is_set() and self._settled >= set(self.workers):
            for worker in self.workers:
                worker.say(leave=True)


def _cause(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:  # those for real time have no names
        return f"signal {-code}"


async def _until(event: asyncio.Event) -> None:
    await event.wait()
