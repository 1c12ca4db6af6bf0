"""Clients that write to all nodes of a cluster, and remember what they were promised."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from itertools import count
from typing import Any

import protobase_live as pb
from tests.support.server_process import ServerProcess
from tests.support.yjs_node import NodeClients, YjsClient

SINGLES = "singles"
SIDES = ("left", "right")
"""The collections of each transaction."""
ROOM = "raw"
"""The collection of the Yjs clients."""

SOON = pb.ClientLimits(max_backoff_seconds=1.0)
"""A node that is back is written to again soon."""

_WRITE = """
doc.getMap('entries').set(args.key, args.n)
const text = doc.getText('text')
text.insert(Math.floor(text.length / 2), 'x')
"""


class ClusterLoad:
    """A Python client and a stock Yjs client at each node; an async context manager."""

    def __init__(self, nodes: list[ServerProcess], yjs: NodeClients) -> None:
        self._nodes = nodes
        self._yjs = yjs
        self._stack = AsyncExitStack()
        self._counts = count()
        self._writing: list[asyncio.Task[None]] = []
        self._acknowledged = asyncio.Condition()
        self.databases: list[pb.RemoteDatabase] = []
        self.editors: list[YjsClient] = []
        self.sent: dict[str, set[str]] = {name: set() for name in (SINGLES, "whole", ROOM)}
        self.promised: dict[str, set[str]] = {name: set() for name in (SINGLES, "whole", ROOM)}
        """What was acknowledged; of Yjs clients, what another one at the same node was shown."""

    async def __aenter__(self) -> ClusterLoad:
        for node in self._nodes:
            database = pb.connect(node.live, limits=SOON)
            self.databases.append(await self._stack.enter_async_context(database))
            self.editors.append(await (await self._yjs.open(node.yjs, ROOM)).synced())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        for editor in self.editors:
            await editor.run("provider.destroy()")
        await self._stack.aclose()

    def start(self) -> None:
        """Begin to write everywhere, each client as fast as it is answered."""
        pairs = zip(self.databases, self.editors, strict=True)
        self._writing = [asyncio.create_task(self._write(*pair)) for pair in pairs]

    async def stop(self) -> None:
        """Write no more; what is under way then was sent, and was not promised."""
        for task in self._writing:
            task.cancel()
        ended = await asyncio.gather(*self._writing, return_exceptions=True)
        self._writing = []
        for error in ended:
            if isinstance(error, Exception):
                raise error

    async def more(self, promises: int) -> None:
        """Wait until so much more was promised, by whichever nodes."""
        aim = self._count() + promises
        async with self._acknowledged:
            await self._acknowledged.wait_for(lambda: self._count() >= aim or self._failed())

    def _failed(self) -> bool:
        return any(task.done() for task in self._writing)

    def _count(self) -> int:
        return sum(map(len, self.promised.values()))

    async def _write(self, db: pb.RemoteDatabase, editor: YjsClient) -> None:
        try:
            while True:
                await self._edit(editor)
                await self._try(SINGLES, self._insert(db, self._key(SINGLES)))
                await self._try("whole", self._transact(db, self._key("whole")))
        finally:
            async with self._acknowledged:
                self._acknowledged.notify_all()

    def _key(self, what: str) -> str:
        key = f"k{next(self._counts)}"
        self.sent[what].add(key)
        return key

    async def _edit(self, editor: YjsClient) -> None:
        n = next(self._counts)
        self.sent[ROOM].add(f"k{n}")
        await editor.run(_WRITE, key=f"k{n}", n=n)

    async def _try(self, what: str, writing: Any) -> None:
        try:
            key = await writing
        except (pb.Unavailable, pb.OutcomeUnknown):
            return  # its node is gone; the client finds it again
        self.promised[what].add(key)
        async with self._acknowledged:
            self._acknowledged.notify_all()

    async def _insert(self, db: pb.RemoteDatabase, key: str) -> str:
        await (await db.collection(SINGLES)).insert({"key": key}, key=key)
        return key

    async def _transact(self, db: pb.RemoteDatabase, key: str) -> str:
        async with db.transaction() as tx:
            for side in SIDES:
                tx[side].insert({"key": key}, key=key)
        return key
