"""What a second node costs, and how long a commit takes to it: durable on both before it is shown there."""

from __future__ import annotations

import asyncio
from time import perf_counter

from pycrdt import Doc, Text
from websockets.asyncio.client import connect

from bench.node_process import NodeProcess, Nodes
from protobase_live.protocol.yjs import messages as yjs

ROOMS = 20
RATE = 1_000
"""Commits a second, in all rooms together."""
SECONDS = 10


class Room:
    """A collection with one who types at a node, and one who reads at a node."""

    def __init__(self, updates: list[bytes]) -> None:
        self._updates = updates
        self._sent: list[float] = []
        self._doc = Doc()
        self._text = self._doc.get("text", type=Text)
        self.lags: list[float] = []
        """How long each keystroke took to be shown, in seconds."""

    async def open(self, name: str, writer: NodeProcess, reader: NodeProcess) -> None:
        """Be connected on both sides."""
        self._writer, self._reader = [
            await connect(f"{node.url}/yjs/{name}", compression=None, max_size=None)
            for node in (writer, reader)
        ]
        for each in (self._writer, self._reader):
            await each.send(yjs.encode_step1(b"\x00"))

    async def write(self) -> None:
        """Type the next letter."""
        update = self._updates[len(self._sent)]
        self._sent.append(perf_counter())
        await self._writer.send(yjs.encode_update(update))

    async def read(self) -> None:
        """Until all was shown."""
        while len(self.lags) < len(self._updates):
            message = yjs.decode(await self._reader.recv(decode=False))
            if isinstance(message, yjs.Update | yjs.SyncStep2):
                now = perf_counter()
                self._doc.apply_update(message.update)
                self.lags += [now - sent for sent in self._sent[len(self.lags) : len(str(self._text))]]

    async def close(self) -> None:
        """Leave."""
        for each in (self._writer, self._reader):
            await each.close()


async def replication() -> None:
    """The same writers and readers at one node, and at two."""
    alone = await _measure(1)
    both = await _measure(2)
    print(f"  two nodes take {both / alone:.2f} times the CPU of one for a commit")


async def _measure(count: int) -> float:
    """Seconds of CPU for a commit, of all nodes together."""
    async with Nodes() as cluster:
        nodes = [await cluster.start() for _ in range(count)]
        if count > 1:
            await nodes[-1].until("link_up", 1)
        rooms = [Room(typing(RATE * SECONDS // ROOMS)) for _ in range(ROOMS)]
        for number, room in enumerate(rooms):
            await room.open(f"room{number}", nodes[0], nodes[-1])
        before = sum(node.cpu() for node in nodes)
        async with asyncio.TaskGroup() as tasks:
            for room in rooms:
                tasks.create_task(room.read())
            tasks.create_task(_write(rooms))
        taken = sum(node.cpu() for node in nodes) - before
        stored = int(await nodes[0].metric("storage_commits_total"))
        for room in rooms:
            await room.close()
    lags = sorted(lag for room in rooms for lag in room.lags)
    print(
        f"  {count} node{'s' if count > 1 else ''}, {RATE:,} keystrokes a second in {ROOMS} rooms "
        f"({stored:,} commits): shown after {1e3 * lags[len(lags) // 2]:.1f} ms (p50), "
        f"{1e3 * lags[len(lags) * 99 // 100]:.1f} ms (p99); {1e6 * taken / stored:.0f} us of CPU a commit"
    )
    return taken / stored


async def _write(rooms: list[Room]) -> None:
    """One letter after the other, each in the next room, at an even pace."""
    begun = perf_counter()
    for number in range(RATE * SECONDS):
        wait = begun + number / RATE - perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        await rooms[number % ROOMS].write()


def typing(count: int) -> list[bytes]:
    """Keystrokes at the end of a text."""
    doc, updates = Doc(), list[bytes]()
    subscription = doc.observe(lambda event: updates.append(event.update))
    text = doc.get("text", type=Text)
    for n in range(count):
        text.insert(n, chr(97 + n % 26))
    doc.unobserve(subscription)
    return updates
