"""A Yjs client in a simulation: what a stock client does, on pycrdt."""

from __future__ import annotations

import asyncio

from pycrdt import Doc, Map
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from protobase_live.protocol import yjs
from protobase_live.testing import Node, World

ROOT = "records"


class Editor:
    """A document that is kept up with a collection of a node, from one connection to the next."""

    def __init__(self, world: World, node: Node, name: str) -> None:
        self.document: Doc = Doc(client_id=world.random(name).getrandbits(32))
        self.name = name
        self.handed_over: set[str] = set()
        """Keys that were sent, and followed by a close that the server has answered."""
        self._world = world
        self._node = node
        self._random = world.random(f"{name}'s pace")
        self._keys = 0
        self._edits: list[bytes] = []
        self._remote = False
        self._subscription = self.document.observe(self._observe)

    async def work(self, over: asyncio.Event) -> None:
        """Connect, edit, leave, and come back."""
        while not over.is_set():
            try:
                await self._visit(over)
            except (OSError, ConnectionClosed, TimeoutError):
                self._world.happened["an editor lost its connection"] += 1
            await self._world.clock.sleep(self._random.uniform(0.5, 3.0))

    async def _visit(self, over: asyncio.Event) -> None:
        url = self._node.url.replace("/live", "/yjs/tasks")
        async with connect(url, compression=None, ping_interval=None, open_timeout=5) as connection:
            await connection.send(yjs.encode_step1(self.document.get_state()))
            reading = asyncio.ensure_future(self._read(connection))
            try:
                sent = [await self._edit(connection) for _ in range(self._random.randint(1, 4))]
            finally:
                reading.cancel()
                await asyncio.wait([reading])
            await connection.close()
        if connection.close_code == 1000:  # it was answered, so what came before was read
            self.handed_over.update(sent)
            self._world.happened["an editor left with last words"] += 1

    async def _edit(self, connection: ClientConnection) -> str:
        await self._world.clock.sleep(self._random.expovariate(4))
        self._keys += 1
        key = f"{self.name}-{self._keys}"
        self.document.get(ROOT, type=Map)[key] = Map({"n": self._keys})
        for update in self._edits:
            await connection.send(yjs.encode_update(update))
        self._edits.clear()
        return key

    async def _read(self, connection: ClientConnection) -> None:
        async for frame in connection:
            assert isinstance(frame, bytes)
            match yjs.decode(frame):
                case yjs.SyncStep1(state):
                    await connection.send(yjs.encode_step2(self.document.get_update(state)))
                case yjs.SyncStep2(update) | yjs.Update(update):
                    self._remote = True
                    self.document.apply_update(update)
                    self._remote = False
                case _:
                    pass

    def _observe(self, event) -> None:
        if not self._remote:
            self._edits.append(event.update)

    async def finish(self) -> None:
        """Hand over what is left, now that nothing fails any more."""
        url = self._node.url.replace("/live", "/yjs/tasks")
        async with connect(url, compression=None, ping_interval=None, open_timeout=5) as connection:
            await connection.send(yjs.encode_update(self.document.get_update()))
            await connection.close()
