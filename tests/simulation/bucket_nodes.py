"""Nodes on one stream whose snapshots are in a bucket, all of them, however small they are: what must hold
though it loses requests and answers, and is away.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import fields, replace
from random import Random
from typing import Any

from protobase_live.testing import Bucket, ObjectFaults, StreamNode, World
from protobase_storage.cloud.objects import Unanswered
from tests.simulation.stream_nodes import LIMITS, StreamNodes

OFTEN = replace(LIMITS, log_commits=4, retained_commits=1)
"""Logs are folded all the time."""


class BucketNodes(StreamNodes):
    """One run."""

    def __init__(self, world: World) -> None:
        self._bucket = Bucket()
        super().__init__(world)

    def _new_node(self, host: str, **options: Any) -> StreamNode:
        told = {"bucket": self._bucket, "stowed_bytes": 0, "limits": OFTEN}
        return super()._new_node(host, **told | options)

    def _go_wrong(self, node: StreamNode) -> None:
        super()._go_wrong(node)
        random, faults = self._random, node.object_faults
        faults.delay = (0.0, random.choice((0.005, 0.05, 0.5)))
        faults.lost_request = random.choice((0.0, 0.02, 0.2))
        faults.lost_answer = random.choice((0.0, 0.02, 0.2))

    def _acts(self) -> tuple[Callable[[Random], Awaitable[None]], ...]:
        return (*super()._acts(), self._take_away)

    async def _take_away(self, random: Random) -> None:
        """Nobody reaches the bucket."""
        for node in self._nodes:
            node.object_faults.failure = Unanswered("the bucket is away")
        await self._world.clock.sleep(random.uniform(0.2, 8.0))
        for node in self._nodes:
            node.object_faults.failure = None
        self._world.happened["the bucket was away"] += 1

    def _heal(self) -> None:
        for node in self._nodes:
            for field in fields(ObjectFaults):
                setattr(node.object_faults, field.name, getattr(ObjectFaults(), field.name))
        super()._heal()

    async def _check(self) -> None:
        await super()._check()
        noted = {subject.rpartition(".")[2] for subject in self._servers.subjects("database.piece.*.*")}
        objects = {key.rpartition("/")[2] for key in self._bucket.objects if "/snap/" in key}
        self._world.happened["an object was put"] += len(objects)
        assert objects <= noted, f"the stream knows nothing of {objects - noted}"


async def bucket_nodes(world: World) -> None:
    """The scenario."""
    await BucketNodes(world).run()
