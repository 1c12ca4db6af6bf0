"""Readers at every door, each as simple as a client can be that comes back when it is cut off."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Literal

from pycrdt import Doc, Map
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

import protobase_live as pb
from protobase_live.protocol.yjs import messages as yjs
from protobase_live.protocol.yjs.varint import prefixed
from tests.support.hocuspocus import AUTH

ROOM = "room"
PATIENT = pb.ClientLimits(
    connect_seconds=600.0, attempt_seconds=300.0, call_seconds=600.0, post_seconds=300.0
)
"""On a machine that is busy with a thousand of them, everything takes long."""
LAST = "last"
"""The record with which all is told."""


class Reader:
    """Keeps the records of the room, until the last one is there."""

    def __init__(self, port: int) -> None:
        self.host = f"127.0.0.1:{port}"
        self.joined = asyncio.Event()
        """Whether it has been told what there was when it came."""

    async def run(self) -> None:
        """Read to the end, over several connections if need be."""
        raise NotImplementedError

    def records(self) -> dict[str, Any]:
        """What it knows."""
        raise NotImplementedError


class YjsReader(Reader):
    """A Yjs client."""

    path = f"yjs/{ROOM}"
    head = b""
    greeting: tuple[bytes, ...] = ()

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._doc: Doc = Doc()
        self._records = self._doc.get("records", type=Map)

    async def run(self) -> None:
        while LAST not in self._records:
            with suppress(ConnectionClosed, OSError):
                async with connect(
                    f"ws://{self.host}/{self.path}", compression=None, ping_interval=None
                ) as connection:
                    await self._read(connection)

    async def _read(self, connection: ClientConnection) -> None:
        for message in (*self.greeting, yjs.encode_step1(self._doc.get_state())):
            await connection.send(self.head + message)
        while LAST not in self._records:
            frame = await connection.recv()
            assert isinstance(frame, bytes)
            if not frame.startswith(self.head):
                continue
            match yjs.decode(frame[len(self.head) :]):
                case yjs.SyncStep2(update):
                    self._doc.apply_update(update)
                    self.joined.set()
                case yjs.Update(update):
                    self._doc.apply_update(update)
                case _:
                    pass

    def records(self) -> dict[str, Any]:
        return {key: dict(fields) for key, fields in self._records.to_py().items()}


class HocuspocusReader(YjsReader):
    """A Hocuspocus client."""

    path = "hocuspocus"
    head = prefixed(ROOM.encode())
    greeting = (AUTH,)


class StreamReader(Reader):
    """A change stream of the live door."""

    def __init__(self, port: int, transport: Literal["websocket", "http"] = "websocket") -> None:
        super().__init__(port)
        self._transport = transport
        self._records: dict[str, Any] = {}

    async def run(self) -> None:
        async with pb.connect(f"ws://{self.host}/live", transport=self._transport, limits=PATIENT) as db:
            records = await db.collection(ROOM)
            async with records.changes() as changes:
                self.joined.set()
                async for change in changes:
                    self._records[change.key] = change.after
                    if change.key == LAST:
                        return

    def records(self) -> dict[str, Any]:
        return self._records


class LiveReader(Reader):
    """A live query."""

    def __init__(self, port: int, transport: Literal["websocket", "http"] = "websocket") -> None:
        super().__init__(port)
        self._transport = transport
        self._records: dict[str, Any] = {}

    async def run(self) -> None:
        address = f"ws://{self.host}/live"
        async with (
            pb.connect(address, transport=self._transport, limits=PATIENT) as db,
            db.live(pb.Query(ROOM)) as live,
        ):
            self.joined.set()
            async for _ in live:
                self._records = {row["_key"]: _fields(row) for row in live.rows}
                if LAST in self._records:
                    return

    def records(self) -> dict[str, Any]:
        return self._records


class EventsReader(Reader):
    """A stream of server-sent events, which goes on behind the last one that it has seen."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._records: dict[str, Any] = {}
        self._last: str | None = None

    async def run(self) -> None:
        while LAST not in self._records:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._connect()

    async def _connect(self) -> None:
        host, _, port = self.host.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=2**20)
        since = "" if self._last is None else f"Last-Event-ID: {self._last}\r\n"
        head = f"GET /api/v1/collections/{ROOM}/changes HTTP/1.1\r\nHost: {host}\r\n{since}\r\n"
        try:
            writer.write(head.encode())
            await reader.readuntil(b"\r\n\r\n")
            self.joined.set()
            async for change, id in _events(reader):
                self._last = id
                if change is not None:
                    self._records[change["key"]] = change["after"]
                if LAST in self._records:
                    return
        finally:
            writer.close()

    def records(self) -> dict[str, Any]:
        return self._records


def _fields(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "_key"}


async def _events(reader: asyncio.StreamReader) -> AsyncIterator[tuple[dict[str, Any] | None, str | None]]:
    """Changes and ids, from a body in chunks, each of which is one event or more."""
    text = ""
    while size := int(await reader.readline(), 16):
        text += (await reader.readexactly(size)).decode()
        await reader.readline()
        *whole, text = text.split("\n\n")
        for each in whole:
            fields = dict(line.partition(": ")[::2] for line in each.splitlines() if line[:1] != ":")
            if "id" in fields:
                data = json.loads(fields["data"]) if fields.get("data") else None
                yield (data if fields["event"] == "change" else None), fields["id"]


KINDS: tuple[Callable[[int], Reader], ...] = (
    YjsReader,
    HocuspocusReader,
    StreamReader,
    LiveReader,
    partial(StreamReader, transport="http"),
    partial(LiveReader, transport="http"),
    EventsReader,
)
"""One for every door, and way to come in."""


async def joined(
    port: int, kinds: Sequence[Callable[[int], Reader]], at_once: int = 50
) -> dict[Reader, asyncio.Task[None]]:
    """Readers that have joined, so many at a time, and what each does to its end."""
    found: dict[Reader, asyncio.Task[None]] = {}
    for first in range(0, len(kinds), at_once):
        some = [kind(port) for kind in kinds[first : first + at_once]]
        found |= {reader: asyncio.ensure_future(reader.run()) for reader in some}
        for reader in some:
            await reader.joined.wait()
    return found
