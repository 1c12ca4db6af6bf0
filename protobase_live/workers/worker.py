"""One worker as its supervisor sees it, from process to process."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from protobase_actors import Clock
from protobase_live.workers.control import Said
from protobase_live.workers.flight_record import Doing
from protobase_live.workers.limits import WorkerLimits
from protobase_live.workers.process import WorkerProcess

LATE_SECONDS = 1.0
"""Without a sign of life for so long it gets no connections that another worker can have."""

Hear = Callable[["Worker", Said], None]
"""Is told what a worker says."""


class Worker:
    """What serves under one number, with one store."""

    def __init__(self, number: int, limits: WorkerLimits, clock: Clock, hear: Hear) -> None:
        self.number = number
        self.up = False
        """Whether it serves."""
        self.served = False
        """Whether it ever did."""
        self.hung: str | None = None
        """Why it was killed by `look_after`."""
        self.doing: Doing | None = None
        """What it did when it died."""
        self.unserved: Sequence[socket.socket] = ()
        """Connections that it had not accepted yet."""
        self._limits = limits
        self._clock = clock
        self._hear = hear
        self._process: WorkerProcess | None = None
        self._begun = 0.0

    async def live(self, process: WorkerProcess, order: Mapping[str, Any]) -> int:
        """Be this process, until it has died; the exit code, negative for a signal."""
        self._begun, self.hung, self.doing = self._clock.monotonic(), None, None
        process.begin(order, self._begun)
        self._process = process
        try:
            while (said := await process.control.hear()) is not None:
                if "ready" in said:
                    self.up = self.served = True
                self._hear(self, said)
        finally:  # it has closed its end, and has nothing more to say
            self.up, self._process = False, None
            code = await process.end()
            self.doing, self.unserved = process.record.doing(), process.unserved()
            process.record.close()
        return code

    @property
    def answers(self) -> bool:
        """Whether it has shown just now that it lives."""
        if self._process is None:
            return False
        return self._clock.monotonic() - self._process.record.last_beat <= LATE_SECONDS

    def take(self, client: socket.socket) -> bool:
        """Hand a connection to it; False: it takes no more now."""
        return self._process is not None and self._process.take(client)

    def say(self, **said: Any) -> None:
        """Say something to it, if it lives."""
        if self._process is not None:
            self._process.control.say(**said)

    def stop(self) -> None:
        """Have it let go of its clients and end."""
        if self._process is not None:
            self._process.send(signal.SIGTERM)

    def kill(self) -> None:
        """End it now."""
        if self._process is not None:
            self._process.send(signal.SIGKILL)

    def look_after(self) -> None:
        """Kill it if it has hung for too long."""
        if self._process is None or self.hung is not None:
            return
        self.hung = self._hanging(self._process, self._clock.monotonic())
        if self.hung is not None:
            self.kill()

    def _hanging(self, process: WorkerProcess, now: float) -> str | None:
        limits = self._limits
        if not self.up:
            late = now - self._begun > limits.start_seconds
            return f"did not start within {limits.start_seconds:g} s (start_seconds)" if late else None
        since = process.record.running_since
        if since is not None and now - since > limits.turn_seconds:
            return f"ran {limits.turn_seconds:g} s for one collection (turn_seconds)"
        if now - process.record.last_beat > limits.silent_seconds:
            return f"showed no sign of life for {limits.silent_seconds:g} s (silent_seconds)"
        return None
