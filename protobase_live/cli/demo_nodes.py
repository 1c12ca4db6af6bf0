"""The nodes of the demo: three processes on this machine, linked with each other."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from dataclasses import asdict

from protobase_live.cli.demo_node import HOST, DemoNode
from protobase_live.errors import Unavailable

NODES = 3
PORTS = 40
"""How many ports are tried before the demo gives up."""

RESTART_SECONDS = 5.0
"""How long a node that was killed stays away."""

STOP_SECONDS = 15.0
"""How long a node may take to stop; then it is killed."""

Tell = Callable[[str], None]


class _Running:
    """One node, from its first start to its end."""

    def __init__(self, node: DemoNode) -> None:
        self.node = node
        self._process: Process | None = None

    @property
    def pid(self) -> int:
        """Of its process, or of the last one that it had."""
        assert self._process is not None
        return self._process.pid

    async def stop(self) -> None:
        """End it, if it runs."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def start(self) -> None:
        """Start it and wait until it serves. Raises Unavailable."""
        # In a session of its own: Ctrl-C is for the demo, which then stops it.
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "protobase_live.cli.demo_node",
            stdin=PIPE, stdout=PIPE, start_new_session=True,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(asdict(self.node)).encode() + b"\n")
        if not await process.stdout.readline():
            raise Unavailable(f"node {self.node.name} of the demo did not start")

    async def keep(self, tell: Tell) -> None:
        """Start it again whenever it has ended."""
        while True:
            assert self._process is not None
            await self._process.wait()
            tell(f"{self.node.name} is gone; it is started again in {RESTART_SECONDS:g} seconds")
            await asyncio.sleep(RESTART_SECONDS)
            await self.start()
            tell(f"{self.node.name} is back, as process {self.pid}, and is sent what it has missed")


class DemoNodes:
    """All of them; an async context manager."""

    def __init__(self, storage: str, first_port: int) -> None:
        """Raises Unavailable when there are not enough free ports from the first one on."""
        names, ports = [f"n{n}" for n in range(1, NODES + 1)], _free_ports(first_port)
        secret, urls = secrets.token_hex(16), [f"ws://{HOST}:{port}/peer" for port in ports]
        self._running = [
            _Running(DemoNode(name, _storage_of(storage, name), port, [*urls[:n], *urls[n + 1 :]], secret))
            for n, (name, port) in enumerate(zip(names, ports, strict=True))
        ]

    async def __aenter__(self) -> DemoNodes:
        try:
            await asyncio.gather(*(each.start() for each in self._running))
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    @property
    def urls(self) -> list[str]:
        """Where they are."""
        return [each.node.url for each in self._running]

    @property
    def pids(self) -> list[int]:
        """Their processes."""
        return [each.pid for each in self._running]

    async def keep(self, tell: Tell) -> None:
        """Start again what has ended, for ever."""
        async with asyncio.TaskGroup() as tasks:
            for each in self._running:
                tasks.create_task(each.keep(tell))

    async def _stop(self) -> None:
        await asyncio.gather(*(each.stop() for each in self._running))


def _storage_of(storage: str, name: str) -> str:
    return storage if storage.startswith("memory:") else f"{storage.rstrip('/')}/{name}"


def _free_ports(first: int) -> Sequence[int]:
    found: list[socket.socket] = []
    for candidate in range(first, first + PORTS) if first else [0] * NODES:
        try:
            found.append(socket.create_server((HOST, candidate)))
        except OSError:
            continue
        if len(found) == NODES:
            break
    ports = [each.getsockname()[1] for each in found]
    for each in found:
        each.close()
    if len(ports) < NODES:
        raise Unavailable(f"no {NODES} ports are free from {first} on")
    return ports
