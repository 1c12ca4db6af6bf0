"""The nodes of the demo: three processes on this machine, each of which can be killed and started again."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Literal

from protobase_actors import Clock
from protobase_live.cli.demo.links import Links
from protobase_live.cli.demo.node import HOST, DemoNode
from protobase_live.errors import Unavailable

NAMES: Sequence[str] = ("n1", "n2", "n3")

RESTART_SECONDS = 5.0
"""How long a node that has ended stays away while nobody has the page open."""

STOP_SECONDS = 15.0
"""How long a node may take to stop; then it is killed."""

State = Literal["starting", "up", "down"]

Tell = Callable[[str], None]

TellCommit = Callable[[dict[str, Any]], None]
"""Is told what a node tells of a commit."""


class NodeProcess:
    """One node, from its first start to its end."""

    def __init__(self, node: DemoNode, tell_commit: TellCommit, changed: Callable[[], None]) -> None:
        """``changed`` is called whenever its state has become another one."""
        self.node = node
        self._tell_commit = tell_commit
        self._changed = changed
        self._state: State = "down"
        self._process: Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()

    @property
    def state(self) -> State:
        """Whether it serves."""
        return self._state

    @property
    def pid(self) -> int | None:
        """Of its process, None while it has none."""
        return None if self._process is None or self._state == "down" else self._process.pid

    async def stop(self) -> None:
        """End it, if it runs."""
        if (process := self._process) is None:
            return
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            await self.kill()
        if self._reading is not None:
            await self._reading

    async def kill(self) -> None:
        """End it as a machine ends that loses its power; nothing is done if it does not run."""
        if self._process is not None:
            await _end(self._process)
        await self.ended()

    async def ended(self) -> None:
        """Wait until it does not run."""
        if self._reading is not None:
            await asyncio.shield(self._reading)

    async def start(self) -> None:
        """Start it, unless it runs, and wait until it serves. Raises Unavailable."""
        async with self._starting:
            if self._state != "down":
                return
            self._become("starting")
            try:
                await self._start()
            except BaseException:
                self._become("down")
                raise
            self._become("up")

    async def _start(self) -> None:
        # In a session of its own: Ctrl-C is for the demo, which then stops it.
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "protobase_live.cli.demo.node",
            stdin=PIPE, stdout=PIPE, start_new_session=True,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(asdict(self.node)).encode() + b"\n")
        if not await process.stdout.readline():
            await _end(process)
            raise Unavailable(f"node {self.node.name} of the demo did not start")
        self._reading = asyncio.ensure_future(self._read(process, process.stdout))

    async def _read(self, process: Process, told: asyncio.StreamReader) -> None:
        """Pass on what it tells until it has ended."""
        while line := await told.readline():
            if line.endswith(b"\n"):  # else it was killed in the middle of it
                self._tell_commit(json.loads(line))
        await process.wait()
        self._become("down")

    def _become(self, state: State) -> None:
        self._state = state
        self._changed()

    async def keep(self, tell: Tell, is_watched: Callable[[], bool], clock: Clock) -> None:
        """Start it again whenever it has ended, unless somebody watches, who does that himself."""
        while True:
            await self.ended()
            tell(
                f"{self.node.name} is gone; it is started again in {RESTART_SECONDS:g} seconds, or by a page"
            )
            while self.state != "up":
                await clock.sleep(RESTART_SECONDS)
                if not is_watched():
                    await self._start_again(tell)
            tell(f"{self.node.name} is back, as process {self.pid}, and is sent what it has missed")

    async def _start_again(self, tell: Tell) -> None:
        try:
            await self.start()
        except Unavailable as error:
            tell(str(error))


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()


class DemoNodes:
    """All of them; an async context manager that ends them."""

    def __init__(
        self,
        storage: str,
        ports: dict[str, int],
        links: Links,
        tell_commit: TellCommit,
        changed: Callable[[], None],
    ) -> None:
        """``ports`` are theirs, and ``links`` how they reach each other. The rest is as in `NodeProcess`."""
        secret = secrets.token_hex(16)

        def node(name: str) -> DemoNode:
            peers = [f"ws://{HOST}:{links.port(name, other)}/peer" for other in ports if other != name]
            return DemoNode(name, _storage_of(storage, name), ports[name], peers, secret)

        self.all = {name: NodeProcess(node(name), tell_commit, changed) for name in ports}
        """By name."""

    async def __aenter__(self) -> DemoNodes:
        """Raises Unavailable."""
        try:
            await asyncio.gather(*(each.start() for each in self.all.values()))
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    @property
    def urls(self) -> list[str]:
        """Where they are."""
        return [each.node.url for each in self.all.values()]

    @property
    def pids(self) -> list[int]:
        """The processes of those that run."""
        return [each.pid for each in self.all.values() if each.pid is not None]

    async def keep(self, tell: Tell, is_watched: Callable[[], bool], clock: Clock) -> None:
        """Start again what has ended, for ever."""
        async with asyncio.TaskGroup() as tasks:
            for each in self.all.values():
                tasks.create_task(each.keep(tell, is_watched, clock))

    async def _stop(self) -> None:
        await asyncio.gather(*(each.stop() for each in self.all.values()))


def _storage_of(storage: str, name: str) -> str:
    return storage if storage.startswith("memory:") else f"{storage.rstrip('/')}/{name}"
