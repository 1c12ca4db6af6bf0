"""Shared types of pycrdt that are edited at random, over pycrdt's own Provider."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from random import Random

from pycrdt import Array, Channel, Doc, Map, Provider, Text
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from tests.support.editors import Dump
from tests.support.yjs_node import NodeClients, YjsClient

RETRY_SECONDS = 0.05
"""How long a client waits before it looks for its server again."""
WORDS = ["one ", "zwei", " три", "四", "a", "b ", "😀", "é"]


class PycrdtEditor:
    """A pycrdt document; ``reader`` is a Yjs client that says what its updates contain."""

    def __init__(self, url: str, seed: int, reader: YjsClient) -> None:
        self._url = url
        self._random = Random(seed)
        self._reader = reader
        self._doc: Doc = Doc(client_id=self._random.getrandbits(32))
        self._text = self._doc.get("text", type=Text)
        self._list = self._doc.get("list", type=Array)
        self._records = self._doc.get("records", type=Map)
        self._session: asyncio.Task[None] | None = None
        self._synced = asyncio.Event()

    @classmethod
    async def open(cls, node: NodeClients, url: str, room: str, seed: int) -> PycrdtEditor:
        """Connected and synced."""
        reader = await node.open(url, room, editor="shared_types", seed=None, connect=False)
        editor = cls(f"{url}/{room}", seed, reader)
        await editor.connect()
        await editor._synced.wait()
        return editor

    async def edit(self, count: int) -> None:
        edits = [self._write, self._write, self._erase, self._format, self._append, self._drop, self._record]
        for _ in range(count):
            self._random.choice(edits)()

    async def connect(self) -> None:
        if self._session is None:
            self._session = asyncio.create_task(self._stay_connected())

    async def disconnect(self) -> None:
        if self._session is not None:
            self._session.cancel()
            with suppress(asyncio.CancelledError):
                await self._session
            self._session = None

    async def dump(self) -> Dump:
        return await self._reader.run(
            "const read = new Y.Doc(); Y.applyUpdate(read, args.update); return dump(read)",
            update=self._doc.get_update(),
        )

    async def _stay_connected(self) -> None:
        while True:
            with suppress(OSError, WebSocketException):
                async with connect(self._url) as connection:
                    await self._provide(connection)
            await asyncio.sleep(RETRY_SECONDS)

    async def _provide(self, connection: ClientConnection) -> None:
        async with Provider(self._doc, _Socket(connection)) as provider:
            await provider.synced.wait()
            self._synced.set()
            await connection.wait_closed()

    def _write(self) -> None:
        index = self._random.randint(0, len(str(self._text)))
        self._text.insert(self._offset(index), self._random.choice(WORDS))

    def _erase(self) -> None:
        del self._text[self._span()]

    def _format(self) -> None:
        span = self._span()
        if span.start < span.stop:
            self._text.format(span.start, span.stop, {"bold": self._random.choice([True, None])})

    def _append(self) -> None:
        values = [self._random.randint(0, 99), {"word": self._random.choice(WORDS)}, None]
        self._list.insert(self._random.randint(0, len(self._list)), self._random.choice(values))

    def _drop(self) -> None:
        if len(self._list):
            del self._list[self._random.randrange(len(self._list))]

    def _record(self) -> None:
        key = f"r{self._random.randrange(5)}"
        self._records[key] = Map({"title": self._random.choice(WORDS), "n": self._random.randint(0, 99)})

    def _span(self) -> slice:
        start = self._random.randint(0, len(str(self._text)))
        stop = min(len(str(self._text)), start + self._random.randint(1, 6))
        return slice(self._offset(start), self._offset(stop))

    def _offset(self, index: int) -> int:
        """pycrdt counts the bytes of UTF-8."""
        return len(str(self._text)[:index].encode())


class _Socket(Channel):
    """A WebSocket as Provider wants it. What cannot be sent any more is in the document, and goes with the
    next connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    @property
    def path(self) -> str:
        return "/"

    async def send(self, message: bytes) -> None:
        with suppress(ConnectionClosed):
            await self._connection.send(message)

    async def __anext__(self) -> bytes:
        try:
            return await self.recv()
        except ConnectionClosed:
            raise StopAsyncIteration from None

    async def recv(self) -> bytes:
        message = await self._connection.recv()
        assert isinstance(message, bytes)
        return message
