"""A proxy that keeps everything that a server says to one client, through whichever door."""

from __future__ import annotations

import asyncio

from tests.support.tcp_proxy import CHUNK_BYTES, TcpProxy, Way


class RecordingWay(Way):
    """One direction, of which all bytes are kept: frames of a server are neither masked nor compressed."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = bytearray()

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(CHUNK_BYTES):
            self.passed += chunk
            writer.write(chunk)
            await writer.drain()
        self.passed += b"\n"  # what two connections say does not run together


class RecordingProxy(TcpProxy):
    """Keeps what comes back."""

    def __init__(self, target: int) -> None:
        super().__init__()
        self.target = target
        self.back = self.recorded = RecordingWay()
