"""Nodes of a cluster in one process: databases in memory, linked by pipes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from random import Random
from typing import Any

from protobase_actors import ManualClock
from protobase_live.cluster.cluster import Cluster
from protobase_live.cluster.limits import ClusterLimits
from protobase_live.collection.limits import DEFAULT_LIMITS, Limits
from protobase_live.database.database import Database
from protobase_live.errors import ProtoBaseError
from protobase_live.model.schemas import Schemas
from protobase_storage import Commit, MemoryStorage, Storage
from tests.support.pipes import End, pipe

SECRET = b"a secret of sixteen bytes or more"
ROUNDS = 2_000
"""Rounds of the event loop after which what is waited for has not happened."""


class Node:
    """A database, and what it is to the others."""

    def __init__(
        self,
        name: str,
        *,
        secret: bytes = SECRET,
        storage: Storage | None = None,
        limits: Limits = DEFAULT_LIMITS,
        cluster_limits: ClusterLimits | None = None,
        owner: Sequence[str] = (),
        schemas: Schemas | None = None,
        start: int = 1,
        pause: float = 0.0,
    ) -> None:
        """``start`` counts the processes of this name: each draws something else. The clock stands still, so
        what waits for ``pause`` seconds for more to go with it would wait for ever.
        """
        self.name = name
        self.clock = ManualClock()
        self.storage = storage or MemoryStorage(make_identity=lambda: name)
        self.db = Database(
            self.storage,
            clock=self.clock,
            random=Random(name if start == 1 else f"{name}, start {start}"),
            limits=limits,
            cluster_limits=replace(cluster_limits or ClusterLimits(), gather_pause_seconds=pause),
            node_id=name,
            owner=owner,
            schemas=schemas,
        )
        replication = self.db.replication
        parts = self.db.home, replication, self.db.presence_hub, replication.limits, self.clock, Random(name)
        self.cluster = Cluster(name, secret, *parts)

    async def put(self, collection: str, key: str, **fields: Any) -> None:
        """Write one record."""
        await (await self.db.collection(collection)).put(fields, key=key)

    async def together(self, key: str, *collections: str) -> None:
        """One transaction that writes one record in each collection."""
        async with self.db.transaction() as tx:
            for name in collections:
                tx[name].put({"by": self.name}, key=key)

    async def keys(self, collection: str) -> list[str]:
        """The keys of its records."""
        return sorted(dict(await (await self.db.collection(collection)).items()))

    async def vector(self, collection: str) -> dict[str, int]:
        """What is durable of it."""
        return dict((await self.storage.standing(collection)).vector)

    async def close(self) -> None:
        """Stop the node."""
        await self.cluster.close()
        await self.db.close()


@contextmanager
def durable_and_failed(storage: Storage, error: Exception) -> Iterator[None]:
    """What a storage is given in the block becomes durable, and its storing fails with ``error``."""
    append = storage.append

    def store_and_fail(told: Sequence[Commit]) -> asyncio.Future[None]:
        append(told)
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        failed.set_exception(error)
        return failed

    storage.append = store_and_fail  # type: ignore[method-assign]
    try:
        yield
    finally:
        storage.append = append  # type: ignore[method-assign]


class HeldAppend:
    """What a storage is given is neither stored nor answered until it may go on."""

    def __init__(self, storage: Storage) -> None:
        self.told: list[Commit] = []
        self._durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._storage, self._append = storage, storage.append
        storage.append = lambda told: self.told.extend(told) or self._durable  # type: ignore[method-assign]

    async def go_on(self) -> None:
        """Store it, and hold nothing more."""
        self._storage.append = self._append  # type: ignore[method-assign]
        await self._append(self.told)
        self._durable.set_result(None)


Make = Callable[..., Node]
"""Makes a node by its name, and what else `Node` takes."""


class Connection:
    """Two nodes that are linked, until it is cut."""

    def __init__(self, dialer: Node, listener: Node) -> None:
        self.ends: tuple[End, End] = pipe()
        self.errors: list[ProtoBaseError] = []
        """What has ended it, as each side says."""
        loop = asyncio.get_running_loop()
        self._sides = [
            loop.create_task(self._serve(dialer, self.ends[0], dialed=True)),
            loop.create_task(self._serve(listener, self.ends[1], dialed=False)),
        ]

    async def _serve(self, node: Node, end: End, *, dialed: bool) -> None:
        try:
            await node.cluster.serve(end, dialed=dialed)
        except ProtoBaseError as error:
            self.errors.append(error)

    async def cut(self) -> None:
        """End it as a network does: without a word."""
        await self.ends[0].close(1006, "")
        await self.over()

    async def over(self) -> None:
        """Wait until both sides know that it has ended."""
        await asyncio.gather(*self._sides)


async def settle(condition: Callable[[], Any]) -> None:
    """Let everything run until a condition holds, which may be asynchronous."""
    for _ in range(ROUNDS):
        found = condition()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return
        await asyncio.sleep(0)
    raise AssertionError(f"it did not come to {condition}")


async def agree(nodes: list[Node], *collections: str) -> None:
    """Wait until all nodes have the same commits of these collections."""

    async def do() -> bool:
        return all(
            [
                await node.vector(name) == await nodes[0].vector(name)
                for name in collections
                for node in nodes[1:]
            ]
        )

    await settle(do)
