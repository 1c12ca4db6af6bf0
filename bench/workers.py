"""What several workers give on one machine, beside a server of one process."""

from __future__ import annotations

import asyncio
import base64
import os
import sys
import tempfile
from itertools import count
from time import perf_counter

import protobase_live as pb
from bench.cpu import family_cpu_seconds
from bench.node_process import NodeProcess
from protobase_live.protocol.yjs import messages as yjs
from protobase_live.workers.homes import home_of

SECONDS = 6.0
COLLECTIONS = 8
PROGRAMS = 2
"""Processes that write, each with a connection for each collection."""
READERS = 150
"""Of each of two collections, which are at home with one worker each."""
KINDS = ((), ("--workers", "1"), ("--workers", "2"))


async def workers() -> None:
    """Acknowledged commits, and frames from one writer to many readers; with no, one and two workers."""
    for options in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            async with NodeProcess(f"file:{folder}/data", *options) as server:
                await _commits(server, " ".join(options) or "no workers")
        with tempfile.TemporaryDirectory() as folder:
            async with NodeProcess(f"file:{folder}/data", *options) as server:
                await _deliveries(server, " ".join(options) or "no workers")


async def _commits(server: NodeProcess, kind: str) -> None:
    programs = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.workers", server.url, str(n), stdout=asyncio.subprocess.PIPE
        )
        for n in range(PROGRAMS)
    ]
    for program in programs:
        assert program.stdout is not None
        await program.stdout.readline()
    before, begun = family_cpu_seconds(server.pid), perf_counter()
    done = sum([int((await each.communicate())[0]) for each in programs])
    seconds, cpu = perf_counter() - begun, family_cpu_seconds(server.pid) - before
    print(f"  {kind:<12} {done / seconds:>10,.0f} commits/s {1e6 * cpu / done:>8.0f} us of CPU each")


async def _write(url: str, name: str) -> None:
    """One program: writes one record after the other into each collection, and prints how many."""

    async def write(db: pb.RemoteDatabase, collection: str) -> int:
        tasks, until = await db.collection(collection), perf_counter() + SECONDS
        for n in count():
            if perf_counter() > until:
                return n
            await tasks.put({"n": n}, key=f"{name}-{n % 500}")
        return 0

    databases = [await pb.connect(f"{url}/live") for _ in range(COLLECTIONS)]
    print("ready", flush=True)
    print(sum(await asyncio.gather(*(write(db, f"c{n}") for n, db in enumerate(databases)))))
    for db in databases:
        await db.close()


class Client(asyncio.Protocol):
    """A bare Yjs client of a collection."""

    def __init__(self, room: str) -> None:
        self._room = room
        self.heard = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the collection, and for all updates."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET /yjs/{self._room} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self.say(yjs.encode_step1(b"\x00"))

    def say(self, message: bytes) -> None:
        """Send a short message, masked with zeros."""
        self._transport.write(bytes([0x82, 0x80 | len(message), 0, 0, 0, 0]) + message)

    def data_received(self, data: bytes) -> None:
        """Something was shown."""
        self.heard.set()

    def close(self) -> None:
        """Leave."""
        self._transport.abort()


async def _deliveries(server: NodeProcess, kind: str) -> None:
    from bench.__main__ import typing

    loop, updates = asyncio.get_running_loop(), typing(20_000)
    rooms = [next(n for n in map(str, count()) if home_of(n.encode(), range(2)) == home) for home in (0, 1)]
    readers: dict[str, list[Client]] = {room: [] for room in rooms}
    for room in rooms:
        for _ in range(READERS + 1):
            client = Client(room)
            await loop.create_connection(lambda client=client: client, "127.0.0.1", server.port)
            await client.heard.wait()
            readers[room].append(client)
    await asyncio.sleep(1)

    async def write(room: str) -> int:
        writer, *_, last = readers[room]
        until = perf_counter() + SECONDS
        for sent, update in enumerate(updates):
            if perf_counter() > until:
                return sent
            last.heard.clear()
            writer.say(yjs.encode_update(update))
            await last.heard.wait()
        return len(updates)

    before, begun = family_cpu_seconds(server.pid), perf_counter()
    shown = READERS * sum(await asyncio.gather(*map(write, rooms)))
    seconds, cpu = perf_counter() - begun, family_cpu_seconds(server.pid) - before
    print(f"  {kind:<12} {shown / seconds:>10,.0f} deliveries/s {1e6 * cpu / shown:>5.1f} us of CPU each")
    for each in [*readers[rooms[0]], *readers[rooms[1]]]:
        each.close()


if __name__ == "__main__":
    asyncio.run(_write(*sys.argv[1:]))
