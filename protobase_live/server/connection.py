"""A WebSocket connection whose frames can go straight to a session.

`websockets` does the handshake, the framing, pings and the closing handshake. Where a session is attached,
messages skip its receive queue (a wake-up of a task for each message), and frames that are the same for many
connections are encoded once and written to the transports.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from websockets.asyncio.server import Server, ServerConnection
from websockets.frames import DATA_OPCODES, CloseCode, Frame, Opcode
from websockets.protocol import OPEN, Event
from websockets.server import ServerProtocol

from protobase_actors import OrderedSet
from protobase_live.errors import Overloaded
from protobase_live.protocol.live.limits import MAX_REASON_BYTES, TRY_AGAIN
from protobase_live.protocol.shared_message import SharedMessage
from protobase_live.server.arrivals import Arrivals
from protobase_live.server.connection_fields import OWN_FIELDS
from protobase_live.server.first_bytes import is_for_http
from protobase_live.server.load import Load
from protobase_live.server.paths import DIRECT_PREFIXES
from protobase_live.server.refusals import Caller, Ticket
from protobase_live.server.too_big import tell_too_big
from protobase_live.server.traffic import Traffic
from protobase_live.server.wire import Session


class Connection(ServerConnection):
    """One client's connection."""

    __slots__ = OWN_FIELDS

    def __init__(
        self,
        protocol: ServerProtocol,
        server: Server,
        *,
        everyone: OrderedSet[Connection],
        arrivals: Arrivals,
        traffic: Traffic,
        unread_pongs: int,
        first_seconds: float,
        http: Callable[[Connection, bytes], None],
        **settings: Any,
    ) -> None:
        """``everyone`` holds the connection as long as its socket is open, and so does ``arrivals``.
        ``traffic`` is what all of them carry.
        With more than ``unread_pongs`` answers to pings that it does not read, a client is cut off, and if it
        says nothing for ``first_seconds``. ``http`` takes over what begins as a request for `HTTP_PREFIXES`.
        """
        super().__init__(protocol, server, **settings)
        self._everyone = everyone
        self.arrivals = arrivals
        self._load = Load(traffic, self, self._read_on, unread_pongs)
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
        tell_too_big(protocol, "hello_bytes")
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

    def allow(self, message_bytes: int, limit: str = "message_bytes") -> None:
        """From now on messages may be so long, by this limit; the library looks at what frames announce."""
        self.protocol.max_message_size = message_bytes
        tell_too_big(self.protocol, limit)

    def distrust(self, meeting_bytes: int) -> None:
        """Another node is at the other end, as it says: of a long message so much is read until `trust`."""
        self.is_peer, self._load.untrusted_bytes = True, meeting_bytes

    def trust(self) -> None:
        """It has shown that it is one."""
        self._load.trust()

    async def attend(self, session: Session, backlog_bytes: int) -> None:
        """Give ``session`` every message until the connection is closed.

        With more than ``backlog_bytes`` unread the connection is crowded.
        """
        self._session = session
        self._backlog_bytes = backlog_bytes
        self._load.waiting, self._load.is_told = 0, True
        for handshake in (self.request, self.response):
            if handshake is not None:  # nobody reads the headers again; they take a tenth of the connection
                handshake.headers.clear()
        early, self._early = self._early, []
        if early:
            self.resume_reading()
        for frame in early:
            session.take_frame(frame)
        session.take_end()
        self._load.weigh_unfinished()
        await self.wait_closed()

    # what comes in

    def process_event(self, event: Event) -> None:
        """Hand a message to the session; everything else is the library's."""
        self._load.messages += 1
        if self._direct and isinstance(event, Frame) and event.opcode in DATA_OPCODES:
            whole = event.opcode is Opcode.BINARY and event.fin and not self._parts
            if whole and self._session is not None and self._closing is None:
                self._session.take_frame(bytes(event.data))
            else:
                self._take(event)
            return
        if isinstance(event, Frame):
            self._load.give_on(event, self.paused)
        super().process_event(event)
        if self.request is not None and not self._direct:
            self._direct = self.request.path.startswith(DIRECT_PREFIXES)

    async def recv(self, decode: bool | None = None) -> Any:
        """See the library's."""
        message = await super().recv(decode)
        self._load.taken(len(message), more=len(self.recv_messages.frames) > 0)
        return message

    @property
    def unfinished(self) -> int:
        """Bytes of a message that is not whole."""
        return len(self.protocol.reader.buffer) + (self.protocol.current_size or 0)

    def give_way(self, reason: str) -> None:
        """All hold too much, and this one its share for the longest time: let go of it."""
        if self.paused or self.protocol.state is not OPEN:
            self.transport.abort()  # a client that reads nothing would not read why
            return
        self._parts.clear()
        self._early.clear()
        self._load.waiting = 0
        self.protocol.fail(TRY_AGAIN, reason)
        self.send_data()
        self._give_up(TRY_AGAIN, "")

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
        if self._load.came(len(data)):
            self.transport.pause_reading()
        if self.protocol.parser_exc is not None:
            self._give_up(CloseCode.PROTOCOL_ERROR, "")  # the library has sent the code that it means

    def _read_on(self) -> None:
        """One reason is gone for which it was not read; there may be others."""
        if not (self._paused or self._load.is_slowed or self.recv_messages.paused):
            self.resume_reading()

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
        if self.paused:
            self._load.weigh_unread()
        self.writable = self.protocol.state is OPEN
        if self._has_ended and self.response is not None:
            self.transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody has connected, who has to ask for something yet."""
        self.transport = cast(asyncio.Transport, transport)
        self._first = b""
        try:
            self.arrivals.come(self)
        except Overloaded as error:
            self.arrivals.turn_away(self, error)
            return
        self._patience = self.loop.call_later(self._first_seconds, self.transport.abort)
        self._everyone.add(self)

    def introduce(self, forwarded: str) -> None:
        """What it wants is known; a proxy, if it is one, says for whom. Raises Overloaded."""
        self.arrivals.speak(self)
        self.arrivals.introduce(self, forwarded)

    def leave(self) -> None:
        """The socket is closed, whoever has served it."""
        self.arrivals.leave(self)

    def _begin(self, data: bytes) -> None:
        """Find out by the first bytes who serves the connection. The library hears of it only then: it can
        read no request with a body.
        """
        self._first = data
        is_http = is_for_http(data)
        if is_http is None:
            return
        self._first = None
        self._lose_patience()
        if is_http:
            self._everyone.discard(self)
            self.arrivals.speak(self)
            self._http(self, data)
        else:
            self._is_told = True
            super().connection_made(self.transport)
            self.recv_messages.resume = self._read_on
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

    def pause_writing(self) -> None:
        """More is unread than a moment's worth."""
        super().pause_writing()
        self._load.weigh_unread()

    def connection_lost(self, exc: Exception | None) -> None:
        """There is nobody to send to any more."""
        self._everyone.discard(self)
        self._load.end()
        self.leave()
        self._lose_patience()
        self.writable = False
        if self._is_told:
            super().connection_lost(exc)

    def resume_writing(self) -> None:
        """The write buffer has drained."""
        super().resume_writing()
        self._load.read()
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
            self._load.waiting += len(message)
            self.pause_reading()

    def pause_reading(self) -> None:
        """Leave what comes in the socket."""
        self._paused = True
        self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        self._paused, self._heard = False, True
        if not (self._load.is_slowed or self.transport.is_closing()):
            self.transport.resume_reading()

    def probe(self) -> None:
        """Ping, or give the connection up if nothing came since the last time."""
        if not (self._heard or self._paused or self._load.is_slowed):
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
        return self.paused and (self.backlog > self._backlog_bytes or self._load.traffic.backlog.full)

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
            self._write(frame)

    def _write(self, data: bytes) -> None:
        self.transport.write(data)
        if self.paused:
            self._load.weigh_unread()

    def show(self, shared: SharedMessage) -> None:
        """See `Wire.show`. Runs for every update, or tick of presence, and connection."""
        if shared.frame is None:
            shared.frame = self.render(shared.message)
        if self.writable:
            self._write(shared.frame)

    def show_keyed(self, shared: SharedMessage, head: bytes) -> None:
        """See `Wire.show_keyed`. Runs for every update, or tick of presence, and connection."""
        if shared.keyed_frame is None:
            shared.keyed_frame = self.render(head + shared.message)
        if self.writable:
            self._write(shared.keyed_frame)

    def write_often(self, message: bytes, count: int) -> None:
        """Send a binary message so many times, as one write."""
        self.write_rendered(self.render(message) * count)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close; what still comes in is read, for the client's answer may be behind it."""
        self.resume_reading()
        await super().close(code, reason)

    def close_soon(self, code: int, reason: str) -> None:
        """Begin to close because of a fault; what still comes in is ignored."""
        self.writable = False
        self._give_up(code, reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore"))

    async def refuse(self, code: int, reason: str) -> None:
        """Close because of a fault, and wait for the end."""
        self.close_soon(code, reason)
        await self.wait_closed()

    def _give_up(self, code: int, reason: str) -> None:
        if self._closing is None:
            self._closing = self.loop.create_task(self.close(code, reason))
