"""A node whose storage is a bucket, which any other node can take over."""

from __future__ import annotations

from random import Random
from typing import Any

from protobase_live.testing.node import Node
from protobase_live.testing.world import World
from protobase_storage import Storage, StorageError
from protobase_storage.cloud.simulated import Bucket, ObjectFaults, SimulatedObjects
from protobase_storage.cloud.storage import CloudStorage

RESTART_SECONDS = 1.0
"""After which a server is started again that could not open its storage."""


class CloudNode(Node):
    """What runs on one host; nothing of it outlives a crash but what is in the bucket.

    ``faults`` are what its requests meet. A server that was taken over refuses everything, and stays until
    the host crashes.
    """

    def __init__(
        self,
        world: World,
        bucket: Bucket,
        host: str = "node",
        *,
        checkpoint_slots: int = 20,
        **options: Any,
    ) -> None:
        """``options`` are those of `Node`."""
        super().__init__(world, host, **options)
        self.faults = ObjectFaults()
        self._bucket = bucket
        self._checkpoint_slots = checkpoint_slots

    async def _storage(self, random: Random) -> Storage:
        while True:
            objects = SimulatedObjects(self._bucket, random)
            objects.faults = self.faults
            try:
                return await CloudStorage.open(
                    objects,
                    checkpoint_slots=self._checkpoint_slots,
                    make_bytes=random.randbytes,
                    make_identity=lambda: f"{random.getrandbits(48):012x}",
                    draw=random.random,
                    clock=self._world.clock.monotonic,
                )
            except StorageError:
                self._world.happened["a bucket could not be opened"] += 1
                await self._world.clock.sleep(RESTART_SECONDS)
