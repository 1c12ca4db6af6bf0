"""``protobase-live serve`` as a process of its own, to be killed and started again."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from protobase_live.cli.demo.ports import ReservedPorts

COMMAND = Path(sys.executable).with_name("protobase-live")
SERVE = (str(COMMAND), "serve")
START_SECONDS = 30.0
STOP_SECONDS = 30.0


class ServerProcess:
    """A server on ``file:FOLDER`` that keeps its port from start to start; an async context manager.

    ``storage`` is what it is on instead. ``command`` is what takes the options of ``protobase-live serve``,
    at the next start; ``environment`` is added to what the tests run in; ``memory_bytes`` limits the address
    space.
    """

    def __init__(
        self,
        folder: Path,
        command: Sequence[str] = SERVE,
        *,
        storage: str | None = None,
        environment: Mapping[str, str] | None = None,
        memory_bytes: int = resource.RLIM_INFINITY,
    ) -> None:
        self.folder = folder
        self.storage = storage or f"file:{folder}"
        """Its storage, as ``pb.open`` takes it."""
        self.command = command
        self._environment = {**os.environ, **(environment or {})}
        self._memory_bytes = memory_bytes
        self._reserved = ReservedPorts(0, 1)
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> ServerProcess:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()
        self._reserved.close()

    @property
    def port(self) -> int:
        """Where it listens when it runs."""
        return self._reserved.numbers[0]

    @property
    def yjs(self) -> str:
        """What a y-websocket provider is given."""
        return f"ws://127.0.0.1:{self.port}/yjs"

    @property
    def hocuspocus(self) -> str:
        """What a Hocuspocus provider is given."""
        return f"ws://127.0.0.1:{self.port}/hocuspocus"

    @property
    def live(self) -> str:
        """What ``pb.connect`` is given."""
        return f"ws://127.0.0.1:{self.port}/live"

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        assert self._process is not None, "it does not run"
        return self._process.pid

    async def start(self) -> None:
        """Start it and wait until it says where it listens."""
        assert self._process is None, "it runs already"
        self._process = await asyncio.create_subprocess_exec(
            *self.command, "--storage", self.storage, "--listen", f"127.0.0.1:{self.port}",
            stdout=asyncio.subprocess.PIPE, env=self._environment, preexec_fn=self._limit,
        )  # fmt: skip
        assert self._process.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            line = (await self._process.stdout.readline()).decode()
        assert line == f"listening on http://127.0.0.1:{self.port}\n", f"the server said {line!r}"

    def _limit(self) -> None:
        resource.setrlimit(resource.RLIMIT_AS, (self._memory_bytes, self._memory_bytes))

    @property
    def lives(self) -> bool:
        """Whether it runs and has not died."""
        return self._process is not None and self._process.returncode is None

    def send(self, number: signal.Signals) -> None:
        """Send a signal, now; follow it with `wait`."""
        assert self._process is not None, "it does not run"
        self._process.send_signal(number)

    async def wait(self) -> int:
        """Wait for its end; the exit code."""
        assert self._process is not None, "it does not run"
        async with asyncio.timeout(STOP_SECONDS):
            code = await self._process.wait()
        self._process = None
        return code

    async def kill(self) -> None:
        """SIGKILL, if it runs."""
        if self._process is not None:
            if self._process.returncode is None:
                self.send(signal.SIGKILL)
            await self.wait()

    async def says(self) -> str:
        """The next line that it prints."""
        assert self._process is not None, "it does not run"
        assert self._process.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            return (await self._process.stdout.readline()).decode().rstrip()

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.send(signal.SIGTERM)
        return await self.wait()

    async def restart(self) -> None:
        """SIGKILL and start again."""
        await self.kill()
        await self.start()
