"""Two servers on a stream of three NATS servers: any of them is killed under load, and nothing is lost."""

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


async def acknowledged(writers: list[Writer], more: int) -> None:
    """Wait until each has so many more."""
    wanted = [writer.count + more for writer in writers]
    async with asyncio.timeout(WAIT_SECONDS):
        for writer, count in zip(writers, wanted, strict=True):
            await writer.until(count)


async def fault(random: Random, nodes: list[ServerProcess], servers: list[NatsServer]) -> object:
    """Kill a node, the stream's leader or any NATS server; the answer is what."""
    kind = random.choice(["node", "leader", "server"])
    if kind == "node":
        node = random.choice(nodes)
        await node.kill()
        return node
    leaders = [each for each in servers if kind == "leader" and each.leads(STREAM)]
    server = random.choice(leaders or servers)
    server.kill()
    return server


async def recover(killed: object) -> None:
    """Start again what was killed."""
    if isinstance(killed, ServerProcess):
        await killed.start()
    elif isinstance(killed, NatsServer):
        killed.start()
        await asyncio.to_thread(killed.wait_until_ready)


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
            await acknowledged(writers, MORE)
            for _ in range(FAULTS):
                killed = await fault(random, nodes, servers)
                await acknowledged(writers, MORE)
                await recover(killed)
                await acknowledged(writers, MORE)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            print(f"seed {seed}: longest without an acknowledgement", [f"{w.longest:.1f}" for w in writers])
            await _check(stack, nodes, writers)


async def _check(stack: AsyncExitStack, nodes: list[ServerProcess], writers: list[Writer]) -> None:
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
