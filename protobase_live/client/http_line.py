"""A connection to a server that carries requests over HTTP one after the other: h11 on asyncio's streams."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import h11
from websockets.headers import build_authorization_basic, build_host
from websockets.proxy import Proxy, get_proxy, parse_proxy, prepare_connect_request
from websockets.uri import WebSocketURI, parse_uri

CHUNK_BYTES = 64 * 1024
"""How much is read at once; also the longest head of an answer."""

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of an answer."""

    status: int
    headers: Headers
    """By their names in small letters."""


class HttpLine:
    """One of them, to one address; what goes wrong is an OSError."""

    def __init__(self, uri: WebSocketURI, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._uri = uri
        self._reader = reader
        self._writer = writer
        self._state = h11.Connection(h11.CLIENT, CHUNK_BYTES)

    @classmethod
    async def open(cls, url: str, tls: ssl.SSLContext | None = None) -> HttpLine:
        """Connect to the host of ``url``, which is written as that of a WebSocket.

        Through the proxy that the environment names, if any, as a WebSocket would. Raises OSError, and
        websockets' InvalidURI and InvalidProxy.
        """
        uri = parse_uri(url)
        context = (tls or ssl.create_default_context()) if uri.secure else None
        proxy = get_proxy(uri)
        if proxy is None:
            return cls(uri, *await asyncio.open_connection(uri.host, uri.port, ssl=context))
        reader, writer = await asyncio.open_connection(*_door_of(parse_proxy(proxy)))
        try:
            await _tunnel(reader, writer, prepare_connect_request(parse_proxy(proxy), uri))
            if context is not None:
                await writer.start_tls(context, server_hostname=uri.host)
        except BaseException:
            writer.close()
            raise
        return cls(uri, reader, writer)

    async def ask(self, method: str, headers: Headers, body: bytes = b"") -> Head:
        """Send a request to the address, and give the head of its answer. Raises OSError."""
        named = {**self._own_headers(), **headers, "content-length": str(len(body))}
        request = h11.Request(method=method, target=self._uri.resource_name, headers=list(named.items()))
        for event in (request, h11.Data(data=body), h11.EndOfMessage()):
            self._writer.write(self._state.send(event) or b"")
        await self._writer.drain()
        while not isinstance(answer := await self._event(), h11.Response):
            pass  # one that says that there will be another one
        found = {name.decode(): value.decode("latin-1") for name, value in answer.headers}
        return Head(answer.status_code, found)

    async def part(self) -> bytes:
        """The next piece of the answer's body, empty at its end. Raises OSError."""
        while not isinstance(event := await self._event(), h11.Data | h11.EndOfMessage):
            pass
        return bytes(event.data) if isinstance(event, h11.Data) else b""

    async def finish(self) -> bool:
        """Pass over the rest of the answer; whether there may be another request. Raises OSError."""
        while await self.part():
            pass
        if self._state.our_state is not h11.DONE or self._state.their_state is not h11.DONE:
            return False
        self._state.start_next_cycle()
        return True

    @property
    def unsent(self) -> int:
        """Bytes of a request that are still here."""
        return self._writer.transport.get_write_buffer_size()

    def close(self) -> None:
        """End it now; harmless when it has ended."""
        self._writer.close()

    def _own_headers(self) -> Headers:
        uri = self._uri
        own = {"host": build_host(uri.host, uri.port, uri.secure), "user-agent": "protobase-live"}
        if uri.user_info is not None:
            own["authorization"] = build_authorization_basic(*uri.user_info)
        return own

    async def _event(self) -> h11.Event:
        while True:
            try:
                event = self._state.next_event()
                if event is h11.NEED_DATA:
                    self._state.receive_data(await self._reader.read(CHUNK_BYTES))
                    continue
            except h11.RemoteProtocolError as error:
                raise ConnectionResetError(f"no answer over HTTP: {error}") from None
            if event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                raise ConnectionResetError("the connection was closed without an answer")
            return cast(h11.Event, event)


def _door_of(proxy: Proxy) -> tuple[str, int]:
    if proxy.scheme != "http":
        raise OSError(f"HTTP goes through a proxy at http://, and not at {proxy.scheme}://")
    return proxy.host, proxy.port


async def _tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
    """Have a proxy connect to a host. Raises OSError."""
    writer.write(request)
    try:
        status = (await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")[0].decode("latin-1")
    except (EOFError, asyncio.LimitOverrunError):
        status = ""
    if not re.fullmatch(r"HTTP/1\.[01] 2\d\d( .*)?", status):
        raise OSError(f"the proxy lets nothing through, and answers {status!r}")
