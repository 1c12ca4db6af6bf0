"""Two stock Yjs clients that go on with their work, and remember what was promised and how long it took."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from time import monotonic

import protobase_live as pb
from tests.support.server_process import ServerProcess
from tests.support.yjs_node import NodeClients, YjsClient

ROOT = "innocent"
"""The root that they write to; nobody else does."""

WORKED = "performance.eventLoopUtilization().active / 1000"
"""How long a client's process has worked, in seconds."""

STATE = """({
  connected: provider.wsconnected, connecting: provider.wsconnecting, synced: provider.synced, closes,
  last: doc.getMap(args.root).get('last'), heard: Date.now() - provider.wsLastMessageReceived,
  unsent: provider.ws && provider.ws.bufferedAmount
})"""
"""What a client says of itself when something has not arrived."""


class Innocents:
    """A pair in one collection, each in a process of its own, and a Python program that inserts records."""

    def __init__(self, room: str, clients: tuple[YjsClient, YjsClient]) -> None:
        self.room = room
        self.clients = clients
        self.slowest = 0.0
        """The longest that one waited until the other's edit was there, in seconds, without what the clients
        worked meanwhile: Yjs takes up to 25 us for a block of somebody's bulk, whatever a server does."""
        self.records: list[str] = []
        """Keys of records whose insertion was acknowledged."""
        self._edits = 0

    @classmethod
    @asynccontextmanager
    async def join(cls, server: ServerProcess, room: str) -> AsyncGenerator[Innocents]:
        """A pair that has synced."""
        async with NodeClients() as here, NodeClients() as there:
            one, other = [await (await node.open(server.yjs, room)).synced() for node in (here, there)]
            yield cls(room, (one, other))

    async def work(self, server: ServerProcess, until: asyncio.Event) -> None:
        """Edit by turns, each when the other's edit is there."""
        async with pb.connect(server.live) as db:
            records = await db.collection(self.room)
            while not until.is_set():
                await self._edit()
                key = f"{ROOT} {len(self.records)}"
                began = monotonic()
                await records.insert({"n": len(self.records)}, key=key)
                self._waited(monotonic() - began)
                self.records.append(key)

    async def _edit(self) -> None:
        self._edits += 1
        writer, reader = self.clients[:: 1 if self._edits % 2 else -1]
        worked = [await client.get(WORKED) for client in (writer, reader)]
        began = monotonic()
        await writer.run(
            "const root = doc.getMap(args.root);"
            "doc.transact(() => { root.set('last', args.n); root.set('n' + args.n, 'é🦊');"
            "doc.getText(args.root + ' text').insert(0, 'x🦊') })",
            root=ROOT, n=self._edits,
        )  # fmt: skip
        try:
            await reader.until("doc.getMap(args.root).get('last') === args.n", root=ROOT, n=self._edits)
        except TimeoutError as error:
            states = [await each.get(STATE, root=ROOT) for each in (writer, reader)]
            raise AssertionError(f"{self.room}: edit {self._edits} did not arrive: {states}") from error
        seconds = monotonic() - began
        both = zip((writer, reader), worked, strict=True)
        self._waited(seconds - max([await client.get(WORKED) - before for client, before in both]))

    def _waited(self, seconds: float) -> None:
        self.slowest = max(self.slowest, seconds)

    async def check(self, client: YjsClient) -> None:
        """Whoever is there has everything that the two have seen of each other."""
        for n in range(1, self._edits + 1):
            assert await client.get("doc.getMap(args.root).has('n' + args.n)", root=ROOT, n=n)
        text = await client.get("doc.getText(args.root).toString()", root=f"{ROOT} text")
        assert text == "x🦊" * self._edits

    async def documents(self) -> list[bytes]:
        """What each of the two has."""
        return [await client.get("Y.encodeStateAsUpdate(doc)") for client in self.clients]
