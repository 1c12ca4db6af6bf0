"""Nodes as processes of their own, and what they cost; those of a cluster on file storage."""

from __future__ import annotations

import asyncio
import os
import secrets
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.request import urlopen

from bench.cpu import cpu_seconds

POLL_SECONDS = 0.05
WAIT_SECONDS = 300.0
SERVE = ("protobase-live", "serve", "--listen", "127.0.0.1:0")


class NodeProcess:
    """``protobase-live serve`` on a storage; an async context manager."""

    def __init__(self, storage: str, *options: str) -> None:
        self._command = [*SERVE, "--storage", storage, *options]
        self.port = 0

    async def __aenter__(self) -> NodeProcess:
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        assert self._process.stdout is not None
        said = (await self._process.stdout.readline()).decode()
        self.port = int(said.rpartition(":")[2])
        return self

    async def __aexit__(self, *_: object) -> None:
        self._process.kill()
        await self._process.wait()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def url(self) -> str:
        """Where it is, for WebSockets."""
        return f"ws://127.0.0.1:{self.port}"

    def cpu(self) -> float:
        """Seconds of CPU that it has taken."""
        return cpu_seconds(self._process.pid)

    async def metric(self, name: str) -> float:
        """One of its figures; 0 if it has none of that name."""
        page = await asyncio.to_thread(self._metrics)
        values = [
            line.rpartition(" ")[2] for line in page.splitlines() if line.startswith(f"protobase_{name}")
        ]
        return sum(map(float, values))

    async def until(self, name: str, value: float) -> None:
        """Wait until a figure has come to a value."""
        async with asyncio.timeout(WAIT_SECONDS):
            while await self.metric(name) < value:  # noqa: ASYNC110
                await asyncio.sleep(POLL_SECONDS)

    def _metrics(self) -> str:
        with urlopen(f"http://127.0.0.1:{self.port}/metrics") as answer:
            return answer.read().decode()


class Nodes:
    """Nodes that know one secret, each linked with the one before it; an async context manager."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._nodes: list[NodeProcess] = []

    async def __aenter__(self) -> Nodes:
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self._secret = self.folder / "secret"
        descriptor = os.open(self._secret, os.O_CREAT | os.O_WRONLY, 0o600)
        os.write(descriptor, secrets.token_hex(32).encode())
        os.close(descriptor)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def start(self) -> NodeProcess:
        """One more node, on the folder that has its name: n1, n2 and so on."""
        name = f"n{len(self._nodes) + 1}"
        options = ["--node-id", name, "--cluster-secret-file", str(self._secret)]
        if self._nodes:
            options += ["--peer", f"{self._nodes[-1].url}/peer"]
        node = await self._stack.enter_async_context(NodeProcess(f"file:{self.folder / name}", *options))
        self._nodes.append(node)
        return node
