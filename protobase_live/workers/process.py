"""A process that is to be a worker, and what its supervisor has in common with it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Any

from protobase_live.workers.control import Control
from protobase_live.workers.flight_record import FlightRecord, make_memory
from protobase_live.workers.passing import hand_over, take_back


class WorkerProcess:
    """It has loaded its code, and waits for its order."""

    def __init__(
        self,
        process: Process,
        control: Control,
        doors: tuple[socket.socket, socket.socket],
        memory: int,
        record: FlightRecord,
    ) -> None:
        self._process = process
        self.control = control
        self._door, self._their_door = doors
        self._memory = memory
        self.record = record

    @classmethod
    async def start(cls, command: Sequence[str], recorded_bytes: int) -> WorkerProcess:
        """``command`` is what a worker is. Raises OSError, and then nothing is left open."""
        with ExitStack() as opened:
            door, their_door = _pair(opened)
            control_end, their_control = _pair(opened)
            memory = make_memory()
            opened.callback(os.close, memory)
            record = FlightRecord(memory, recorded_bytes)
            opened.callback(record.close)
            control = await Control.over(control_end)
            opened.callback(control.close)
            theirs = their_door.fileno(), their_control.fileno(), memory
            # In a session of its own: Ctrl-C is for the supervisor, which then stops it.
            process = await asyncio.create_subprocess_exec(
                *command, *map(str, theirs), stdin=PIPE, pass_fds=theirs, start_new_session=True
            )
            opened.pop_all()  # it is the process's from here on
        their_control.close()
        return cls(process, control, (door, their_door), memory, record)

    @property
    def pid(self) -> int:
        """Its id."""
        return self._process.pid

    @property
    def lives(self) -> bool:
        """Whether it has not died."""
        return self._process.returncode is None

    def begin(self, order: Mapping[str, Any], now: float) -> None:
        """Have it be the worker that ``order`` says."""
        self.record.reset(now)
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.close()

    def take(self, client: socket.socket) -> bool:
        """Hand a connection to it; False: it takes no more now."""
        try:
            return hand_over(self._door, client)
        except OSError:  # it has just died, or the client has gone
            return client.fileno() == -1

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it lives."""
        # `Process.send_signal` looks whether it has died, and then asyncio does not learn of what.
        if self.lives:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)

    async def end(self) -> int:
        """Wait until it has died, of SIGKILL if of nothing else; the exit code, negative for a signal."""
        self.send(signal.SIGKILL)
        code = await self._process.wait()
        self._door.close()
        self.control.close()
        os.close(self._memory)
        return code

    def unserved(self) -> Sequence[socket.socket]:
        """When it has ended: the connections that it was handed and had not accepted."""
        with self._their_door:
            return list(take_back(self._their_door))


def _pair(opened: ExitStack) -> tuple[socket.socket, socket.socket]:
    ours, theirs = socket.socketpair()
    for each in (ours, theirs):
        opened.enter_context(each).setblocking(False)
    return ours, theirs
