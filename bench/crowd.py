"""What presence costs a node whose people are on real sockets, each of whom hears all others."""

from __future__ import annotations

import asyncio
import base64
import os
from time import perf_counter

from bench.node_process import NodeProcess, Nodes
from protobase_live.protocol.yjs import messages as yjs
from protobase_live.protocol.yjs.awareness import Entry, encode_entries
from protobase_live.protocol.yjs.awareness_table import LEAP

PEOPLE = 1_500
SECONDS = 10
SETTLE_SECONDS = 3
AT_ONCE = 50
STATE = '{"user":{"name":"person %d","color":"#30bced"},"cursor":{"anchor":%d,"head":%d}}'


class Person(asyncio.Protocol):
    """A WebSocket client that counts what it hears, and reads none of it: a reader costs less than a node."""

    def __init__(self, number: int) -> None:
        self.heard = 0
        self._number = number
        self._count = 0
        self.open = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the room."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET /yjs/room HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Something was said."""
        self.heard += len(data)
        if not self.open.done():
            self.open.set_result(None)

    def move(self) -> None:
        """Say where the cursor is now."""
        self._count += 1
        state = STATE % (self._number, self._count, self._count)
        frame = yjs.encode_awareness(encode_entries([Entry(1_000 + self._number, self._count, state)]))
        size = (
            bytes([0x80 | 126]) + len(frame).to_bytes(2, "big")
            if len(frame) > 125
            else bytes([0x80 | len(frame)])
        )
        self._transport.write(b"\x82" + size + bytes(4) + frame)  # masked with zeros

    def leap(self) -> None:
        """Count on, as a stock client does that is recalled since those who came later were told more."""
        self._count += LEAP

    def close(self) -> None:
        """Leave."""
        self._transport.abort()


async def crowd() -> None:
    """CPU of one node alone, and of the first of two that have half of the people each."""
    for count in (1, 2):
        async with Nodes() as cluster:
            nodes = [await cluster.start() for _ in range(count)]
            await _measure(nodes)


async def _measure(nodes: list[NodeProcess]) -> None:
    people = [Person(number) for number in range(PEOPLE)]
    loop = asyncio.get_running_loop()
    for number, person in enumerate(people):
        node = nodes[number * len(nodes) // PEOPLE]
        await loop.create_connection(lambda person=person: person, "127.0.0.1", node.port)
        if number % AT_ONCE == 0:
            await person.open
    await _move(people, SETTLE_SECONDS)
    for person in people:
        person.leap()
    await _move(people, SETTLE_SECONDS)
    heard, before = sum(person.heard for person in people), nodes[0].cpu()
    begun = perf_counter()
    await _move(people, SECONDS)
    seconds = perf_counter() - begun
    share = (nodes[0].cpu() - before) / seconds
    rate = (sum(person.heard for person in people) - heard) / seconds / len(nodes)
    print(
        f"  {PEOPLE:,} people on {len(nodes)} node{'s' if len(nodes) > 1 else ''}, "
        f"{PEOPLE * SECONDS / seconds:,.0f} moves a second: {100 * share:.0f} % of a core a node, "
        f"{rate / 1e6:.0f} MB/s to its people"
    )
    for person in people:
        person.close()


async def _move(people: list[Person], seconds: int) -> None:
    """Everybody moves once a second, evenly."""
    begun = perf_counter()
    for number in range(seconds * len(people)):
        wait = begun + number / len(people) - perf_counter()
        if wait > 0 or number % AT_ONCE == 0:
            await asyncio.sleep(max(wait, 0))
        people[number % len(people)].move()
