"""Changes as server-sent events: each has the cursor behind it as its id, with which a reader goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import Any

from protobase_actors import within
from protobase_live.errors import ProtoBaseError, Unauthorized
from protobase_live.model.change import Change
from protobase_live.protocol.live.failure import Failure
from protobase_live.protocol.live.server_messages import smaller_forms
from protobase_live.protocol.server_events import BEAT, event
from protobase_live.server.asgi_types import Receive, Send
from protobase_live.server.expiry import ENDED, expiring
from protobase_live.server.live_database import ChangeStream
from protobase_live.server.live_streams import change_form
from protobase_live.server.rest.answers import Headers, encoded, stream_headers
from protobase_live.server.rest.request import disconnected
from protobase_live.server.rest.services import Services


class Events:
    """One stream, which is pulled: no more is taken before the last went out."""

    def __init__(self, services: Services, stream: ChangeStream, expires: float | None = None) -> None:
        """``stream`` was entered, and is left when this ends: at the latest when its reader's token does, in
        seconds since 1970.
        """
        self.using = ExitStack()
        """What is counted of its client for as long as it goes on."""
        self._services = services
        self._stream = stream
        self._expires = expires
        self._over: ProtoBaseError | None = None
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def close(self) -> None:
        """End it; a reader comes back and goes on from there."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()

    async def drop(self) -> None:
        """End it, which has not begun."""
        await self._end()

    async def _end(self) -> None:
        with self.using:
            await self._stream.__aexit__(None, None, None)

    def _expire(self) -> None:
        self._over = Unauthorized(ENDED)
        self.close()

    async def run(self, receive: Receive, send: Send, headers: Headers) -> None:
        """Send until the client goes away, the stream fails, or it is closed."""
        try:
            if not self._closed:
                self._task = asyncio.get_running_loop().create_task(self._send_all(send, headers))
                with expiring(self._services.clock, self._expires, self._expire):
                    await self._until_gone(self._task, receive)
        finally:
            await self._end()

    async def _until_gone(self, sending: asyncio.Task[None], receive: Receive) -> None:
        gone = asyncio.get_running_loop().create_task(disconnected(receive))
        try:
            await asyncio.wait([sending, gone], return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            sending.cancel()
            await asyncio.wait([sending, gone])
        if not sending.cancelled():
            sending.result()

    async def _send_all(self, send: Send, headers: Headers) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": stream_headers(headers)})
        opened = event("open", encoded({"cursor": self._stream.cursor}), self._stream.cursor)
        with suppress(asyncio.CancelledError):  # closed: the answer is ended in order
            await self._send(send, opened)
            try:
                await self._send_changes(send)
            except ProtoBaseError as error:
                self._over = error
        if self._over is not None:
            await self._send(send, event("ended", encoded(Failure.of(self._over).form())))
        await self._send(send, b"", more=False)

    async def _send_changes(self, send: Send) -> None:
        while True:
            for change in await self._next(send):
                await self._send(send, self._event(change))

    async def _next(self, send: Send) -> Sequence[Change]:
        """The next changes; while there are none, a sign of life from time to time."""
        pulling = asyncio.get_running_loop().create_task(self._stream.batch(self._services.live_limits.batch))
        try:
            while True:
                with suppress(TimeoutError):
                    return await within(
                        self._services.clock, self._services.limits.event_seconds, _shielded(pulling)
                    )
                await self._send(send, BEAT)
        finally:
            pulling.cancel()

    async def _send(self, send: Send, body: bytes, more: bool = True) -> None:
        """Send, while the client reads. Raises TimeoutError."""
        message = {"type": "http.response.body", "body": body, "more_body": more}
        await within(self._services.clock, self._services.limits.request_seconds, _sent(send, message))

    def _event(self, change: Change) -> bytes:
        """The event that tells a change, encoded once for all; values that are too long are left out."""
        text_chars = self._services.live_limits.text_chars
        told = self._services.encodings.of(change, lambda: change_form(change, text_chars))
        data, smaller = told.data, smaller_forms(told.form)
        while len(data) > self._services.limits.http_answer_bytes and (form := next(smaller, None)):
            data = encoded(form)
        return event("change", data, change.cursor)


async def _shielded(pulling: asyncio.Task[list[Change]]) -> list[Change]:
    return await asyncio.shield(pulling)


async def _sent(send: Send, message: dict[str, Any]) -> None:
    await send(message)
