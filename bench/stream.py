"""What nodes on one stream of NATS give, and cost: one of them, two, and four.

``python -m bench stream``
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import chain
from time import perf_counter

from bench.cpu import cpu_seconds
from bench.node_process import NodeProcess
from bench.replication import typing
from bench.workers import Client
from protobase_live.protocol.yjs import messages as yjs
from tests.support.nats_servers import one_server

NODES = (1, 2, 4)
SECONDS = 6.0
WRITERS = 8
"""Collections for each node in which somebody types as fast as it is shown to him who reads there."""
ROOMS, READERS = 2, 100
"""Collections for each node in which one types, and so many read."""


@dataclass(slots=True)
class Room:
    """A collection with one who types, and those who read."""

    name: str
    writer: Client
    readers: list[Client] = field(default_factory=list[Client])

    async def write(self, updates: Sequence[bytes]) -> int:
        """Type each letter when the one before was shown to the last reader; how many that were."""
        until = perf_counter() + SECONDS
        for sent, update in enumerate(updates):
            if perf_counter() > until:
                return sent
            heard = self.readers[-1].heard
            heard.clear()
            self.writer.say(yjs.encode_update(update))
            await heard.wait()
        return len(updates)


async def stream() -> None:
    """Acknowledged commits, and deliveries to many readers, by how many nodes serve them."""
    for count in NODES:
        await _measure("commits", count, WRITERS * count, 1)
    for count in NODES:
        await _measure("deliveries", count, ROOMS * count, READERS)
    for count in NODES[1:]:
        await _measure("deliveries", count, ROOMS * count, READERS, spread=True)


async def _measure(what: str, count: int, rooms: int, readers: int, *, spread: bool = False) -> None:
    """Each collection is served by one node, as affinity has it; or its readers are ``spread`` over all."""
    with one_server() as nats:
        async with AsyncExitStack() as stack:
            address = f"nats://{nats.host}/bench"
            nodes = [await stack.enter_async_context(NodeProcess(address)) for _ in range(count)]
            made = [await _room(f"room{n}", n, nodes, readers, spread=spread) for n in range(rooms)]
            await asyncio.sleep(1)
            nodes_cpu, nats_cpu, begun = _cpu(nodes), cpu_seconds(nats.pid), perf_counter()
            updates = typing(20_000)
            done = readers * sum(await asyncio.gather(*(each.write(updates) for each in made)))
            seconds = perf_counter() - begun
            nodes_cpu, nats_cpu = _cpu(nodes) - nodes_cpu, cpu_seconds(nats.pid) - nats_cpu
            for client in chain.from_iterable([each.writer, *each.readers] for each in made):
                client.close()
    each = f"nodes {1e6 * nodes_cpu / done:.1f}, NATS {1e6 * nats_cpu / done:.1f}"
    where = "readers everywhere" if spread else "each room at one node"
    print(f"  {_count(count)}, {where:<21} {done / seconds:>8,.0f} {what}/s, us of CPU each: {each}")


def _count(nodes: int) -> str:
    return f"{nodes} node{'s' if nodes > 1 else ' '}"


def _cpu(nodes: Sequence[NodeProcess]) -> float:
    return sum(node.cpu() for node in nodes)


async def _room(name: str, at: int, nodes: Sequence[NodeProcess], readers: int, *, spread: bool) -> Room:
    home = nodes[at % len(nodes)]
    room = Room(name, await _client(name, home))
    for n in range(readers):
        room.readers.append(await _client(name, nodes[n % len(nodes)] if spread else home))
    return room


async def _client(room: str, node: NodeProcess) -> Client:
    client = Client(room)
    await asyncio.get_running_loop().create_connection(lambda: client, "127.0.0.1", node.port)
    await client.heard.wait()
    return client
