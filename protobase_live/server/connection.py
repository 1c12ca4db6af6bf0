"""A WebSocket connection whose frames can go straight to a session.

`websockets` does the handshake, the framing, pings and the closing handshake. Where a session is attached,
messages skip its receive queue (a wake-up of a task for each message), and frames that are the same for many
connections are encoded once and written to the transports.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

from websockets.asyncio.server import Server, ServerConnection
from websockets.frames import DATA_OPCODES, CloseCode, Frame, Opcode
from websockets.protocol import OPEN, Event
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from protobase_actors import OrderedSet
from protobase_live.collection.messages import ShownUpdate
from protobase_live.errors import Overloaded
from protobase_live.protocol.live.limits import MAX_REASON_BYTES, MESSAGE_TOO_BIG
from protobase_live.protocol.live.messages import SUBPROTOCOLS
from protobase_live.protocol.yjs import messages as yjs
from protobase_live.server.arrivals import Arrivals, full
from protobase_live.server.paths import DIRECT_PREFIXES, HTTP_PREFIXES
from protobase_live.server.refusals import Caller, Ticket
from protobase_live.server.wire import Session

_HTTP = re.compile(
    rb"GET (?:%b|(?i:http))|(?!GET )[!-~]{1,20} [!-~]"
    rb"|GET [^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n[!-~]{1,20} [!-~]"
    % "|".join(map(re.escape, HTTP_PREFIXES)).encode()
)
"""How a request begins that the WebSocket library cannot answer: it is for one of `HTTP_PREFIXES`, names a
whole URL as proxies do, or is no GET, or another one has come with it."""
_TELLING_BYTES = 64
"""With so many bytes of a request it is known whether it is one of these."""


class Connection(ServerConnection):
    """One client's connection."""

    def __init__(
        self,
        protocol: ServerProtocol,
        server: Server,
        *,
        everyone: OrderedSet[Connection],
        arrivals: Arrivals,
        unread_pongs: int,
        first_seconds: float,
        http: Callable[[Connection, bytes], None],
        **settings: Any,
    ) -> None:
        """``everyone`` holds the connection as long as its socket is open, and so does ``arrivals``.

        With more than ``unread_pongs`` answers to pings that it does not read, a client is cut off, and if it
        says nothing for ``first_seconds``. ``http`` takes over what begins as a request for `HTTP_PREFIXES`.
        """
        super().__init__(protocol, server, **settings)
        self._everyone = everyone
        self._arrivals = arrivals
        self.address: str | None = None
        """From where it comes, as it counts."""
        self._first_seconds = first_seconds
        self._http = http
        self._first: bytes | None = b""
        """What came before it was known who serves the connection, None when that is known."""
        self._is_told = False
        """Whether the library knows of the connection, which it does not of one for requests."""
        self._has_ended = False
        """Whether the client sends nothing more and waits for a page that it has asked for."""
        self._patience: asyncio.TimerHandle | None = None
        self._most_unread_pongs = unread_pongs
        self._unread_pongs = 0
        protocol.fail = partial(_fail, protocol)  # it is the library's only word on a fault of the client
        self._session: Session | None = None
        self._direct = False
        self._early: list[bytes] = []
        self._parts: list[bytes] = []
        self._ignoring = False
        self._backlog_bytes = 0
        self._closing: asyncio.Task[None] | None = None
        self._heard = True
        self._paused = False
        self.caller: Caller = 0
        """Who asked for the connection."""
        self.ticket: Ticket | None = None
        """What it had to wait with."""
        self.is_peer = False
        """Whether another node is at the other end."""
        self.writable = False
        """Whether messages may be sent: the handshake is over and no close has begun."""

    def allow(self, message_bytes: int) -> None:
        """From now on messages may be so long; the library looks at what their frames announce."""
        self.protocol.max_message_size = message_bytes

    async def attend(self, session: Session, backlog_bytes: int) -> None:
        """Give ``session`` every message until the connection is closed.

        With more than ``backlog_bytes`` unread the connection is crowded.
        """
        self._session = session
        self._backlog_bytes = backlog_bytes
        for handshake in (self.request, self.response):
            if handshake is not None:  # nobody reads the headers again; they take a tenth of the connection
                handshake.headers.clear()
        early, self._early = self._early, []
        if early:
            self.resume_reading()
        for frame in early:
            session.take_frame(frame)
        session.take_end()
        await self.wait_closed()

    # what comes in

    def process_event(self, event: Event) -> None:
        """Hand a message to the session; everything else is the library's."""
        if self._direct and isinstance(event, Frame) and event.opcode in DATA_OPCODES:
            whole = event.opcode is Opcode.BINARY and event.fin and not self._parts
            if whole and self._session is not None and self._closing is None:
                self._session.take_frame(bytes(event.data))
            else:
                self._take(event)
            return
        if isinstance(event, Frame) and event.opcode is Opcode.PING:
            self._count_pong()
        super().process_event(event)
        if self.request is not None and not self._direct:
            self._direct = self.request.path.startswith(DIRECT_PREFIXES)

    def _count_pong(self) -> None:
        """The library answers every ping, also while nothing of that is read."""
        self._unread_pongs = self._unread_pongs + 1 if self.paused else 0
        if self._unread_pongs > self._most_unread_pongs:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """What the socket had; its messages have all been handed over at the end.

        What came before a close frame counts, although the library says that the connection is closing
        before it hands it out. Only after a fault nothing counts any more.
        """
        if self._first is not None:
            self._begin(self._first + data)
            return
        self._heard = True
        super().data_received(data)
        if self._session is not None:
            self._session.take_end()
        if self.protocol.parser_exc is not None:
            self._give_up(CloseCode.PROTOCOL_ERROR, "")  # the library has sent the code that it means

    def send_data(self) -> None:
        """Everything the library sends passes here, a closing handshake too.

        It is one write: asyncio logs each write to a client that has gone, and one read may have held
        thousands of pings.
        """
        writes = self.protocol.writes
        if self.transport.is_closing():
            writes.clear()
        elif len(writes) > 1:
            end = [] if writes[-1] else [b""]  # which stands for the end of the connection
            self.protocol.writes = [b"".join(writes), *end]
        super().send_data()
        self.writable = self.protocol.state is OPEN
        if self._has_ended and self.response is not None:
            self.transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody has connected, who has to ask for something yet."""
        self.transport = cast(asyncio.Transport, transport)
        self._first = b""
        try:
            self._arrivals.come(self, self.host)
        except Overloaded as error:
            self.transport.write(full(error))
            self.transport.close()
            return
        self._patience = self.loop.call_later(self._first_seconds, self.transport.abort)
        self._everyone.add(self)

    @property
    def host(self) -> str | None:
        """Where the socket comes from; perhaps a proxy."""
        name = cast("tuple[str, int] | str | None", self.transport.get_extra_info("peername"))
        return name[0] if isinstance(name, tuple) else name

    def introduce(self, forwarded: str) -> None:
        """What it wants is known; a proxy, if it is one, says for whom. Raises Overloaded."""
        self._arrivals.speak(self)
        self._arrivals.introduce(self, self.host, forwarded)

    def leave(self) -> None:
        """The socket is closed, whoever has served it."""
        self._arrivals.leave(self)

    def cut(self) -> None:
        """End it without a word."""
        self.transport.abort()

    def _begin(self, data: bytes) -> None:
        """Find out by the first bytes who serves the connection. The library hears of it only then: it can
        read no request with a body.
        """
        self._first = data
        is_http = _HTTP.match(data) is not None
        if not is_http and b"\n" not in data and len(data) < _TELLING_BYTES:
            return
        self._first = None
        self._lose_patience()
        if is_http:
            self._everyone.discard(self)
            self._arrivals.speak(self)
            self._http(self, data)
        else:
            self._is_told = True
            super().connection_made(self.transport)
            self.data_received(data)

    def _lose_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def eof_received(self) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The client sends nothing more. Whether it is answered all the same: it has asked for a page."""
        request = self.request if self._is_told else None
        if request is not None and self.response is None and "Upgrade" not in request.headers:
            self._has_ended = True
            return True
        if self._is_told:
            super().eof_received()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """There is nobody to send to any more."""
        self._everyone.discard(self)
        self.leave()
        self._lose_patience()
        self.writable = False
        if self._is_told:
            super().connection_lost(exc)

    def resume_writing(self) -> None:
        """The write buffer has drained."""
        super().resume_writing()
        self._heard = True  # it reads, though its answer to a ping may be far behind
        if self._session is not None:
            self._session.can_write()

    def _take(self, frame: Frame) -> None:
        if self._closing is not None:
            return
        if frame.opcode is Opcode.TEXT or self._ignoring:
            self._ignoring = not frame.fin  # messages of other products; this door's are binary
            return
        if not frame.fin or self._parts:
            if frame.data:  # the library limits the size of all parts together
                self._parts.append(bytes(frame.data))
            if not frame.fin:
                return
            message, self._parts = b"".join(self._parts), []
        else:
            message = bytes(frame.data)
        if self._session is not None:
            self._session.take_frame(message)
        else:
            self._early.append(message)
            self.pause_reading()

    def pause_reading(self) -> None:
        """Leave what comes in the socket."""
        self._paused = True
        self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        self._paused, self._heard = False, True
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def probe(self) -> None:
        """Ping, or give the connection up if nothing came since the last time."""
        if not self._heard and not self._paused:
            self.transport.abort()
        elif self.writable:
            self._heard = False
            if self._session is not None:
                self._session.take_probe()
            self.protocol.send_ping(b"")
            self.send_data()

    @property
    def faulty(self) -> bool:
        """Whether the client broke the rules of WebSocket connections, or sent a message that is too big."""
        return self.protocol.parser_exc is not None and not isinstance(self.protocol.parser_exc, EOFError)

    # what goes out

    @property
    def backlog(self) -> int:
        """Bytes written and not yet taken by the network."""
        return self.transport.get_write_buffer_size()

    @property
    def crowded(self) -> bool:
        """Whether so much is unread that nothing more should be sent; the session is told of the end."""
        return self.paused and self.backlog > self._backlog_bytes

    @staticmethod
    def render(message: bytes) -> bytes:
        """``message`` as a frame, the same for every client: a server does not mask."""
        return Frame(Opcode.BINARY, message).serialize(mask=False)

    def write(self, message: bytes) -> None:
        """Send a binary message; dropped if the connection is closing."""
        self.write_rendered(self.render(message))

    def write_rendered(self, frame: bytes) -> None:
        """Send what `render` made."""
        if self.writable:
            self.transport.write(frame)

    def show(self, shown: ShownUpdate) -> None:
        """Send a turn's update, encoded once for all. Runs for every update and connection."""
        if shown.frame is None:
            shown.frame = self.render(yjs.encode_update(shown.update))
        if self.writable:
            self.transport.write(shown.frame)

    def show_keyed(self, shown: ShownUpdate, head: bytes) -> None:
        """The same, behind the key of its collection. Runs for every update and connection."""
        if shown.keyed_frame is None:
            shown.keyed_frame = self.render(head + yjs.encode_update(shown.update))
        if self.writable:
            self.transport.write(shown.keyed_frame)

    def write_often(self, message: bytes, count: int) -> None:
        """Send a binary message so many times, as one write."""
        if self.writable and count:
            self.transport.write(self.render(message) * count)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close; what still comes in is read, for the client's answer may be behind it."""
        self.resume_reading()
        await super().close(code, reason)

    def close_soon(self, code: int, reason: str) -> None:
        """Begin to close because of a fault; what still comes in is ignored."""
        self.writable = False
        short = reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
        self._give_up(code, short)

    async def refuse(self, code: int, reason: str) -> None:
        """Close because of a fault, and wait for the end."""
        self.close_soon(code, reason)
        await self.wait_closed()

    def _give_up(self, code: int, reason: str) -> None:
        if self._closing is None:
            self._closing = self.loop.create_task(self.close(code, reason))


def _fail(protocol: ServerProtocol, code: int, reason: str = "") -> None:
    """As the library does, but say of a message that is too big what stops stock clients from repeating it.

    It is noticed at the length that its frame announces, before the message is read.
    """
    if code == CloseCode.MESSAGE_TOO_BIG:
        code = MESSAGE_TOO_BIG
        reason = f"a message has at most {protocol.max_message_size} bytes (message_bytes)"
    type(protocol).fail(protocol, code, reason)


def choose_subprotocol(connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """The first live subprotocol the client offers; of a Yjs client the first of all.

    Stock Yjs clients offer what their application put there, a token perhaps, and insist on an answer.
    """
    if connection.request is not None and connection.request.path.startswith(DIRECT_PREFIXES):
        return next(iter(offered), None)
    return next((name for name in offered if name in SUBPROTOCOLS), None)
