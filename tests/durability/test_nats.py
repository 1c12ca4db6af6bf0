"""Two servers on a stream of three NATS servers: any of them is killed under load, and nothing is lost.

Printed is how long a writer had no acknowledgement, at most; how much of it is NATS is in docs/scaling.md."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

import pytest

import protobase_live as pb
from protobase_actors import SystemClock
from protobase_live.cli.agreement import Verdict, compare
from tests.support.live_rows import applied
from tests.support.nats_servers import NatsServer, three_servers
from tests.support.server_process import ServerProcess

SEEDS = range(int(os.environ.get("NATS_SEEDS", "1")))
"""``NATS_SEEDS=20 .venv/bin/pytest tests/durability/test_nats.py`` runs twenty."""
WRITERS = 3
FAULTS = 4
MORE = 20
"""Writes that have to be acknowledged after each fault before the next one comes."""
WAIT_SECONDS = 60.0
"""Longest wait for them on a busy machine."""
STREAM = "database"


class Writer:
    """Writes records of its own, each third in two collections at once, and knows what was acknowledged."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alone: list[str] = []
        self.joint: list[str] = []
        self.longest = 0.0
        """Seconds between two acknowledgements, at most."""
        self._last = time.monotonic()
        self._more = asyncio.Event()

    @property
    def count(self) -> int:
        """What was acknowledged."""
        return len(self.alone) + len(self.joint)

    async def write(self, db: pb.RemoteDatabase) -> None:
        """Write until it is cancelled; what fails is not written again."""
        number = 0
        while True:
            number += 1
            key = f"{self.name}-{number}"
            try:
                await self._write(db, key, joint=number % 3 == 0)
            except (pb.ProtoBaseError, OSError):
                await asyncio.sleep(0.05)
                continue
            (self.joint if number % 3 == 0 else self.alone).append(key)
            now = time.monotonic()
            self.longest = max(self.longest, now - self._last)
            self._last = now
            self._more.set()

    async def until(self, count: int) -> None:
        """Wait until so much was acknowledged."""
        while self.count < count:
            self._more.clear()
            await self._more.wait()

    @staticmethod
    async def _write(db: pb.RemoteDatabase, key: str, *, joint: bool) -> None:
        if not joint:
            await (await db.collection("alone")).put({"by": key}, key=key)
            return
        async with db.transaction() as tx:
            tx["left"].insert({"by": key}, key=key)
            tx["right"].insert({"by": key}, key=key)


class Reader:
    """A live query, and its rows as its differences make them."""

    def __init__(self, collection: str) -> None:
        self.collection = collection
        self._rows: list[dict[str, str]] = []
        self._more = asyncio.Event()

    async def follow(self, db: pb.RemoteDatabase) -> None:
        """Take differences until it is cancelled."""
        async with db.live(pb.Query(self.collection)) as live:
            self._rows = list(live.rows)
            async for diff in live:
                self._rows = applied(self._rows, diff)
                assert self._rows == live.rows
                self._more.set()

    async def until(self, rows: list[dict[str, str]]) -> None:
        """Wait until it has these."""
        async with asyncio.timeout(WAIT_SECONDS):
            while self._rows != rows:
                self._more.clear()
                await self._more.wait()


async def acknowledged(writers: list[Writer], more: int) -> None:
    """Wait until each has so many more."""
    wanted = [writer.count + more for writer in writers]
    async with asyncio.timeout(WAIT_SECONDS):
        for writer, count in zip(writers, wanted, strict=True):
            await writer.until(count)


async def fault(
    random: Random, nodes: list[ServerProcess], servers: list[NatsServer]
) -> tuple[str, ServerProcess | NatsServer]:
    """Kill a node, the stream's leader or any NATS server; the answer is what."""
    kind = random.choice(["node", "leader", "server"])
    if kind == "node":
        node = random.choice(nodes)
        await node.kill()
        return "a node", node
    leaders = [each for each in servers if each.leads(STREAM)]
    server = random.choice((leaders if kind == "leader" else servers) or servers)
    server.kill()
    return "the leader" if server in leaders else "a follower", server


async def recover(killed: ServerProcess | NatsServer) -> None:
    """Start again what was killed."""
    if isinstance(killed, ServerProcess):
        await killed.start()
    else:
        killed.start()
        await asyncio.to_thread(killed.wait_until_ready)


def _longest(writers: list[Writer]) -> float:
    """How long a writer had no acknowledgement, at most, since this was asked last."""
    found = max(writer.longest for writer in writers)
    for writer in writers:
        writer.longest = 0.0
    return found


@pytest.mark.parametrize("seed", SEEDS)
async def test_nothing_acknowledged_is_lost(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    with three_servers() as servers:
        url = f"nats://{','.join(each.host for each in servers)}/{STREAM}?replicas=3"
        async with AsyncExitStack() as stack:
            nodes = [ServerProcess(tmp_path / f"n{n}", storage=url) for n in range(2)]
            for node in nodes:
                await stack.enter_async_context(node)
            writers = [Writer(f"w{n}") for n in range(WRITERS)]
            tasks: list[asyncio.Task[None]] = []
            for number, writer in enumerate(writers):
                urls = [node.live for node in (nodes[number % 2], nodes[1 - number % 2])]
                db = await stack.enter_async_context(pb.connect(urls))
                tasks.append(asyncio.create_task(writer.write(db)))
            readers = [Reader(name) for name in ("alone", "left")]
            following: list[asyncio.Task[None]] = []
            for reader, node in zip(readers, nodes, strict=True):
                other = next(each for each in nodes if each is not node)
                db = await stack.enter_async_context(pb.connect([node.live, other.live]))
                following.append(asyncio.create_task(reader.follow(db)))
            await acknowledged(writers, MORE)
            for _ in range(FAULTS):
                what, killed = await fault(random, nodes, servers)
                await acknowledged(writers, MORE)
                after_kill = _longest(writers)
                await recover(killed)
                await acknowledged(writers, MORE)
                after_start = _longest(writers)
                print(f"seed {seed}: {what} was killed: {after_kill:.1f} s, and started: {after_start:.1f} s")
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await _check(stack, nodes, writers, readers)
            assert not any(each.done() for each in following)
            for each in following:
                each.cancel()
            await asyncio.gather(*following, return_exceptions=True)


async def _check(
    stack: AsyncExitStack, nodes: list[ServerProcess], writers: list[Writer], readers: list[Reader]
) -> None:
    databases = [await stack.enter_async_context(pb.connect(node.live)) for node in nodes]
    for db in databases:
        for name in ("alone", "left", "right"):
            await (await db.collection(name)).get("")  # loaded
    found = await compare(databases, WAIT_SECONDS, SystemClock())
    assert {each.verdict for each in found} == {Verdict.SAME}, found
    for db in databases:
        alone, left, right = [
            {row["_key"] for row in await db.query(pb.Query(name))} for name in ("alone", "left", "right")
        ]
        assert left == right, "a transaction is there in part"
        for writer in writers:
            assert set(writer.alone) <= alone
            assert set(writer.joint) <= left
    for reader in readers:
        await reader.until(await databases[0].query(pb.Query(reader.collection)))
