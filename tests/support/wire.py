"""A server's end of a WebSocket connection without a socket: a test hands it every byte itself."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from typing import Any

from websockets.frames import Close, Frame, Opcode
from websockets.server import ServerProtocol

from protobase_actors import ManualClock, OrderedSet
from protobase_live.server.arrivals import Arrivals
from protobase_live.server.connection import Connection
from protobase_live.server.counters import Counters
from protobase_live.server.limits import ServerLimits
from protobase_live.server.proxies import Proxies
from protobase_live.server.traffic import Traffic

MASK = b"\x01\x02\x03\x04"
HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def client_frame(payload: bytes, opcode: Opcode = Opcode.BINARY, fin: bool = True) -> bytes:
    """A frame as clients send it."""
    masked = bytes(byte ^ MASK[at % 4] for at, byte in enumerate(payload))
    size = len(payload)
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 1 << 16:
        length = b"\xfe" + struct.pack("!H", size)
    else:
        length = b"\xff" + struct.pack("!Q", size)
    return bytes([opcode | (0x80 if fin else 0)]) + length + MASK + masked


def announced(size: int, opcode: Opcode = Opcode.BINARY) -> bytes:
    """The head of a frame of so many bytes, of which none are there yet."""
    return bytes([0x80 | opcode]) + b"\xff" + struct.pack("!Q", size) + MASK


def close_frame(code: int = 1000) -> bytes:
    """A client's close."""
    return client_frame(Close(code, "").serialize(), Opcode.CLOSE)


class Transport(asyncio.Transport):
    """Keeps what is written, until the client reads it."""

    def __init__(self) -> None:
        super().__init__()
        self.connection: Connection | None = None
        self.written = bytearray()
        self.unread = 0
        self.reads = False
        """Whether the client reads at once."""
        self.reading = True
        self._high, self._low = 0, 0
        self._closed = False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high, self._low = high or 0, low if low is not None else (high or 0) // 4

    def get_write_buffer_size(self) -> int:
        return self.unread

    def write(self, data: Any) -> None:
        self.written += data
        if not self.reads:
            self.unread += len(data)
            if self.unread > self._high and not self.connection.paused:
                self.connection.pause_writing()

    def drain(self, size: int | None = None) -> None:
        """The client reads so many bytes, or everything."""
        self.unread -= self.unread if size is None else min(size, self.unread)
        if self.unread <= self._low and self.connection.paused:
            self.connection.resume_writing()

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return self._closed

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        pass

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def abort(self) -> None:
        if not self._closed:
            self._closed = True
            asyncio.get_running_loop().call_soon(self.connection.connection_lost, None)

    close = abort


class _Server:
    """What a connection asks of the server that it belongs to."""

    def __init__(self, handler: Callable[[Any], Awaitable[None]]) -> None:
        self.handler = handler
        self.handler_tasks: set[asyncio.Task[None]] = set()

    def is_serving(self) -> bool:
        return True


def _no_http(connection: Connection, data: bytes) -> None:
    raise AssertionError(f"taken for a request: {data!r}")


class Wire:
    """A connection to ``path`` that ``serve`` is given after the handshake."""

    def __init__(
        self,
        serve: Callable[[Connection], Awaitable[None]],
        path: str = "/yjs/room",
        max_size: int | None = None,
        write_limit: int = 1 << 15,
        unread_pongs: int = 1_000,
        traffic: Traffic | None = None,
    ) -> None:
        counters = Counters()

        async def handler(connection: Any) -> None:
            await connection.handshake()
            await serve(connection)

        self._server = _Server(handler)
        self.transport = Transport()
        self.connection = Connection(
            ServerProtocol(max_size=max_size),
            self._server,
            everyone=OrderedSet(),
            traffic=traffic or Traffic(ManualClock(), ServerLimits(), counters),
            arrivals=Arrivals(Proxies(), ServerLimits(), counters),
            unread_pongs=unread_pongs,
            first_seconds=10.0,
            http=_no_http,
            ping_interval=None,
            write_limit=write_limit,
        )
        self.transport.connection = self.connection
        self.connection.connection_made(self.transport)
        self.feed(HANDSHAKE.format(path=path).encode())

    @property
    def served(self) -> asyncio.Task[None]:
        """Done when the connection was served to its end."""
        (task,) = self._server.handler_tasks
        return task

    def feed(self, data: bytes) -> None:
        """The socket has read this."""
        self.connection.data_received(data)

    def hang_up(self) -> None:
        """The client has closed its socket."""
        self.connection.eof_received()
        self.transport.close()

    def messages(self) -> list[bytes]:
        """The binary messages that were sent so far."""
        return [frame.data for frame in self.frames() if frame.opcode is Opcode.BINARY]

    def close_code(self) -> int | None:
        """The code of the close that was sent."""
        closes = [frame for frame in self.frames() if frame.opcode is Opcode.CLOSE]
        return Close.parse(closes[0].data).code if closes else None

    def frames(self) -> list[Frame]:
        """Everything that was sent since the handshake."""
        _, _, data = bytes(self.transport.written).partition(b"\r\n\r\n")
        found: list[Frame] = []
        while data:
            size, head = data[1] & 0x7F, 2
            if size >= 126:
                head = 4 if size == 126 else 10
                size = int.from_bytes(data[2:head])
            found.append(Frame(Opcode(data[0] & 0x0F), data[head : head + size], bool(data[0] & 0x80)))
            data = data[head + size :]
        return found
