"""A thousand clients of all doors that stop reading while a writer floods, and what that takes."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import psutil

import protobase_live as pb
from bench.node_process import NodeProcess
from bench.stalled_server import LIMITS
from tests.support.readers import KINDS, LAST, PATIENT, ROOM, YjsReader, joined
from tests.support.tcp_proxy import TcpProxy

STALLED = 1_000
WRITES = 300
KEYS = 40
TEXT = "x" * 4_096
CROWD_BYTES = 64 * 1024
FRAME_BYTES = 32 * 1024


class StalledServer(NodeProcess):
    """The server."""

    def __init__(self) -> None:
        super().__init__(Path())
        serve = (sys.executable, "-m", "bench.stalled_server")
        self._command = [*serve, "--storage", "memory:", "--listen", "127.0.0.1:0"]

    @property
    def bytes(self) -> int:
        """Of its memory that are not shared."""
        return psutil.Process(self._process.pid).memory_full_info().uss


async def stalled() -> None:
    """Memory before, during and after; how long writes took; who was right again."""
    print(f"  load of the machine: {os.getloadavg()[0]:.1f}")
    server = StalledServer()
    async with server, TcpProxy() as proxy:
        proxy.target = server.port
        async with pb.connect(f"ws://127.0.0.1:{server.port}/live", limits=PATIENT) as db:
            await _measure(server, proxy, await db.collection(ROOM))


async def _measure(server: StalledServer, proxy: TcpProxy, records: pb.Collection[Any]) -> None:
    for n in range(KEYS):
        await records.insert({"text": "first"}, key=f"k{n}")
    kinds = [KINDS[n % len(KINDS)] for n in range(STALLED)]
    stalled = await joined(proxy.port, kinds)
    reading = await joined(server.port, KINDS)
    alone = await _write(records, 40)
    before = server.bytes
    print(f"  {STALLED:,} clients, all reading: {before / 2**20:,.0f} MiB; a write took {_told(alone)}")
    proxy.back.stall()
    most, times = 0, list[float]()
    for _ in range(WRITES // 50):
        times += await _write(records, 50)
        most = max(most, server.bytes)
    told = sum(isinstance(reader, YjsReader) for reader in stalled)
    bound = LIMITS.all_backlog_bytes + LIMITS.all_answer_bytes + STALLED * (CROWD_BYTES + FRAME_BYTES)
    print(
        f"  stopped, {told} of them Yjs: {(most - before) / 2**20:,.0f} MiB more; "
        f"the limits say {bound / 2**20:,.0f}"
    )
    print(f"  unbounded: {STALLED * WRITES * len(TEXT) / 2**20:,.0f} MiB; a write took {_told(times)}")
    await records.insert({"text": "last"}, key=LAST)
    await asyncio.gather(*reading.values())
    print(f"  cut off for others: {await server.metric('limits_total'):,.0f}; readers beside them have all")
    begun = perf_counter()
    proxy.heal()
    await asyncio.gather(*stalled.values())
    expected = {key: await records.get(key) for key in await records.keys()}
    right = sum(reader.records() == expected for reader in stalled)
    print(f"  right again {perf_counter() - begun:.0f} s after they went on: {right:,} of {STALLED:,}")


async def _write(records: pb.Collection[Any], count: int) -> list[float]:
    times: list[float] = []
    for n in range(count):
        begun = perf_counter()
        await records.update(f"k{n % KEYS}", text=TEXT, n=n)
        times.append(perf_counter() - begun)
    return times


def _told(times: list[float]) -> str:
    return f"{1e3 * median(times):.1f} ms, at most {1e3 * max(times):.0f}"
