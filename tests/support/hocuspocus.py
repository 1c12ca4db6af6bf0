"""Bare clients of the Hocuspocus door: what a stock provider never does, and what it is answered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pycrdt import Doc, Map
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from protobase_live.protocol.hocuspocus import messages as hocuspocus
from protobase_live.protocol.yjs import messages as yjs
from protobase_live.protocol.yjs.varint import prefixed
from protobase_live.server.server import Server

AUTH = b"\x02\x00\x06secret"
STEP1 = yjs.encode_step1(b"\x00")
STORED = hocuspocus.encode_sync_status()
READ_WRITE = hocuspocus.encode_authenticated("read-write")
READ_ONLY = hocuspocus.encode_authenticated("readonly")


def an_update(key: str, doc: Doc | None = None) -> bytes:
    """What a client writes that makes a record."""
    doc = Doc() if doc is None else doc
    doc.get("records", type=Map)[key] = Map({"n": 1})
    return doc.get_update()


class Client:
    """A socket whose documents are named at each message."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def say(self, name: str, *messages: bytes) -> None:
        """Say something about a document, or of a session of it."""
        for message in messages:
            await self._connection.send(prefixed(name.encode()) + message)

    async def say_raw(self, frame: bytes | str) -> None:
        """Send a frame as it is."""
        await self._connection.send(frame)

    async def hear(self, *, presence: bool = False) -> tuple[str, bytes]:
        """The next message, of those that are not about presence if nobody wants to hear these."""
        while True:
            frame = await self._connection.recv()
            assert isinstance(frame, bytes)
            key, message = hocuspocus.split(frame) if len(frame) > 1 else (b"", frame)
            if presence or message[0] != yjs.AWARENESS:
                return key.decode(errors="replace"), message

    async def hear_until(self, name: str, message: bytes) -> list[bytes]:
        """What is told of a document, up to this message."""
        heard: list[bytes] = []
        while not heard or heard[-1] != message:
            of, told = await self.hear()
            assert of == name
            heard.append(told)
        return heard

    async def open(self, name: str, scope: bytes = READ_WRITE) -> None:
        """Open a document and sync it."""
        await self.say(name, AUTH, STEP1)
        assert await self.hear() == (name, scope)
        assert (await self.hear())[1][:2] == b"\x00\x00"
        assert (await self.hear())[1][:2] == b"\x00\x01"

    async def end(self) -> tuple[int | None, str]:
        """How the server closes the socket."""
        try:
            while True:
                await self.hear()
        except ConnectionClosed as closed:
            return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (None, "")


@asynccontextmanager
async def client_of(server: Server, path: str = "/hocuspocus") -> AsyncIterator[Client]:
    """A socket of a server in this process."""
    async with connect(f"ws://127.0.0.1:{server.port}{path}", compression=None) as connection:
        yield Client(connection)
