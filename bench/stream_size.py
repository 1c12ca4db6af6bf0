"""What collections that nobody opens cost: the stream's servers, and a node that starts.

``python -m bench stream_size``; ``BENCH_COLLECTIONS=10000,100000`` for other numbers of them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from itertools import islice
from time import perf_counter

import psutil
from pycrdt import Doc, Map
from websockets.asyncio.client import connect

from bench.node_process import NodeProcess
from protobase_live.protocol.yjs import messages as yjs
from protobase_storage import Commit, Part
from protobase_storage.nats.address import parse_address
from protobase_storage.nats.storage import NatsStorage
from tests.support.nats_servers import NatsServer, one_server

SIZES = [int(each) for each in os.environ.get("BENCH_COLLECTIONS", "10000,100000").split(",")]
AT_ONCE = 1_000
"""Collections that are stored at the same time."""
ORIGIN = "bench"


async def stream_size() -> None:
    """Of streams with so many collections of one record each."""
    for size in SIZES:
        with one_server() as nats:
            await _fill(nats, size)
            nats.kill()
            nats.start()
            begun = perf_counter()
            nats.wait_until_ready()
            ready = perf_counter() - begun
            await _start(nats)  # what a process reads of its own files for the first time is of no account
            start, asked, node = await _start(nats)
            disk = sum(each.stat().st_size for each in nats.folder.rglob("*") if each.is_file())
            servers = f"NATS {_mebibytes(nats.pid):,.0f} MiB of memory, {disk / 2**20:,.0f} MiB of files"
            reads = f"has read a collection {1e3 * asked:.0f} ms later, and takes {node:.0f} MiB"
            print(
                f"  {size:,} collections: {servers}, ready after {ready:.2f} s; "
                f"a node listens after {start:.2f} s, {reads}"
            )


async def _fill(nats: NatsServer, size: int) -> None:
    storage = await NatsStorage.open(parse_address(_address(nats)))
    commits = _commits(size)
    while some := [*islice(commits, AT_ONCE)]:
        await asyncio.gather(*(storage.append([each]) for each in some))
    await storage.close()


def _commits(size: int) -> Iterator[Commit]:
    doc: Doc = Doc()
    doc.get("records", type=Map)["t1"] = Map({"title": "Write it down", "done": False})
    update, parts = doc.get_update(), (Part(None, (("records", "t1"),)),)
    for number in range(size):
        yield Commit(ORIGIN, 1, _name(number), update, parts, 1.7e9)


def _name(number: int) -> str:
    return f"room-{number:07}"


async def _start(nats: NatsServer) -> tuple[float, float, float]:
    """Seconds until a node listens, and then until a client has a collection; MiB that it takes."""
    begun = perf_counter()
    async with NodeProcess(_address(nats)) as node:
        start = perf_counter() - begun
        await _read(node, _name(7))
        asked = perf_counter() - begun - start
        return start, asked, _mebibytes(node.pid)


async def _read(node: NodeProcess, name: str) -> None:
    """Have a Yjs client join a collection."""
    async with connect(f"{node.url}/yjs/{name}", compression=None, max_size=None) as client:
        await client.send(yjs.encode_step1(b"\x00"))
        while not isinstance(yjs.decode(await client.recv(decode=False)), yjs.SyncStep2):
            pass


def _address(nats: NatsServer) -> str:
    return f"nats://{nats.host}/bench"


def _mebibytes(pid: int) -> float:
    return psutil.Process(pid).memory_info().rss / 2**20
