"""Clients of a node that is killed carry on at another one: nothing missed, nothing repeated."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import protobase_live as pb
from protobase_actors import SystemClock
from protobase_live.cli.agreement import Verdict, compare
from protobase_live.client.remote_database import RemoteDatabase
from tests.support.server_nodes import ServerNodes, nobody_lacks_anything
from tests.support.tcp_proxy import TcpProxy
from tests.support.yjs_node import WAIT_SECONDS, NodeClients, YjsClient

ROOM = "tasks"
WITHIN_SECONDS = 2.0
"""A client is at another node after so long, on a machine that does nothing else."""
SLACK_SECONDS = 8.0
"""What a busy machine may take more."""

NOTE_TIMES = """
doc.lost = doc.back = 0
provider.on('connection-close', () => { doc.lost = doc.lost || Date.now() })
provider.on('sync', synced => { if (synced && doc.lost && !doc.back) doc.back = Date.now() })
"""
PUT = "doc.getMap('records').set(args.key, new Y.Map([['n', 1]]))"


class Reader:
    """A Python program that follows the changes of the collection and writes into it."""

    def __init__(self) -> None:
        self.told: list[pb.Change] = []
        self.away_seconds = 0.0
        """How long it was without a node, at most."""
        self._lost = 0.0
        self._more = asyncio.Event()

    def on_connection(self, why: str | None) -> None:
        if why is not None:
            self._lost = time.monotonic()
        elif self._lost:
            self.away_seconds = max(self.away_seconds, time.monotonic() - self._lost)

    async def follow(self, db: RemoteDatabase, begun: asyncio.Event) -> None:
        async with (await db.collection(ROOM)).changes() as changes:
            begun.set()
            async for change in changes:
                self.told.append(change)
                self._more.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            while len(self.told) < count:
                self._more.clear()
                await self._more.wait()


@asynccontextmanager
async def following(cluster: ServerNodes) -> AsyncGenerator[tuple[RemoteDatabase, Reader]]:
    reader, begun = Reader(), asyncio.Event()
    urls = [node.live for node in cluster.nodes]
    async with pb.connect(urls, on_connection=reader.on_connection) as db:
        task = asyncio.create_task(reader.follow(db, begun))
        await begun.wait()
        yield db, reader
        task.cancel()


async def where_it_is(db: RemoteDatabase) -> int:
    return int((await db.cluster_status()).node.removeprefix("n"))


async def write(db: RemoteDatabase, yjs: YjsClient, when: str, count: int = 5) -> set[str]:
    """Both clients write so many records; their keys."""
    tasks = await db.collection(ROOM)
    keys = {f"{who}-{when}-{n}" for who in ("python", "yjs") for n in range(count)}
    for key in sorted(keys):
        if key.startswith("python"):
            await tasks.put({"n": 1}, key=key)
        else:
            await yjs.run(PUT, key=key)
    return keys


async def test_clients_of_a_node_that_is_killed_carry_on_at_another(tmp_path: Path, node: NodeClients):
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(ServerNodes(tmp_path))
        address = await stack.enter_async_context(TcpProxy())
        db, reader = await stack.enter_async_context(following(cluster))
        killed = await where_it_is(db)
        address.target = cluster.nodes[killed].port
        url = f"ws://127.0.0.1:{address.port}/yjs"
        yjs = await (await node.open(url, ROOM, maxBackoffTime=2500)).synced()  # as stock clients have it
        await yjs.run(NOTE_TIMES)
        keys = await write(db, yjs, "before")
        await reader.until(len(keys))
        await nobody_lacks_anything(db, links=2)

        address.target = cluster.nodes[(killed + 1) % 3].port
        await cluster.nodes[killed].kill()
        keys |= await write(db, yjs, "after")
        await reader.until(len(keys))
        await yjs.until_equal("[...doc.getMap('records').keys()].sort()", sorted(keys))
        assert await where_it_is(db) != killed

        assert [change.kind for change in reader.told] == ["insert"] * len(keys), "something was told twice"
        assert {change.key for change in reader.told} == keys
        assert reader.away_seconds < WITHIN_SECONDS + SLACK_SECONDS
        assert await yjs.get("doc.back - doc.lost") / 1000 < WITHIN_SECONDS + SLACK_SECONDS

        await cluster.nodes[killed].start()
        databases = [await stack.enter_async_context(pb.connect(each.live)) for each in cluster.nodes]
        found = await compare(databases, WAIT_SECONDS, SystemClock())
        assert [(each.collection, each.verdict) for each in found] == [(ROOM, Verdict.SAME)]
