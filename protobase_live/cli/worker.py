"""A worker of ``protobase-live serve --workers``, as a process of its own.

``python -m protobase_live.cli.worker`` with some descriptors reads its order as one line of JSON, and ends
with its supervisor. What it needs is imported before: it may be a spare, and is to start at once.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from socket import socket
from typing import Any

from protobase_actors import SystemClock
from protobase_live.cli.descriptors import Starvation, allow_descriptors
from protobase_live.cli.logs import log_to_stderr
from protobase_live.cli.loop import run, stop_requested
from protobase_live.cli.serve import listening_as, opened, tracing
from protobase_live.cli.settings import settings
from protobase_live.cluster import cluster as cluster
from protobase_live.database import folder as folder
from protobase_live.server import hocuspocus_door as hocuspocus_door
from protobase_live.server import http_live_door as http_live_door
from protobase_live.server import peers as peers
from protobase_live.server.rest import rest as rest
from protobase_live.server.server import Server
from protobase_live.workers.control import Control, Do
from protobase_live.workers.flight_record import FlightRecord
from protobase_live.workers.passing import PassedSockets
from protobase_live.workers.recorder import FlightRecorder
from protobase_live.workers.siblings import WorkerSiblings

BEAT_SECONDS = 0.25
"""How often a worker shows that it lives."""

PR_SET_PDEATHSIG = 1
"""From <sys/prctl.h>."""

_log = logging.getLogger(__name__)


async def _serve(order: Mapping[str, Any], door: int, control_end: int, memory: int) -> None:
    how = replace(settings(order["options"], os.environ), storage=order["storage"])
    log_to_stderr(how.log_level, how.log_format, worker=order["number"])
    stop, clock = stop_requested(), SystemClock()
    allow_descriptors(how.server_limits.sessions)
    asyncio.get_running_loop().set_exception_handler(Starvation(clock))
    recorder = FlightRecorder(FlightRecord(memory, how.worker_limits.recorded_bytes))
    recorder.learn(order["known"])
    control = await Control.over(socket(fileno=control_end))
    async with opened(how) as database:
        database.recorder = recorder
        siblings = WorkerSiblings(
            order["number"],
            order["workers"],
            Path(order["folder"]),
            PassedSockets(door, tuple(order["address"])),
            bytes.fromhex(order["secret"]),
            control,
            clock,
            how.worker_limits,
            database.replication,
        )
        async with tracing(database, how.traces), listening_as(database, how, siblings) as server:
            obey = partial(_obey, control, siblings, recorder, server)
            listening = asyncio.ensure_future(_listen(control, obey))
            beating = asyncio.ensure_future(_beat(recorder, clock))
            gc.collect()
            gc.freeze()  # as in `serve`
            control.say(ready=True)
            await stop.wait()
        beating.cancel()
    listening.cancel()


async def _beat(recorder: FlightRecorder, clock: SystemClock) -> None:
    while True:
        recorder.beat()
        await clock.sleep(BEAT_SECONDS)


async def _listen(control: Control, obey: Do) -> None:
    await control.obey(obey)
    os._exit(1)  # the supervisor has gone; what was acknowledged is stored


async def _obey(
    control: Control,
    siblings: WorkerSiblings,
    recorder: FlightRecorder,
    server: Server,
    what: str,
    value: Any,
) -> None:
    if what == "known":
        recorder.learn(value)
    elif what == "tell_figures":
        page = await server.figures()
        control.say(figures=[value, page.body.decode()])
    else:
        siblings.hear(what, value)


def _end_with_parent() -> None:
    """Be killed when the supervisor dies, even while code hangs; elsewhere than on Linux the loop ends it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main(descriptors: Sequence[str]) -> None:
    """Wait for an order; then serve until SIGTERM, or until the supervisor dies. ``descriptors`` are those of
    its door, of what both say, and of the memory that it records in.
    """
    _end_with_parent()
    order = json.loads(sys.stdin.readline() or "null")
    if order is not None and os.getppid() == order["supervisor"]:
        run(_serve(order, *map(int, descriptors)))


if __name__ == "__main__":
    main(sys.argv[1:])
