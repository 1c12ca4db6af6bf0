"""A Yjs client in a simulation: what a stock client does, on pycrdt."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from pycrdt import Doc, Map, Text
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from protobase_live.protocol.yjs import messages as yjs
from protobase_live.testing import Node, World

ROOT = "records"
NOTES = "notes"

HANDED_OVER = 1000
"""How a connection ends when the close was answered."""

LOST = (OSError, TimeoutError, WebSocketException)

OPEN_SECONDS = 15.0
"""Longer than the server holds who it has turned away."""


class Editor:
    """A document that is kept up with a collection of a node, from one connection to the next."""

    def __init__(self, world: World, node: Node, name: str, *, text: bool = False) -> None:
        """With ``text`` it writes in a text, too, as others do."""
        self.document: Doc = Doc(client_id=world.random(name).getrandbits(32))
        self.name = name
        self.keys: set[str] = set()
        """What it has inserted."""
        self._world = world
        self._node = node
        self._random = world.random(f"{name}'s pace")
        self._text = text
        self._edits: list[bytes] = []
        self._remote = False
        self._subscription = self.document.observe(self._observe)

    async def work(self, over: asyncio.Event) -> None:
        """Connect, edit, leave, and come back."""
        while not over.is_set():
            try:
                await self._visit(over)
            except LOST:
                self._world.happened["an editor lost its connection"] += 1
            await self._world.clock.sleep(self._random.uniform(0.5, 3.0))

    async def _visit(self, over: asyncio.Event) -> None:
        async with self._connect() as connection:
            await connection.send(yjs.encode_step1(self.document.get_state()))
            reading = asyncio.ensure_future(self._read(connection))
            try:
                for _ in range(self._random.randint(1, 4)):
                    await self._edit(connection)
            finally:
                reading.cancel()
                await asyncio.wait([reading])
            await connection.close()
        if connection.close_code == HANDED_OVER:
            self._world.happened["an editor left with last words"] += 1

    async def _edit(self, connection: ClientConnection) -> None:
        await self._world.clock.sleep(self._random.expovariate(4))
        number = len(self.keys) + 1
        key = f"{self.name}-{number}"
        self.keys.add(key)
        self.document.get(ROOT, type=Map)[key] = Map({"n": number})
        if self._text:
            self._write_text()
        for update in self._edits:
            await connection.send(yjs.encode_update(update))
        self._edits.clear()

    def _write_text(self) -> None:
        notes = self.document.get(NOTES, type=Text)
        length = len(str(notes))
        if length > 5 and self._random.random() < 0.3:
            at = self._random.randrange(length - 5)
            del notes[at : at + self._random.randint(1, 5)]
        else:
            notes.insert(self._random.randint(0, length), f"{self.name[-1]}{len(self.keys)} ")

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

    @property
    def node(self) -> Node:
        """Where it is connected."""
        return self._node

    def move(self, node: Node) -> None:
        """Connect there from now on."""
        self._node = node

    async def finish(self) -> None:
        """Hand over everything as last words. Nothing fails now, but who was turned away is slowed."""
        code = None
        while code != HANDED_OVER:
            with suppress(*LOST):
                async with self._connect() as connection:
                    await connection.send(yjs.encode_update(self.document.get_update()))
                    await connection.close()
                code = connection.close_code
            await self._world.clock.sleep(1.0)
        self.document.unobserve(
            self._subscription
        )  # it has this editor, and that the world: a cycle that stays

    def _connect(self) -> connect:
        url = self._node.url.replace("/live", "/yjs/tasks")
        return connect(url, compression=None, ping_interval=None, open_timeout=OPEN_SECONDS)
