"""How long writing pauses when the leader of a stream on three NATS servers is killed: of a bare publisher on
nats-py, which asks again every 50 ms, and of a client of a node beside it.

``python -m bench stream_pause``
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from time import perf_counter

import nats
from nats.errors import Error

from bench.node_process import NodeProcess
from protobase_live import ProtoBaseError, connect
from tests.support.nats_servers import NatsServer, three_servers

KILLS = 10
RETRY_SECONDS = 0.05
"""Between two attempts of the publisher, and between two writes."""
ANSWER_SECONDS = 0.25
"""How long the publisher waits for an answer."""
CALM_SECONDS = 3.0
"""From when the servers are whole to the next kill."""
STREAM = "database"


class Writing:
    """One that writes for ever, and its longest pause."""

    def __init__(self, write: Callable[[], Awaitable[object]], errors: tuple[type[Exception], ...]) -> None:
        self.longest = 0.0
        self._write = write
        self._errors = errors
        self._done = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        last = perf_counter()
        while True:
            try:
                await self._write()
            except self._errors:
                pass
            else:
                now = perf_counter()
                self.longest, last = max(self.longest, now - last), now
                self._done.set()
            await asyncio.sleep(RETRY_SECONDS)

    async def goes_on(self) -> None:
        """Wait until something is written that was begun from now on."""
        for _ in range(2):
            self._done.clear()
            await self._done.wait()

    def end(self) -> None:
        """Write no more."""
        self._task.cancel()


async def stream_pause() -> None:
    """Both write to the same stream, and are paused by the same elections."""
    with three_servers() as servers:
        hosts = ",".join(each.host for each in servers)
        async with (
            NodeProcess(f"nats://{hosts}/{STREAM}?replicas=3") as node,
            connect(f"{node.url}/live") as db,
            await nats.connect(
                [f"nats://{each.host}" for each in servers],
                max_reconnect_attempts=-1,
                reconnect_time_wait=RETRY_SECONDS,
                error_cb=_nothing,
            ) as client,
        ):
            notes, numbers = await db.collection("notes"), count()

            async def publish() -> None:
                await client.request(f"{STREAM}.piece.bare.x", b"x", timeout=ANSWER_SECONDS)

            async def put() -> None:
                await notes.put({"n": next(numbers)}, key="n")

            bare = Writing(publish, (Error,))
            ours = Writing(put, (ProtoBaseError,))
            for _ in range(KILLS):
                await _kill_leader(servers, [bare, ours])
                print(f"  bare publisher {bare.longest:>6.2f} s, client {ours.longest:>6.2f} s")
            bare.end()
            ours.end()


async def _kill_leader(servers: Sequence[NatsServer], writing: Sequence[Writing]) -> None:
    for each in servers:
        await asyncio.to_thread(each.wait_until_ready)
    await asyncio.sleep(CALM_SECONDS)
    leader = next(each for each in servers if each.leads(STREAM))
    for each in writing:
        each.longest = 0.0
    leader.kill()
    for each in writing:
        await each.goes_on()
    leader.start()


async def _nothing(_: Exception) -> None:
    """It is asked again."""
