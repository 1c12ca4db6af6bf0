"""One worker as its supervisor sees it: a process, and what it has in common with that."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from protobase_actors import Clock
from protobase_live.workers.control import Control, Said
from protobase_live.workers.flight_record import Doing, FlightRecord, make_memory
from protobase_live.workers.limits import WorkerLimits
from protobase_live.workers.passing import hand_over

Hear = Callable[["Worker", Said], None]
"""Is told what a worker says."""


class Worker:
    """From start to start; its memory of what it does is one and the same."""

    def __init__(
        self, number: int, command: Sequence[str], limits: WorkerLimits, clock: Clock, hear: Hear
    ) -> None:
        """``command`` is what a worker is, and reads its order from standard input."""
        self.number = number
        self.up = False
        """Whether it serves."""
        self.served = False
        """Whether it ever did."""
        self.hung: str | None = None
        """Why it was killed by `look_after`."""
        self._command = command
        self._limits = limits
        self._clock = clock
        self._hear = hear
        self._memory = make_memory()
        self._record = FlightRecord(self._memory, limits.recorded_bytes)
        self._process: Process | None = None
        self._control: Control | None = None
        self._door: socket.socket | None = None
        self._started = 0.0

    @property
    def pid(self) -> int | None:
        """Of its process, None while it has none."""
        return None if self._process is None else self._process.pid

    async def live(self, order: Mapping[str, Any]) -> int:
        """Start it, and wait until it has died; the exit code, negative for a signal."""
        self._record.reset(self._clock.monotonic())
        self.hung, self._started = None, self._clock.monotonic()
        door, control, theirs = await self._start(order)
        for each in theirs:
            each.close()
        self._door, self._control = door, await Control.over(control)
        try:
            while (said := await self._control.hear()) is not None:
                if "ready" in said:
                    self.up = self.served = True
                self._hear(self, said)
        finally:
            self.up = False
            code = await self._end()
        return code

    async def _start(
        self, order: Mapping[str, Any]
    ) -> tuple[socket.socket, socket.socket, Sequence[socket.socket]]:
        door, their_door = socket.socketpair()
        control, their_control = socket.socketpair()
        door.setblocking(False)
        descriptors = {
            "door": their_door.fileno(),
            "control": their_control.fileno(),
            "record": self._memory,
        }
        # In a session of its own: Ctrl-C is for the supervisor, which then stops it.
        self._process = process = await asyncio.create_subprocess_exec(
            *self._command, stdin=PIPE, pass_fds=list(descriptors.values()), start_new_session=True
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps({**order, "descriptors": descriptors}).encode() + b"\n")
        process.stdin.close()
        return door, control, (their_door, their_control)

    async def _end(self) -> int:
        assert self._process is not None
        assert self._door is not None
        assert self._control is not None
        if self._process.returncode is None:
            self.kill()  # it has closed its end, and has nothing more to say
        code = await self._process.wait()
        self._door.close()
        self._control.close()
        self._process = None
        return code

    def take(self, client: socket.socket) -> bool:
        """Hand a connection to it; False: it takes no more now."""
        assert self._door is not None
        try:
            return hand_over(self._door, client)
        except OSError:  # it has just died, or the client has gone
            return client.fileno() == -1

    def say(self, **said: Any) -> None:
        """Say something to it, if it lives."""
        if self._control is not None and self._process is not None:
            self._control.say(**said)

    def stop(self) -> None:
        """Have it let go of its clients and end."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """End it now."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        # `Process.send_signal` looks whether it has died, and then asyncio does not learn of what.
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)

    def look_after(self) -> None:
        """Kill it if it has hung for too long."""
        if self._process is None or self.hung is not None:
            return
        self.hung = self._hanging(self._clock.monotonic())
        if self.hung is not None:
            self.kill()

    def _hanging(self, now: float) -> str | None:
        limits = self._limits
        if not self.up:
            late = now - self._started > limits.start_seconds
            return f"did not start within {limits.start_seconds:g} s (start_seconds)" if late else None
        since = self._record.running_since
        if since is not None and now - since > limits.turn_seconds:
            return f"ran {limits.turn_seconds:g} s for one collection (turn_seconds)"
        if now - self._record.last_beat > limits.silent_seconds:
            return f"showed no sign of life for {limits.silent_seconds:g} s (silent_seconds)"
        return None

    def doing(self) -> Doing | None:
        """What it did when it died."""
        return self._record.doing()

    def close(self) -> None:
        """Let go of its memory."""
        self._record.close()
        os.close(self._memory)
