"""The links between the demo's nodes: each way goes through a relay, so that a link can be cut."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from itertools import combinations, permutations

from protobase_actors import OrderedSet
from protobase_live.cli.demo.node import HOST

CHUNK_BYTES = 64 * 1024
"""Read at once from one side; no more is read before the other side has taken it."""

RELAY_CONNECTIONS = 16
"""Connections through one relay; a further one is closed. Nodes have one with each other, or two at first."""

Pair = tuple[str, str]
"""Two nodes, by name."""


class Relay:
    """Passes connections on to a port of this machine; an async context manager."""

    def __init__(self, target: int) -> None:
        self.is_cut = False
        self._target = target
        self._open: OrderedSet[asyncio.StreamWriter] = OrderedSet()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Relay:
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """End all connections, and from now on those that come."""
        self.is_cut = True
        for writer in list(self._open):
            writer.transport.abort()

    def heal(self) -> None:
        """Pass on what comes from now on."""
        self.is_cut = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut or len(self._open) >= RELAY_CONNECTIONS:
            writer.transport.abort()
            return
        self._open.add(writer)
        try:
            with suppress(OSError):  # either side is gone
                await self._connect(reader, writer)
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other_reader, other_writer = await asyncio.open_connection(HOST, self._target)
        ways = [asyncio.ensure_future(_pass_on(reader, other_writer))]
        ways.append(asyncio.ensure_future(_pass_on(other_reader, writer)))
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            other_writer.transport.abort()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()


class Links:
    """All of them, by the names of the nodes; an async context manager."""

    def __init__(self, ports: dict[str, int]) -> None:
        """``ports`` are those of the nodes."""
        self.pairs: Sequence[Pair] = list(combinations(ports, 2))
        """Which nodes are linked with each other."""
        self._relays = {(a, b): Relay(ports[b]) for a, b in permutations(ports, 2)}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Links:
        for relay in self._relays.values():
            await self._stack.enter_async_context(relay)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def port(self, source: str, target: str) -> int:
        """Where one node reaches the other."""
        return self._relays[source, target].port

    def is_cut(self, pair: Pair) -> bool:
        """Whether nothing gets through between two nodes."""
        return self._relays[pair].is_cut

    def cut(self, pair: Pair) -> None:
        """Let nothing through any more, in either direction."""
        for relay in self._both(pair):
            relay.cut()

    def heal(self, pair: Pair) -> None:
        """Let everything through again."""
        for relay in self._both(pair):
            relay.heal()

    def _both(self, pair: Pair) -> tuple[Relay, Relay]:
        a, b = pair
        return self._relays[a, b], self._relays[b, a]
