"""An HTTP proxy that does to requests what those between a client and a server do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

CHUNK_BYTES = 16 * 1024


@dataclass
class Request:
    """The head of one."""

    method: str
    path: str
    headers: dict[str, str]

    @property
    def is_upgrade(self) -> bool:
        return "upgrade" in self.headers

    @classmethod
    async def read(cls, reader: asyncio.StreamReader) -> Request:
        """Raises IncompleteReadError at the end of the connection."""
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ")
        pairs = (line.partition(":") for line in lines if line)
        return cls(method, path, {name.lower(): value.strip() for name, _, value in pairs})

    def head(self) -> bytes:
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{k}: {v}" for k, v in self.headers.items())]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


class HttpProxy:
    """Passes requests on to ``target``, a port of this machine; an async context manager."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.upgrades: str | None = "pass"
        """What becomes of a request for a WebSocket: it passes, or is answered with this, with the end of the
        connection alone (empty), or not at all (None)."""
        self.path: Callable[[str], str] = lambda path: path
        """Which path the server is asked for."""
        self.answers: str | None = "pass"
        """What becomes of the answer to the next request with a body: it passes, or is lost with its
        connection (empty), or is this."""
        self.closes_idle = False
        """Whether connections are closed, without a word, when they were answered."""
        self.tunnels = True
        """Whether it makes connections to the server (CONNECT)."""
        self.requests: list[Request] = []
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> HttpProxy:
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

    def count(self, method: str, upgrade: bool = False) -> int:
        """How many requests of a kind have come."""
        return sum(each.method == method and each.is_upgrade == upgrade for each in self.requests)

    def cut(self) -> None:
        """End all connections without a word."""
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                while await self._pass(await Request.read(reader), reader, writer):
                    pass
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    async def _pass(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Serve a request; whether there may be another one on this connection."""
        self.requests.append(request)
        if request.method == "CONNECT":
            return await self._tunnel(reader, writer)
        if request.is_upgrade and self.upgrades != "pass":
            return await self._refuse(reader, writer)
        body = await reader.readexactly(int(request.headers.get("content-length", 0)))
        request.path = self.path(request.path)
        upstream, other = await asyncio.open_connection("127.0.0.1", self.target)
        try:
            other.write(request.head() + body)
            if request.method != "POST":
                await _until_either_ends((reader, other), (upstream, writer))
                return False
            answer, self.answers = self.answers, "pass"
            told = await upstream.readuntil(b"\r\n\r\n")  # the answers here have no body unless they refuse
            told += await upstream.readexactly(_length(told))
            writer.write(told if answer == "pass" else (answer or "").encode())
            await writer.drain()
            return answer == "pass" and not self.closes_idle
        finally:
            other.transport.abort()

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if not self.tunnels:
            writer.write(answer("403 Forbidden").encode())
            return True
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        upstream, other = await asyncio.open_connection("127.0.0.1", self.target)
        try:
            await _until_either_ends((reader, other), (upstream, writer))
        finally:
            other.transport.abort()
        return False

    async def _refuse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if self.upgrades is None:
            await reader.read()
        writer.write((self.upgrades or "").encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        return False


def answer(status: str, body: str = "no") -> str:
    """One of a proxy."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nContent-Type: text/html\r\n\r\n{body}"


def _length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"content-length: ")
    return int(rest.partition(b"\r\n")[0] or 0)


async def _until_either_ends(*ways: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
    tasks = [asyncio.ensure_future(_copy(*way)) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
