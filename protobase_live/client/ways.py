"""The ways to a live door: a WebSocket, or HTTP where something in between lets none through."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, get_args

from websockets.asyncio import client as websockets
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from protobase_actors import Clock, within
from protobase_live.client.address import may_be_blocked, without_secrets
from protobase_live.client.limits import ClientLimits
from protobase_live.client.live_socket import LiveSocket
from protobase_live.client.transport import Transport
from protobase_live.errors import ProtocolError

if TYPE_CHECKING:
    from ssl import SSLContext

Way = Literal["auto", "websocket", "http"]

WAYS: tuple[Way, ...] = get_args(Way)


class Ways:
    """Opens connections, and remembers for a time which addresses only HTTP reaches."""

    def __init__(
        self,
        way: Way,
        subprotocol: str,
        clock: Clock,
        limits: ClientLimits,
        patience: Callable[[str], float],
        tls: SSLContext | None = None,
    ) -> None:
        """``patience`` says how many seconds an attempt at an address may take; ``tls`` is for ``wss://``."""
        self._tls = tls
        self._way = way
        self._subprotocol = subprotocol
        self._clock = clock
        self._limits = limits
        self._patience = patience
        self._http_until: dict[str, float] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def dial(self, url: str) -> Transport:
        """Open a connection to an address; see `protobase_live.client.transport.Dial`."""
        try:
            return await self._dial(url)
        except UnicodeError as error:  # of a name with a part that is empty or too long
            raise socket.gaierror(socket.EAI_NONAME, "no name of a host") from error

    async def _dial(self, url: str) -> Transport:
        if self._way == "websocket":
            return await self._websocket(url)
        if self._way == "http":
            return await self._http(url)
        if self._clock.monotonic() < self._http_until.get(url, 0.0):
            return await self._again(url)
        return await self._either(url)

    async def _either(self, url: str) -> Transport:
        """A WebSocket, or HTTP where one is slow or refused in between: whichever is there first."""
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(self._websocket(url))]
        try:
            seconds = min(self._limits.upgrade_seconds, self._patience(url) / 2)
            with suppress(TimeoutError):
                await within(self._clock, seconds, _one_done(tasks))
            if not tasks[0].done() or may_be_blocked(tasks[0].exception()):
                tasks.append(loop.create_task(self._http(url)))
            kept = await _best(tasks)
            if others := [each for each in tasks if each is not kept]:
                self._give_up(others)
                await asyncio.wait(others)
            transport = kept.result()
        except BaseException:
            self._give_up(tasks)
            raise
        if kept is not tasks[0]:
            self._http_until[url] = self._clock.monotonic() + self._limits.http_seconds
        return transport

    def _give_up(self, tasks: Sequence[asyncio.Task[Transport]]) -> None:
        """Nobody takes their connections, not even those that come in spite of it."""
        for each in tasks:
            each.cancel()
            each.add_done_callback(self._close)

    def _close(self, given_up: asyncio.Task[Transport]) -> None:
        if not given_up.cancelled() and given_up.exception() is None:
            closing = asyncio.get_running_loop().create_task(given_up.result().close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def _again(self, url: str) -> Transport:
        """As the last time; what fails now is forgotten."""
        until = self._http_until.pop(url)
        transport = await self._http(url)
        self._http_until[url] = until
        return transport

    async def _http(self, url: str) -> Transport:
        # Imported here: most clients never need it.
        from protobase_live.client.http_transport import open_http

        return await open_http(url, self._subprotocol, self._clock, self._limits, self._tls)

    async def _websocket(self, url: str) -> Transport:
        limits = self._limits
        connection = await websockets.connect(
            url,
            create_connection=LiveSocket,
            subprotocols=[Subprotocol(self._subprotocol)],
            compression=None,
            max_size=limits.answer_bytes,
            open_timeout=None,  # the link has a deadline for all of it
            close_timeout=limits.close_seconds,
            ping_interval=None,  # the link asks by itself
            ssl=(self._tls or True) if url.startswith("wss:") else None,
        )
        if connection.subprotocol != self._subprotocol:
            await connection.close()
            raise ProtocolError(f"the server at {without_secrets(url)} does not speak {self._subprotocol}")
        assert isinstance(connection, LiveSocket)
        return connection


async def _one_done(tasks: Sequence[asyncio.Task[Transport]]) -> None:
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


async def _best(tasks: Sequence[asyncio.Task[Transport]]) -> asyncio.Task[Transport]:
    """The first that succeeds; if none does, the one that failed with the most to tell: HTTP if answered."""
    pending = list(tasks)
    while pending:
        await _one_done(pending)
        for task in tasks:
            if task.done() and task.exception() is None:
                return task
        pending = [task for task in pending if not task.done()]
    return tasks[-1] if isinstance(tasks[-1].exception(), InvalidStatus) else tasks[0]
