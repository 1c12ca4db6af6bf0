"""A WebSocket that somebody else's ASGI server reads and writes, as the doors' sessions see one.

What a session sends goes into a queue, and one task hands it to the ASGI server, which waits while the client
does not read: so the queue is what is unread, and is bounded by what its sessions do when it is long.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

from websockets.exceptions import ConnectionClosed, ConnectionClosedOK

from protobase_actors import WakeUp
from protobase_live.protocol.live.limits import MAX_REASON_BYTES, MESSAGE_TOO_BIG
from protobase_live.protocol.shared_message import SharedMessage
from protobase_live.server.asgi_types import Message, Receive, Scope, Send
from protobase_live.server.proxies import NO_PROXIES
from protobase_live.server.too_big import too_big
from protobase_live.server.traffic import Traffic
from protobase_live.server.wire import Session

CROWD_BYTES = 64 * 1024
"""From so much on that is unread, a client is behind."""


FIRST_WORD_SECONDS = 0.5
"""How long a client that is refused is listened to; stock clients begin with a message at once."""

NEXT_WORD_SECONDS = 0.05
"""How soon another one has to follow, to be waited for, too."""

WORDS = 10
"""Messages of a client that is refused that are read, at most."""


class AsgiConnection:
    """One client's connection, after its handshake."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, message_bytes: int, traffic: Traffic
    ) -> None:
        """A longer message than ``message_bytes`` closes it; the ASGI server may take less.

        ``traffic`` is what all of them carry.
        """
        self._traffic = traffic
        self._pace = traffic.pace()
        self._scope = scope
        self._receive = receive
        self._send_event = send
        self._longest, self._limit = message_bytes, "hello_bytes"
        self._turn = asyncio.Lock()
        self._queue: deque[bytes] = deque()
        self._unread = 0
        self._changed = WakeUp()
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._backlog_bytes = CROWD_BYTES
        self._session: Session | None = None
        self._closing: tuple[int, str] | None = None
        self._closed = asyncio.Event()
        self.subprotocol: str | None = None
        self.address = NO_PROXIES.client((scope.get("client") or (None, 0))[0])
        """As the ASGI server says, which may know of proxies."""
        self.close_code: int | None = None
        """With which code it was closed; None before."""
        self.faulty = False
        """Whether the client sent a message that is too big."""

    async def accept(self, subprotocol: str | None) -> None:
        """Answer the handshake. Raises ConnectionClosed."""
        while (await self._receive())["type"] != "websocket.connect":
            pass
        self.subprotocol = subprotocol
        await self._tell({"type": "websocket.accept", "subprotocol": subprotocol})

    def allow(self, message_bytes: int, limit: str = "message_bytes") -> None:
        """From now on messages may be so long, by this limit."""
        self._longest, self._limit = message_bytes, limit

    # for the live door

    async def recv(self) -> bytes | str:
        """The next message. Raises ConnectionClosed."""
        while self.close_code is None:
            message = await self._next()
            if message["type"] == "websocket.disconnect":
                self.close_code = message.get("code", 1005)
                break
            found = message.get("text") if message.get("bytes") is None else message["bytes"]
            if found is not None and not self._is_too_long(found):
                await self._keep_pace(len(found))
                return found
            await self.close(MESSAGE_TOO_BIG, self._too_big)
        raise ConnectionClosedOK(None, None)

    async def _next(self) -> Message:
        """What comes next; not every server says that a connection has ended that was closed from here."""
        loop = asyncio.get_running_loop()
        coming = loop.create_task(_coming(self._receive))
        closed = loop.create_task(self._closed.wait())
        try:
            await asyncio.wait([coming, closed], return_when=asyncio.FIRST_COMPLETED)
            return coming.result() if coming.done() else {"type": "websocket.disconnect"}
        finally:
            coming.cancel()
            closed.cancel()

    async def send(self, message: bytes | str) -> None:
        """Send, waiting while the client does not read. Raises ConnectionClosed."""
        kind = "text" if isinstance(message, str) else "bytes"
        await self._tell({"type": "websocket.send", kind: message})

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close; harmless when it is closed."""
        short = reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
        with suppress(ConnectionClosed):
            await self._tell({"type": "websocket.close", "code": code, "reason": short})
        self.close_code = code if self.close_code is None else self.close_code

    async def _tell(self, event: Message) -> None:
        async with self._turn:
            if self.close_code is not None:
                raise ConnectionClosedOK(None, None)
            if event["type"] == "websocket.close":
                self.close_code = event["code"]
                self._closed.set()
            try:
                await self._send_event(event)
            except Exception as error:  # servers tell in ways of their own that the client has gone
                self.close_code = 1006 if self.close_code is None else self.close_code
                self._closed.set()
                raise ConnectionClosedOK(None, None) from error

    # for the Yjs doors

    @property
    def paused(self) -> bool:
        """See `Wire.paused`."""
        return self._unread > min(CROWD_BYTES, self._backlog_bytes)

    @property
    def crowded(self) -> bool:
        """See `Wire.crowded`."""
        return self._unread > self._backlog_bytes or (self.paused and self._traffic.backlog.full)

    def give_way(self, reason: str) -> None:
        """Never: a Yjs client is sent less."""

    def write(self, message: bytes) -> None:
        """See `Wire.write`."""
        if self._closing is None:
            self._queue.append(message)
            self._unread += len(message)
            if self.paused:
                self._traffic.backlog.weigh(self, self._unread)
            self._changed.wake()

    def show(self, shared: SharedMessage) -> None:
        """See `Wire.show`."""
        self.write(shared.message)

    def show_keyed(self, shared: SharedMessage, head: bytes) -> None:
        """See `Wire.show_keyed`."""
        if shared.keyed_message is None:
            shared.keyed_message = head + shared.message
        self.write(shared.keyed_message)

    def write_often(self, message: bytes, count: int) -> None:
        """See `Wire.write_often`."""
        for _ in range(count):
            self.write(message)

    def pause_reading(self) -> None:
        """See `Wire.pause_reading`."""
        self._may_read.clear()

    def resume_reading(self) -> None:
        """See `Wire.resume_reading`."""
        self._may_read.set()

    def close_soon(self, code: int, reason: str) -> None:
        """See `Wire.close_soon`."""
        if self._closing is None:
            self._closing = code, reason
            self._changed.wake()

    async def refuse(self, code: int, reason: str) -> None:
        """See `Wire.refuse`.

        Some servers lose the code of a close, with what a client has just sent unread before them: so what it
        begins with is read first. Nothing of it counts.
        """
        wait = FIRST_WORD_SECONDS
        with suppress(TimeoutError):
            for _ in range(WORDS):
                async with asyncio.timeout(wait):
                    if (await self._receive())["type"] == "websocket.disconnect":
                        break
                wait = NEXT_WORD_SECONDS
        await self.close(code, reason)

    async def attend(self, session: Session, backlog_bytes: int) -> None:
        """See `Wire.attend`."""
        self._session, self._backlog_bytes = session, backlog_bytes
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(self._read_all(session)), loop.create_task(self._write_all(session))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._closing = self._closing or (1005, "")
            self._traffic.backlog.weigh(self, 0)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.result()

    def probe(self) -> None:
        """Show the client that this connection lives."""
        if self._session is not None and self._closing is None:
            self._session.take_probe()

    async def _read_all(self, session: Session) -> None:
        while (message := await self._receive())["type"] != "websocket.disconnect":
            if self._closing is not None:
                continue  # what comes behind a fault counts no more
            frame = message.get("bytes")
            if frame is None:
                continue  # text is another product's; this door's messages are binary
            if self._is_too_long(frame):
                self.faulty = True
                self.close_soon(MESSAGE_TOO_BIG, self._too_big)
                continue
            session.take_frame(frame)
            session.take_end()
            await self._keep_pace(len(frame))
            await self._may_read.wait()
        self.close_code = message.get("code", 1005) if self.close_code is None else self.close_code

    async def _write_all(self, session: Session) -> None:
        with suppress(ConnectionClosed):
            while self._closing is None:
                await self._flush(session)
                if self._closing is None and not self._queue:
                    await self._changed.wait()
            await self._flush(session)
            await self.close(*self._closing)

    async def _flush(self, session: Session) -> None:
        was_behind = False
        while self._queue:
            was_behind = was_behind or self.paused
            message = self._queue.popleft()
            await self.send(message)
            self._unread -= len(message)
        self._traffic.backlog.weigh(self, 0)
        if was_behind and self._closing is None:
            session.can_write()

    async def _keep_pace(self, size: int) -> None:
        """Read no more for as long as the client has sent too fast."""
        wait, limit = self._pace.take(1, size, self._traffic.clock.monotonic())
        if wait > 0:
            self._traffic.counters.limits.add(limit)
            await self._traffic.clock.sleep(wait)

    def _is_too_long(self, message: bytes | str) -> bool:
        return len(message) > self._longest

    @property
    def _too_big(self) -> str:
        return too_big(self._longest, self._limit)


async def _coming(receive: Receive) -> Message:
    return await receive()
