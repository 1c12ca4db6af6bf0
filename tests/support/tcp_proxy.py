"""A TCP proxy that does to connections what networks do to them."""

from __future__ import annotations

import asyncio
from contextlib import suppress

CHUNK_BYTES = 16 * 1024


class Way:
    """One direction of all connections of a proxy."""

    def __init__(self) -> None:
        self._flows = asyncio.Event()
        self._flows.set()
        self._bytes_per_second: float | None = None
        self._is_fast = asyncio.Event()
        self._is_fast.set()
        self._loses = False
        self.lost = 0
        """Bytes that have vanished."""

    def stall(self) -> None:
        """Let nothing through, and lose nothing."""
        self._flows.clear()

    def slow(self, bytes_per_second: float) -> None:
        """Let through so much."""
        self._bytes_per_second = bytes_per_second
        self._is_fast.clear()

    def lose(self) -> None:
        """Whatever comes vanishes: the sender does not notice, the receiver hears nothing."""
        self._loses = True

    def heal(self) -> None:
        """Let everything through from now on."""
        self._flows.set()
        self._is_fast.set()  # also for what is on its way slowly
        self._bytes_per_second, self._loses = None, False

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Returns at the end of what is sent, and when something of it has vanished and nothing does now."""
        broken = False
        while chunk := await reader.read(CHUNK_BYTES):
            await self._flows.wait()
            if self._bytes_per_second is not None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(len(chunk) / self._bytes_per_second):
                        await self._is_fast.wait()
            if self._loses:
                self.lost += len(chunk)
                broken = True
            elif broken:  # what follows a hole in a stream is worth nothing
                return
            else:
                writer.write(chunk)
                await writer.drain()


class TcpProxy:
    """Passes connections on to ``target``, a port of this machine; an async context manager."""

    def __init__(self) -> None:
        self.target = 0
        self.forth, self.back = Way(), Way()
        """From who has connected to the target, and back."""
        self._is_cut = False
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> TcpProxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
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
        """End all connections, and those that come, without a word."""
        self._is_cut = True
        for way in (self.forth, self.back):
            way.heal()  # so that nothing waits for it
        for writer in list(self._open):
            writer.transport.abort()

    def heal(self) -> None:
        """Pass everything on from now on."""
        self._is_cut = False
        self.forth.heal()
        self.back.heal()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            with suppress(OSError):
                await self._connect(reader, writer)
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            return
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", self.target)
        ways = [
            asyncio.ensure_future(self.forth.pass_on(reader, other_writer)),
            asyncio.ensure_future(self.back.pass_on(other_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            other_writer.transport.abort()
