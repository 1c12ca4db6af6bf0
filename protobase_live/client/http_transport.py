"""A connection to a live door over HTTP: a stream of events from it, and requests to it."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from http import HTTPStatus
from ssl import SSLContext

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.frames import Close
from websockets.http11 import Response

from protobase_actors import Clock, WakeUp, within
from protobase_live.client.address import events_url, without_secrets
from protobase_live.client.http_line import Head, HttpLine
from protobase_live.client.limits import ClientLimits
from protobase_live.errors import ProtocolError, Unavailable
from protobase_live.protocol.live.codec import Frame
from protobase_live.protocol.live.over_http import (
    CONNECTION,
    MAX_FRAMES,
    MESSAGE,
    SEQUENCE,
    Closing,
    Opened,
    frame_of,
    line_bytes,
    line_of,
)
from protobase_live.protocol.server_events import CONTENT_TYPE, Event, EventReader

TRIES = 3
"""How often a request is sent whose answer is not seen: the connection may have been closed in between."""

BATCH_BYTES = 256 * 1024
"""So much goes with one request, and so much more may wait for the next one. A longer frame goes alone."""

MARGIN_BYTES = 1024
"""What an event has beside the line of its frame."""


async def open_http(
    url: str, subprotocol: str, clock: Clock, limits: ClientLimits, tls: SSLContext | None = None
) -> HttpTransport:
    """A connection to the live door at ``url``. Raises OSError, and InvalidStatus for another answer."""
    where = events_url(url, subprotocol)
    line = await HttpLine.open(where, tls)
    try:
        head = await line.ask("GET", {"accept": CONTENT_TYPE})
        if head.status != 200 or not head.headers.get("content-type", "").startswith(CONTENT_TYPE):
            raise _refused(head)
        transport = HttpTransport(line, where, subprotocol, clock, limits, tls)
        await transport.begin()
    except BaseException:
        line.close()
        raise
    return transport


class HttpTransport:
    """See `protobase_live.client.transport.Transport`."""

    def __init__(
        self,
        stream: HttpLine,
        url: str,
        subprotocol: str,
        clock: Clock,
        limits: ClientLimits,
        tls: SSLContext | None,
    ) -> None:
        """``stream`` is being answered, with events."""
        self._stream = stream
        self._url = url
        self._tls = tls
        self._subprotocol = subprotocol
        self._clock = clock
        self._limits = limits
        self._reader = EventReader(line_bytes(limits.answer_bytes) + MARGIN_BYTES)
        self._events: deque[Event] = deque()
        self._headers: dict[str, str] = {}
        self._post_seconds = 0.0
        self._line: HttpLine | None = None
        """The connection for requests, while there is one."""
        self._outbox: deque[bytes] = deque()
        self._unanswered = 0
        """Bytes of the lines that are in the outbox or on their way."""
        self._changed = WakeUp()
        self._loss: Exception | None = None
        self._poster: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Wait for the first event. Raises OSError, ConnectionClosed and ProtocolError."""
        event = await self._event()
        if event.kind != Opened.kind:
            raise ProtocolError(f"the first event is {event.kind!r}, not {Opened.kind!r}")
        opened = Opened.parse(event.data)
        self._headers = {CONNECTION: opened.connection, "content-type": "text/plain"}
        self._post_seconds = opened.post_seconds
        self._poster = asyncio.get_running_loop().create_task(self._post_all())

    async def recv(self) -> Frame:
        """The next message. Raises ConnectionClosed, or why the server was not reached."""
        while True:
            event = await self._event()
            if event.kind == MESSAGE:
                return frame_of(event.data, self._subprotocol)
            if event.kind == Closing.kind:
                closing = Closing.parse(event.data)
                raise ConnectionClosedError(Close(closing.code, closing.reason), None)

    async def send(self, message: Frame) -> None:
        """Send, waiting while much is on its way. Raises ConnectionClosed."""
        self._put(line_of(message))
        while self._unanswered > BATCH_BYTES and self._loss is None:
            await self._changed.wait()
        if self._loss is not None:
            raise ConnectionClosedError(None, None) from self._loss

    @property
    def unfinished(self) -> int:
        """See `Transport.unfinished`."""
        return self._reader.unfinished

    @property
    def unsent(self) -> int:
        """See `Transport.unsent`: also what a request holds whose answer has not come."""
        return self._unanswered + (0 if self._line is None else self._line.unsent)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """End the stream, and so the connection; harmless when it has ended."""
        self._lose(ConnectionResetError("the connection was closed"))
        if self._poster is not None:
            self._poster.cancel()
            await asyncio.wait([self._poster])

    async def _event(self) -> Event:
        while not self._events:
            try:
                data = await self._stream.part()
            except OSError as error:
                raise self._loss or error from None
            if not data:
                raise self._loss or ConnectionClosedError(None, None)
            self._events += self._reader.feed(data)
        return self._events.popleft()

    def _put(self, line: bytes) -> None:
        self._outbox.append(line)
        self._unanswered += len(line)
        self._changed.wake()

    def _lose(self, loss: Exception) -> None:
        self._loss = self._loss or loss
        self._stream.close()
        self._changed.wake()

    # requests

    async def _post_all(self) -> None:
        number = 0
        try:
            while True:
                await self._something()
                number += 1
                lines = self._batch()
                await self._post(number, b"\n".join(lines))
                self._unanswered -= sum(map(len, lines))
                self._changed.wake()
        except OSError as loss:
            self._lose(loss)
        except Unavailable as loss:
            self._loss = loss
            self._changed.wake()
            await self._clock.sleep(self._limits.close_seconds)  # the stream may say more of it
            self._lose(loss)
        finally:
            self._drop()

    async def _something(self) -> None:
        """Wait until there is something to send, or an empty request is due."""
        with suppress(TimeoutError):
            while not self._outbox:
                await within(self._clock, self._post_seconds / 2, self._changed.wait())

    def _batch(self) -> list[bytes]:
        """The lines of one request."""
        lines, size = list[bytes](), 0
        while self._outbox and len(lines) < MAX_FRAMES:
            size += len(self._outbox[0])
            if lines and size > BATCH_BYTES:
                break
            lines.append(self._outbox.popleft())
        return lines

    async def _post(self, number: int, body: bytes) -> None:
        """Send a request until its answer is seen. Raises OSError, and Unavailable for another answer."""
        headers, left = {**self._headers, SEQUENCE: str(number)}, TRIES
        while left:
            left -= 1
            try:
                status = await within(self._clock, self._limits.post_seconds, self._ask(headers, body))
            except OSError:
                self._drop()
                if not left:
                    raise
                continue
            if status != HTTPStatus.NO_CONTENT:
                raise Unavailable(f"{without_secrets(self._url)} answers HTTP {status} to what was sent")
            return

    async def _ask(self, headers: dict[str, str], body: bytes) -> int:
        """Send a request; the status of its answer. Raises OSError."""
        if self._line is None:
            self._line = await HttpLine.open(self._url, self._tls)
        head = await self._line.ask("POST", headers, body)
        if not await self._line.finish():
            self._drop()
        return head.status

    def _drop(self) -> None:
        if self._line is not None:
            self._line.close()
        self._line = None


def _refused(head: Head) -> InvalidStatus:
    return InvalidStatus(Response(head.status, "", Headers(head.headers)))
