"""A connection of the live door over HTTP: a stream of events to the client, and requests from it.

What a client sends waits here until the session takes it, and no body is read before: at most one is held.
What the session sends goes to the HTTP server, which waits while the client does not read.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus

from websockets.exceptions import ConnectionClosed, ConnectionClosedOK

from protobase_actors import Clock, WakeUp, within
from protobase_live.errors import Closed, LimitExceeded, Overloaded, ProtocolError, ValidationError
from protobase_live.protocol.live.codec import Frame
from protobase_live.protocol.live.limits import BAD_MESSAGE, LATE, MAX_REASON_BYTES, MESSAGE_TOO_BIG
from protobase_live.protocol.live.over_http import (
    MAX_FRAMES,
    MESSAGE,
    Closing,
    Opened,
    frames_of,
    line_bytes,
    line_of,
)
from protobase_live.protocol.live.violation import Violation
from protobase_live.protocol.server_events import BEAT, event
from protobase_live.server.asgi_types import Message, Send
from protobase_live.server.client_request import NOTHING_KNOWN
from protobase_live.server.counters import Counters
from protobase_live.server.limits import ServerLimits
from protobase_live.server.pace import LEAST_WAIT_SECONDS, Pace
from protobase_live.server.rest.answers import Headers, Refusal, stream_headers
from protobase_live.server.too_big import too_big

WAITING_REQUESTS = 4
"""Requests of one connection that wait to be taken; another one is refused: a client sends one at a time, and
one again whose answer it did not see."""

Read = Callable[[int, str], Awaitable[bytes]]
"""Reads the body of a request, of at most so many bytes. Raises Refusal."""


class HttpLiveConnection:
    """One client's connection."""

    def __init__(
        self,
        subprotocol: str,
        credential: str | None,
        send: Send,
        clock: Clock,
        limits: ServerLimits,
        message_bytes: int,
        counters: Counters,
        address: str | None = None,
    ) -> None:
        """``credential`` is what every request of the client has to come with.

        A longer message than ``message_bytes`` closes the connection. Who sends faster than ``limits`` say is
        served later, which ``counters`` are told.
        """
        self.id = secrets.token_urlsafe(32)
        """Who knows it, and has the credential, speaks for the client."""
        self.subprotocol: str | None = subprotocol
        self.address = address
        self.credential = credential
        self.request = NOTHING_KNOWN
        """What the client came with."""
        self.close_code: int | None = None
        """With which code it was closed; None before."""
        self._codec = subprotocol
        self._send_event = send
        self._clock = clock
        self._limits = limits
        self._longest, self._limit = message_bytes, "hello_bytes"
        self._sending = asyncio.Lock()
        self._taking = asyncio.Lock()
        self._waiting = 0
        self._taken = 0
        """The number of the last request whose frames were taken."""
        self._heard = self._rested = clock.monotonic()
        self._pace = Pace(limits, self._heard)
        self._counters = counters
        self._inbox: deque[Frame | Violation] = deque()
        self._changed = WakeUp()

    async def begin(self, headers: Headers) -> None:
        """Begin the stream, and tell the client the id. Raises ConnectionClosed."""
        start: Message = {"type": "http.response.start", "status": 200, "headers": stream_headers(headers)}
        async with self._sending:
            await self._out(start)
        await self._tell(Opened(self.id, self._limits.post_seconds).event())

    # for the live door

    def allow(self, message_bytes: int, limit: str = "message_bytes") -> None:
        """From now on messages may be so long, by this limit."""
        self._longest, self._limit = message_bytes, limit

    async def recv(self) -> Frame:
        """The next message. Raises ConnectionClosed, and Violation for what is none."""
        while not self._inbox:
            if self.close_code is not None:
                raise ConnectionClosedOK(None, None)
            await self._changed.wait()
        found = self._inbox.popleft()
        self._changed.wake()
        if isinstance(found, Violation):
            raise found
        return found

    async def send(self, message: Frame) -> None:
        """Send, waiting while the client does not read. Raises ConnectionClosed."""
        await self._tell(event(MESSAGE, line_of(message)))

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close; harmless when it is closed."""
        short = reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
        with suppress(ConnectionClosed):
            await self._tell(Closing(code, short).event(), code)

    async def refuse(self, code: int, reason: str) -> None:
        """Close because of a fault."""
        await self.close(code, reason)

    def lose(self) -> None:
        """The stream has ended, and with it the connection."""
        if self.close_code is None:
            self.close_code = 1006
        self._changed.wake()

    async def watch(self) -> None:
        """Show from time to time that the connection lives; close it if nothing comes from the client."""
        with suppress(ConnectionClosed):
            while self._waiting or self._clock.monotonic() - self._heard < self._limits.post_seconds:
                await self._clock.sleep(min(self._limits.event_seconds, self._limits.post_seconds))
                await self._tell(BEAT)
            seconds = f"{self._limits.post_seconds:g}"
            await self.close(LATE, f"no request within {seconds} seconds (post_seconds)")

    async def _tell(self, body: bytes, close_code: int | None = None) -> None:
        async with self._sending:
            if self.close_code is not None:
                raise ConnectionClosedOK(None, None)
            await self._out({"type": "http.response.body", "body": body, "more_body": close_code is None})
            if close_code is not None:  # not before it is told: then the session ends, and its tasks
                self.close_code = close_code
                self._changed.wake()

    async def _out(self, message: Message) -> None:
        try:
            await within(self._clock, self._limits.request_seconds, _sent(self._send_event, message))
        except Exception as error:  # late, or what servers raise, each in its own way, for who has gone
            self.lose()
            raise ConnectionClosedOK(None, None) from error

    # for the client's requests

    async def take(self, number: int, read: Read) -> None:
        """Take the frames of the request with this number, once, when those before it were taken.

        Raises Refusal, Closed, Overloaded and ProtocolError.
        """
        if self._waiting >= WAITING_REQUESTS:
            raise Overloaded(f"{WAITING_REQUESTS} requests of this connection wait")
        self._waiting += 1
        try:
            async with self._taking:
                await self._take(number, read)
        finally:
            self._waiting -= 1
            self._heard = self._clock.monotonic()

    async def _take(self, number: int, read: Read) -> None:
        while self._inbox and self.close_code is None:
            await self._changed.wait()
        if (seconds := self._rested - self._clock.monotonic()) > 0:
            await self._clock.sleep(seconds)
        if self.close_code is not None:
            raise ended()
        if number > self._taken + 1:
            missing = ValidationError(f"request {number} came, and {self._taken + 1} has not")
            raise Refusal(HTTPStatus.CONFLICT, missing)
        frames = await self._frames(read)
        self._count(frames)
        if number == self._taken + 1:
            self._taken = number
            self._inbox.extend(frames)
            self._changed.wake()

    async def _frames(self, read: Read) -> list[Frame]:
        try:
            frames = frames_of(await read(line_bytes(self._longest) + MAX_FRAMES, self._limit), self._codec)
            if any(len(frame) > self._longest for frame in frames):
                long = LimitExceeded(too_big(self._longest, self._limit))
                raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, long)
        except Refusal as refusal:
            self._fail(MESSAGE_TOO_BIG, str(refusal.error))
            raise
        except ProtocolError as error:
            self._fail(BAD_MESSAGE, str(error))
            raise
        return frames

    def _count(self, frames: list[Frame]) -> None:
        """What came too fast is taken, and nothing more for a while."""
        now = self._clock.monotonic()
        wait, limit = self._pace.take(len(frames), sum(map(len, frames)), now)
        if wait >= LEAST_WAIT_SECONDS:
            self._counters.limits.add(limit)
            self._rested = now + wait

    def _fail(self, code: int, reason: str) -> None:
        """Have the session close the connection when it has taken what came before."""
        self._inbox.append(Violation(code, reason))
        self._changed.wake()


def ended() -> Refusal:
    """What is said of a connection that there is not, or not for who asks."""
    gone = Closed("there is no such connection: it has ended, or is not yours; open one with GET")
    return Refusal(HTTPStatus.NOT_FOUND, gone)


async def _sent(send: Send, message: Message) -> None:
    await send(message)
