"""A database and its server on a simulated host, which can crash."""

from __future__ import annotations

import asyncio
from typing import Any

from protobase_live.collection.limits import DEFAULT_LIMITS, Limits
from protobase_live.database.database import Database
from protobase_live.server.server import Server
from protobase_live.testing.disk import Disk
from protobase_live.testing.world import World

PORT = 8765


class Node:
    """What runs on one host; its disk outlives it."""

    def __init__(self, world: World, host: str = "node", limits: Limits = DEFAULT_LIMITS) -> None:
        self.host = host
        self.disk = Disk(world.clock, world.random(f"disk of {host}"))
        self._world = world
        self._limits = limits
        self._starts = 0
        self._process: asyncio.Task[Any] | None = None
        self._database: Database | None = None

    @property
    def database(self) -> Database:
        """What runs there now."""
        assert self._database is not None, "the node has not started"
        return self._database

    @property
    def url(self) -> str:
        """Where the live protocol is spoken."""
        return f"ws://{self.host}:{PORT}/live"

    @property
    def is_up(self) -> bool:
        """Whether the host runs."""
        return self._world.network.is_up(self.host)

    def start(self) -> None:
        """Start the server, or start it again after a crash."""
        self._world.network.restart(self.host)
        self._starts += 1
        self._process = self._world.spawn(self._serve(), self.host)

    def crash(self) -> None:
        """Cut the power: nothing that runs there says another word, and the disk loses what it buffered."""
        self._world.network.crash(self.host)
        before = self.disk
        self.disk = before.crash()
        self._world.happened["a crash"] += 1
        self._world.happened["a crash lost what was on its way"] += self.disk.lost > before.lost
        self._world.happened["a crash kept what nobody was told of"] += (
            self.disk.kept_unsaid > before.kept_unsaid
        )

    async def _serve(self) -> None:
        random = self._world.random(f"start {self._starts} of {self.host}")
        async with (
            Database(self.disk, limits=self._limits, clock=self._world.clock, random=random) as database,
            Server(database, self.host, PORT, clock=self._world.clock),
        ):
            self._database = database
            await asyncio.get_running_loop().create_future()
