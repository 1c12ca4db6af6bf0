"""Clients that write to a server and remember what they were promised and shown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count
from typing import Any

from pycrdt import Doc, Map
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

import protobase_live as pb
from protobase_live.protocol.yjs import messages as yjs
from tests.support import raw
from tests.support.server_process import ServerProcess

SIDES = ("left", "middle", "right")
"""The collections of each transaction."""


RAW_AHEAD = 16
"""Updates of the bare Yjs client on their way to the other one, at most."""


class Witness:
    """Writes and reads by every door; after so many moments (something was sent, acknowledged or shown)
    ``strike`` is called, which is to end the server."""

    def __init__(self, server: ServerProcess, moments: int, strike: Callable[[], None]) -> None:
        self._server = server
        self._left = moments
        self._strike = strike
        self._room = asyncio.Semaphore(RAW_AHEAD)
        self.sent: dict[str, set[str]] = {"singles": set(), "whole": set(), "raw": set()}
        self.promised: dict[str, set[str]] = {"singles": set(), "whole": set(), "raw": set()}
        """What was acknowledged to its writer or shown to a reader."""
        self.close_codes: list[int | None] = []
        """How the connections of the bare clients ended."""

    async def watch(self) -> None:
        """Returns when the server has gone."""
        writer, reader = [await raw.join(self._server.yjs, "raw", Doc()) for _ in range(2)]
        async with pb.connect(self._server.live) as db:
            singles = await db.collection("singles")
            async with singles.changes() as changes, asyncio.TaskGroup() as tasks:
                reading = tasks.create_task(_until_lost(self._read_raw(reader)))
                running = [
                    tasks.create_task(_until_lost(work))
                    for work in (
                        self._write_raw(writer),
                        self._follow(changes),
                        *(self._insert(singles, name) for name in "ab"),
                        *(self._transact(db, name) for name in "ab"),
                    )
                ]
                await reading  # to the last update that was shown
                await writer.wait_closed()
                for task in running:
                    task.cancel()
        self.close_codes = [connection.close_code for connection in (writer, reader)]

    def _moment(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._strike()

    def _send(self, what: str, key: str) -> str:
        self.sent[what].add(key)
        self._moment()
        return key

    def _promise(self, what: str, key: str) -> None:
        self.promised[what].add(key)
        self._moment()

    async def _insert(self, singles: Any, name: str) -> None:
        for n in count():
            key = self._send("singles", f"{name}{n}")
            await singles.insert({"n": n}, key=key)
            self._promise("singles", key)

    async def _transact(self, db: Any, name: str) -> None:
        for n in count():
            key = self._send("whole", f"{name}{n}")
            async with db.transaction() as tx:
                for side in SIDES:
                    tx[side].insert({"n": n}, key=key)
            self._promise("whole", key)

    async def _follow(self, changes: Any) -> None:
        async for change in changes:
            self._promise("singles", change.key)

    async def _write_raw(self, connection: ClientConnection) -> None:
        doc: Doc = Doc()
        entries = doc.get("entries", type=Map)
        for n in count():
            await self._room.acquire()
            before = doc.get_state()
            entries[self._send("raw", str(n))] = n
            await connection.send(yjs.encode_update(doc.get_update(before)))

    async def _read_raw(self, connection: ClientConnection) -> None:
        doc: Doc = Doc()
        entries = doc.get("entries", type=Map)
        known: set[str] = set()
        while True:
            raw.apply(doc, await raw.receive(connection))
            for key in set(entries.keys()) - known:
                known.add(key)
                self._promise("raw", key)
                self._room.release()


async def _until_lost(work: Awaitable[None]) -> None:
    with suppress(ConnectionClosed, pb.Unavailable, pb.OutcomeUnknown, pb.Closed):
        await work
