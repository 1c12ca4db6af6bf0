"""What pages are told as it happens: server-sent events, the same to all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from protobase_actors import Clock, OrderedSet
from protobase_live.protocol.server_events import BEAT, event
from protobase_live.server.asgi_types import Receive, Send
from protobase_live.server.rest.answers import stream_headers
from protobase_live.server.rest.request import disconnected

LOOK_SECONDS = 0.1
"""How often it is looked whether the state is another one, beside whenever somebody says so."""

STATE_SECONDS = 1.0
"""How often it is told if it stays as it is."""

MAX_PAGES = 32
"""Pages that are told at once; another one is answered with 503."""

UNREAD_EVENTS = 500
"""Events that wait for a page that reads slowly; then its stream ends, and it comes back by itself."""


class Events:
    """All pages that listen."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._state = BEAT
        """The event with how the demo is, as it was told the last time."""
        self._pages: OrderedSet[asyncio.Queue[bytes | None]] = OrderedSet()
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._pages)

    @property
    def full(self) -> bool:
        """Whether no other page can listen."""
        return len(self._pages) >= MAX_PAGES

    def change(self) -> None:
        """Something may be other than before: pages are told now."""
        self._changed.set()

    def tell_commit(self, commit: dict[str, Any]) -> None:
        """A commit was shown."""
        self._tell(_event("commit", commit))

    async def run(self, state_of: Callable[[], dict[str, Any]]) -> None:
        """Tell how the demo is when that is other than before, and every `STATE_SECONDS`, for ever."""
        told, told_at = None, 0.0
        while True:
            state, now = state_of(), self._clock.monotonic()
            if state != told or now - told_at >= STATE_SECONDS:
                told, told_at, self._state = state, now, _event("state", state)
                self._tell(self._state)
            await self._wait(LOOK_SECONDS)

    async def _wait(self, seconds: float) -> None:
        self._changed.clear()
        timer = self._clock.call_later(seconds, self._changed.set)
        try:
            await self._changed.wait()
        finally:
            timer.cancel()

    def close(self) -> None:
        """End all streams."""
        for page in list(self._pages):
            self._drop(page)

    async def stream(self, receive: Receive, send: Send) -> None:
        """Tell one page what happens, from now on, until it has gone or is dropped."""
        page = asyncio.Queue[bytes | None](UNREAD_EVENTS)
        self._pages.add(page)
        gone = asyncio.ensure_future(disconnected(receive))
        gone.add_done_callback(lambda _: self._drop(page))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": stream_headers(())})
            body: bytes | None = self._state
            while body is not None:
                await send({"type": "http.response.body", "body": body, "more_body": True})
                body = await page.get()
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._pages.discard(page)
            gone.cancel()

    def _tell(self, body: bytes) -> None:
        for page in list(self._pages):
            if page.full():
                self._drop(page)
            else:
                page.put_nowait(body)

    def _drop(self, page: asyncio.Queue[bytes | None]) -> None:
        """End its stream: what it has not read is worth nothing to it."""
        self._pages.discard(page)
        while not page.empty():
            page.get_nowait()
        page.put_nowait(None)


def _event(kind: str, told: dict[str, Any]) -> bytes:
    return event(kind, json.dumps(told).encode())
