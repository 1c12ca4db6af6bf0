"""Accepts the connections of the port, and hands each to the worker that is to have it."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from typing import Protocol

from protobase_actors import Clock
from protobase_live.workers.homes import PEEK_BYTES, collection_in, home_of
from protobase_live.workers.limits import WorkerLimits

NO_DESCRIPTORS_SECONDS = 1.0
"""How long nothing is accepted where the system refuses more descriptors."""

TELL_SECONDS = 60.0
"""How often the log is told of that, at most."""

RETRY_SECONDS = 0.05
"""Between two attempts at giving a worker more connections than it takes."""

_log = logging.getLogger(__name__)


class Takes(Protocol):
    """A worker, as the porter sees it."""

    @property
    def up(self) -> bool:
        """Whether it serves."""
        ...

    @property
    def answers(self) -> bool:
        """Whether it has shown just now that it lives."""
        ...

    def take(self, client: socket.socket) -> bool:
        """Hand a connection to it; False: it takes no more now."""
        ...


class Porter:
    """Holds nobody up: each connection waits for itself, and not for ever."""

    def __init__(self, workers: Sequence[Takes], clock: Clock, limits: WorkerLimits) -> None:
        self._workers = workers
        self._clock = clock
        self._limits = limits
        self._waiting: dict[socket.socket, asyncio.Task[None]] = {}
        self._next = 0
        self._told_at: float | None = None

    @property
    def waiting(self) -> int:
        """Connections that no worker has yet."""
        return len(self._waiting)

    async def accept_from(self, listener: socket.socket) -> None:
        """Accept what comes, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, _ = await loop.sock_accept(listener)
            except OSError as error:
                self._tell(error)
                await self._clock.sleep(NO_DESCRIPTORS_SECONDS)
                continue
            self.admit(client)

    def _tell(self, error: OSError) -> None:
        now = self._clock.monotonic()
        if self._told_at is None or now - self._told_at >= TELL_SECONDS:
            self._told_at = now
            fields = {"event": "accepting_failed"}
            _log.error("no connection can be accepted for now: %s", error, extra=fields)

    def admit(self, client: socket.socket) -> None:
        """Somebody has connected."""
        if len(self._waiting) >= self._limits.waiting_sockets:
            oldest = next(iter(self._waiting))
            self._waiting.pop(oldest).cancel()
        client.setblocking(False)
        task = asyncio.get_running_loop().create_task(self._deliver(client))
        self._waiting[client] = task
        task.add_done_callback(lambda _: self._forget(client))

    def close(self) -> None:
        """Close what no worker has."""
        for task in self._waiting.values():
            task.cancel()

    def _forget(self, client: socket.socket) -> None:
        self._waiting.pop(client, None)
        client.close()  # a worker has it, or nobody

    async def _deliver(self, client: socket.socket) -> None:
        await self._speaks(client)
        home = self._home(_peeked(client))
        until = self._clock.monotonic() + self._limits.away_seconds
        while not self._hand(client, home):
            if self._clock.monotonic() >= until:
                if home is None:
                    return
                home, until = None, self._clock.monotonic() + RETRY_SECONDS
            await self._clock.sleep(RETRY_SECONDS)

    def _hand(self, client: socket.socket, home: int | None) -> bool:
        if home is not None:
            return self._workers[home].up and self._workers[home].take(client)
        return any(worker.up and worker.take(client) for worker in self._in_turn())

    def _in_turn(self) -> Sequence[Takes]:
        """All workers, another one first each time; last those that may hang."""
        first = self._next % len(self._workers)
        self._next += 1
        turn = [*self._workers[first:], *self._workers[:first]]
        return sorted(turn, key=lambda worker: not worker.answers)

    def _home(self, head: bytes) -> int | None:
        collection = collection_in(head)
        return None if collection is None else home_of(collection, range(len(self._workers)))

    async def _speaks(self, client: socket.socket) -> None:
        """Wait until the client has said something, but not for long."""
        loop, spoke = asyncio.get_running_loop(), asyncio.Event()
        timer = self._clock.call_later(self._limits.peek_seconds, spoke.set)
        loop.add_reader(client, _once(lambda: loop.remove_reader(client), spoke.set))
        try:
            await spoke.wait()
        finally:
            timer.cancel()
            loop.remove_reader(client)


def _once(*calls: Callable[[], object]) -> Callable[[], None]:
    def all_of_them() -> None:
        for each in calls:
            each()

    return all_of_them


def _peeked(client: socket.socket) -> bytes:
    """What the client has said, which stays to be read."""
    try:
        return client.recv(PEEK_BYTES, socket.MSG_PEEK)
    except OSError:
        return b""
