"""What a second node costs, and how long a commit takes to it: durable on both before it is shown there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from time import perf_counter

from pycrdt import Doc, Text
from websockets.asyncio.client import ClientConnection, connect

from bench.node_process import NodeProcess, Nodes
from protobase_live.protocol.yjs import messages as yjs

ROOMS = 20
READ_AT_BOTH = 2
"""Of how many of them the text is read at the node of who types, too: to tell what the other node adds."""
RATE = 1_000
"""Commits a second, in all rooms together."""
SECONDS = 10


class Reader:
    """One who reads the text of a room at a node."""

    def __init__(self) -> None:
        self._doc = Doc()
        self._text = self._doc.get("text", type=Text)
        self.shown: list[float] = []
        """When each letter was shown, by `perf_counter`."""

    async def open(self, name: str, node: NodeProcess) -> None:
        """Be connected."""
        self._socket = await _join(name, node)

    async def read(self, letters: int) -> None:
        """Until so many were shown."""
        while len(self.shown) < letters:
            message = yjs.decode(await self._socket.recv(decode=False))
            if isinstance(message, yjs.Update | yjs.SyncStep2):
                now = perf_counter()
                self._doc.apply_update(message.update)
                self.shown += [now] * (len(str(self._text)) - len(self.shown))

    async def close(self) -> None:
        """Leave."""
        await self._socket.close()


class Room:
    """A collection with one who types at a node, and who reads that at another one; or at both."""

    def __init__(self, updates: list[bytes], *, is_read_beside: bool) -> None:
        self._updates = updates
        self._sent: list[float] = []
        self._there = Reader()
        self._beside = Reader() if is_read_beside else None

    async def open(self, name: str, here: NodeProcess, there: NodeProcess) -> None:
        """Be connected on both sides."""
        self._writer = await _join(name, here)
        await self._there.open(name, there)
        if self._beside is not None:
            await self._beside.open(name, here)

    async def write(self) -> None:
        """Type the next letter."""
        update = self._updates[len(self._sent)]
        self._sent.append(perf_counter())
        await self._writer.send(yjs.encode_update(update))

    @property
    def readers(self) -> list[Reader]:
        """All who read."""
        return [self._there] if self._beside is None else [self._there, self._beside]

    async def read(self) -> None:
        """Until all was shown to all."""
        async with asyncio.TaskGroup() as tasks:
            for each in self.readers:
                tasks.create_task(each.read(len(self._updates)))

    @property
    def delays(self) -> list[float]:
        """Seconds from each keystroke until it was shown at the other node."""
        return _between(self._sent, self._there.shown)

    @property
    def delays_beside(self) -> list[float]:
        """Seconds from each keystroke until it was shown at its own node, if somebody reads there."""
        return _between(self._sent, self._beside.shown) if self._beside else []

    @property
    def lags(self) -> list[float]:
        """Seconds by which the other node showed each later than its own, if somebody reads at both."""
        return _between(self._beside.shown, self._there.shown) if self._beside else []

    async def close(self) -> None:
        """Leave."""
        await self._writer.close()
        for each in self.readers:
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
        updates = typing(RATE * SECONDS // ROOMS)
        rooms = [Room(updates, is_read_beside=number < READ_AT_BOTH) for number in range(ROOMS)]
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
    print(
        f"  {count} node{'s' if count > 1 else ''}, {RATE:,} keystrokes a second in {ROOMS} rooms "
        f"({stored:,} commits): {1e6 * taken / stored:.0f} us of CPU a commit; shown at its node after "
        f"{_milliseconds(each for room in rooms for each in room.delays_beside)}"
    )
    if count > 1:
        print(
            f"    at the other node {_milliseconds(each for room in rooms for each in room.lags)} later, "
            f"after {_milliseconds(each for room in rooms for each in room.delays)} in all"
        )
    return taken / stored


async def _join(name: str, node: NodeProcess) -> ClientConnection:
    socket = await connect(f"{node.url}/yjs/{name}", compression=None, max_size=None)
    await socket.send(yjs.encode_step1(b"\x00"))
    return socket


async def _write(rooms: list[Room]) -> None:
    """One letter after the other, each in the next room, at an even pace."""
    begun = perf_counter()
    for number in range(RATE * SECONDS):
        wait = begun + number / RATE - perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        await rooms[number % ROOMS].write()


def _between(earlier: list[float], later: list[float]) -> list[float]:
    return [end - begin for begin, end in zip(earlier, later, strict=True)]


def _milliseconds(seconds: Iterable[float]) -> str:
    """The middle, and what one in a hundred exceeds."""
    times = sorted(seconds)
    return f"{1e3 * times[len(times) // 2]:.1f} ms (p50), {1e3 * times[len(times) * 99 // 100]:.1f} ms (p99)"


def typing(count: int) -> list[bytes]:
    """Keystrokes at the end of a text."""
    doc, updates = Doc(), list[bytes]()
    subscription = doc.observe(lambda event: updates.append(event.update))
    text = doc.get("text", type=Text)
    for n in range(count):
        text.insert(n, chr(97 + n % 26))
    doc.unobserve(subscription)
    return updates
