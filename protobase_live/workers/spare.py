"""A process that has loaded its code already, for the next worker that dies."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from protobase_live.workers.process import WorkerProcess


class Spare:
    """At most one; what a death costs its clients is mostly the loading of code."""

    def __init__(self, command: Sequence[str], recorded_bytes: int) -> None:
        """``command`` is what a worker is."""
        self._command = command
        self._recorded_bytes = recorded_bytes
        self._making: asyncio.Task[WorkerProcess] | None = None

    def prepare(self) -> None:
        """Start one, unless there is one."""
        if self._making is None:
            self._making = asyncio.get_running_loop().create_task(self._make())

    async def take(self) -> WorkerProcess:
        """The one that there is, or else a new one. Raises OSError."""
        making, self._making = self._making, None
        if making is not None:
            with suppress(OSError):  # there was none to be had then; perhaps there is now
                process = await making
                if process.lives:
                    return process
                await _let_go(process)
        return await self._make()

    async def close(self) -> None:
        """End it."""
        making, self._making = self._making, None
        if making is not None:
            with suppress(OSError):
                await _let_go(await making)

    async def _make(self) -> WorkerProcess:
        return await WorkerProcess.start(self._command, self._recorded_bytes)


async def _let_go(process: WorkerProcess) -> None:
    await process.end()
    process.unserved()
    process.record.close()
