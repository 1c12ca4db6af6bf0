"""What stands for the processes of workers: what they say, record, and are sent."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Mapping
from typing import Any

from protobase_live.workers.flight_record import Doing

DOING = Doing("turn", "tasks", [])


class FakeProcess:
    """A `WorkerProcess` of which a test decides what it says and when it dies."""

    def __init__(self) -> None:
        self.control = self.record = self
        self.said: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self.told: list[dict[str, Any]] = []
        """What the supervisor has said."""
        self.order: Mapping[str, Any] | None = None
        self.running_since: float | None = None
        self.last_beat = 0.0
        self.signals: list[signal.Signals] = []
        self.code = -9
        self.lives = True
        self.deaf = False
        """Whether it minds SIGKILL alone."""

    def begin(self, order: Mapping[str, Any], now: float) -> None:
        self.order, self.last_beat = order, now

    async def hear(self) -> dict[str, Any] | None:
        return await self.said.get()

    def says(self, **said: Any) -> None:
        self.said.put_nowait(said)

    def say(self, **told: Any) -> None:
        self.told.append(told)

    def send(self, number: signal.Signals) -> None:
        self.signals.append(number)
        if number == signal.SIGTERM and not self.deaf:
            self.code = 0
        if number == signal.SIGKILL or not self.deaf:
            self.said.put_nowait(None)

    def die(self, code: int) -> None:
        self.code, self.lives = code, False
        self.said.put_nowait(None)

    def take(self, client: socket.socket) -> bool:
        return False

    async def end(self) -> int:
        return self.code

    def doing(self) -> Doing | None:
        return DOING

    def unserved(self) -> list[socket.socket]:
        return []

    def close(self) -> None:
        """Nothing is held."""
