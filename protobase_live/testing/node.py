"""A database and its server on a simulated host, which can crash."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from random import Random
from typing import Any

from protobase_live.cluster.limits import ClusterLimits
from protobase_live.collection.limits import DEFAULT_LIMITS, Limits
from protobase_live.database.database import Database
from protobase_live.server.server import Server
from protobase_live.testing.disk import Disk
from protobase_live.testing.world import SkewedClock, World
from protobase_storage import Storage

PORT = 8765

SECRET = b"the secret of all simulated nodes"
"""What nodes that are linked have in common."""


class Node:
    """What runs on one host; its disk outlives it."""

    secret: bytes | None = SECRET
    """What links are made with, if any are."""

    def __init__(
        self,
        world: World,
        host: str = "node",
        limits: Limits = DEFAULT_LIMITS,
        *,
        peers: Iterable[str] = (),
        cluster_limits: ClusterLimits | None = None,
        skew: float = 0.0,
        rate: float = 1.0,
        owner: Sequence[str] = (),
    ) -> None:
        """``peers`` are the hosts of other nodes, to be linked with; ``skew`` is how many seconds the clock
        of this host is ahead of the others', and ``rate`` how many seconds it counts in one. ``owner`` as in
        `Database`.
        """
        self.host = host
        self.disk = Disk(world.clock, world.random(f"disk of {host}"))
        self._world = world
        self._limits = limits
        self._peers = [f"ws://{peer}:{PORT}/peer" for peer in peers]
        self._cluster_limits = cluster_limits
        self._clock = SkewedClock(world.clock, skew, rate)
        self._owner = owner
        self._starts = 0
        self._process: asyncio.Task[Any] | None = None
        self._database: Database | None = None

    @property
    def database(self) -> Database:
        """What runs there now."""
        assert self._database is not None, f"the server of {self.host} has not started"
        return self._database

    @property
    def url(self) -> str:
        """Where the live protocol is spoken."""
        return f"ws://{self.host}:{PORT}/live"

    @property
    def is_up(self) -> bool:
        """Whether the host runs."""
        return self._world.network.is_up(self.host)

    @property
    def is_serving(self) -> bool:
        """Whether its server has started, too."""
        return self.is_up and self._database is not None

    @property
    def is_started(self) -> bool:
        """Whether it was ever started."""
        return self._starts > 0

    def start(self) -> None:
        """Start the server, or start it again after a crash."""
        self._world.network.restart(self.host)
        self._starts += 1
        self._process = self._world.spawn(self._serve(), self.host)
        self._process.add_done_callback(_tell_failure)

    def crash(self) -> None:
        """Cut the power: nothing that runs there says another word, and the disk loses what it buffered."""
        self._world.network.crash(self.host)
        self._database = None
        before = self.disk
        self.disk = before.crash()
        self._world.happened["a crash"] += 1
        self._world.happened["a crash lost what was on its way"] += self.disk.lost > before.lost
        self._world.happened["a crash kept what nobody was told of"] += (
            self.disk.kept_unsaid > before.kept_unsaid
        )

    def lose_disk(self) -> None:
        """Crash, and come back with an empty disk when it is started again."""
        self.crash()
        self.disk = Disk(self._world.clock, self._world.random(f"disk {self._starts} of {self.host}"))
        self._world.happened["a disk was lost"] += 1

    async def _storage(self, random: Random) -> Storage:
        """What it opens when it starts; what is drawn for that comes from ``random``."""
        return self.disk

    async def _serve(self) -> None:
        random = self._world.random(f"start {self._starts} of {self.host}")
        clock, limits = self._clock, self._cluster_limits
        async with Database(
            await self._storage(random),
            limits=self._limits,
            clock=clock,
            random=random,
            cluster_limits=limits,
            node_id=self.host,
            owner=self._owner,
        ) as database:
            server = Server(
                database,
                self.host,
                PORT,
                peers=self._peers,
                cluster_secret=self.secret,
                insecure=True,  # its host has a name, and nobody else is in its world
                clock=clock,
                random=random,
            )
            async with server:
                self._database = database
                await asyncio.get_running_loop().create_future()


def _tell_failure(process: asyncio.Task[Any]) -> None:
    """Let the run hear of a server that has not started, or failed; not of one that crashed."""
    if not process.cancelled():
        process.result()
