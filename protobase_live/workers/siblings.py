"""The other workers, as one of them knows them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from socket import socket
from typing import Any

from protobase_actors import Clock, within
from protobase_live.cluster.channel import Channel
from protobase_live.cluster.cluster import Cluster
from protobase_live.cluster.replication import Replication
from protobase_live.errors import ProtoBaseError
from protobase_live.server.rest.answers import Answer
from protobase_live.workers.control import Control
from protobase_live.workers.figures import Gathering, one_page
from protobase_live.workers.limits import WorkerLimits
from protobase_live.workers.settling import is_known_to_have_all
from protobase_live.workers.stream_channel import StreamChannel
from protobase_storage import StorageError

FIGURES_SECONDS = 3.0
"""How long the figures of other workers are waited for."""

LOOK_SECONDS = 0.02
"""Between two looks at what others lack, or whether they are there."""

TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"


class WorkerSiblings:
    """The `Siblings` of a worker's server."""

    def __init__(
        self,
        number: int,
        workers: int,
        folder: Path,
        listener: socket,
        secret: bytes,
        control: Control,
        clock: Clock,
        limits: WorkerLimits,
        replication: Replication,
    ) -> None:
        """``folder`` is where all of them listen for each other."""
        self.listener = listener
        self.secret = secret
        self._number = number
        self._workers = workers
        self._folder = folder
        self._control = control
        self._clock = clock
        self._limits = limits
        self._replication = replication
        self._gathering: Gathering | None = None
        self._deaths = 0
        self._leave = asyncio.Event()

    # links

    async def begin(self, cluster: Cluster) -> None:
        """See `Siblings.begin`."""
        self._replication.configured = self._workers
        path = self._folder / str(self._number)
        path.unlink(missing_ok=True)
        await asyncio.start_unix_server(partial(self._serve, cluster), path)
        others = range(self._number + 1, self._workers)
        cluster.dial((f"worker {number}", partial(self._dial, number)) for number in others)

    async def _dial(self, number: int) -> Channel:
        path = self._folder / str(number)
        while not path.exists():  # it is starting, which is no failure
            await self._clock.sleep(LOOK_SECONDS)
        reader, writer = await asyncio.open_unix_connection(path)
        return StreamChannel(reader, writer, self._replication.limits.message_bytes)

    async def _serve(
        self, cluster: Cluster, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        channel = StreamChannel(reader, writer, self._replication.limits.message_bytes)
        with suppress(ProtoBaseError):  # the other worker was told why
            await cluster.serve(channel, dialed=False)
        writer.close()

    # the end

    async def settle(self) -> None:
        """See `Siblings.settle`."""
        seconds = self._limits.settle_seconds
        await self._in_time(seconds, self._nobody_lacks_anything())
        self._control.say(settled=True)
        await self._in_time(seconds, self._leave.wait())

    async def _in_time(self, seconds: float, waiting: Coroutine[Any, Any, Any]) -> None:
        with suppress(TimeoutError, StorageError):  # then the next start finds out
            await within(self._clock, seconds, waiting)

    async def _nobody_lacks_anything(self) -> None:
        while not await self._is_settled():
            await self._clock.sleep(LOOK_SECONDS)

    async def _is_settled(self) -> bool:
        links = [each.outgoing for each in self._replication.links.values()]
        if len(links) < self._workers - 1:
            return False
        return all([await is_known_to_have_all(each, self._replication.source) for each in links])

    # what is said by way of the supervisor

    async def figures(self, own: Answer) -> Answer:
        """See `Siblings.figures`."""
        if self._gathering is None:
            self._gathering = Gathering()
            self._control.say(want_figures=True)
        others = self._gathering
        await self._in_time(FIGURES_SECONDS, others.complete.wait())
        self._gathering = None
        page = one_page({**others.pages, self._number: own.body.decode()}, self._deaths)
        return replace(own, body=page.encode(), type=TEXT_FORMAT)

    def hear(self, what: str, value: Any) -> None:
        """What the supervisor says of the others."""
        if what == "leave":
            self._leave.set()
        elif what == "deaths":
            self._deaths = value
        elif self._gathering is not None:
            if what == "asked":
                self._gathering.expect(value)
            elif what == "page":
                self._gathering.take(*value)
