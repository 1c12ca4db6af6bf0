"""A node whose storage is a stream, which other nodes read and write at the same time."""

from __future__ import annotations

from random import Random
from typing import Any

from protobase_live.testing.cloud_node import RESTART_SECONDS
from protobase_live.testing.node import Node
from protobase_live.testing.world import World
from protobase_storage import Storage, StorageError
from protobase_storage.cloud.simulated import Bucket, ObjectFaults, SimulatedObjects
from protobase_storage.nats.pieces import STOWED_BYTES
from protobase_storage.nats.simulated import SimulatedStream, StreamFaults
from protobase_storage.nats.simulated_servers import StreamServers
from protobase_storage.nats.storage import NatsStorage

STREAM = "database"


class StreamNode(Node):
    """What runs on one host; nothing of it outlives a crash but what is in the stream, and in its bucket.

    ``faults`` are what its requests meet, also those of later starts, and ``object_faults`` what those to the
    bucket meet.
    """

    secret = None

    def __init__(
        self,
        world: World,
        servers: StreamServers,
        host: str,
        *,
        bucket: Bucket | None = None,
        stowed_bytes: int = STOWED_BYTES,
        seconds: float = 10.0,
        **options: Any,
    ) -> None:
        """``bucket`` has snapshots of more than ``stowed_bytes``, ``seconds`` is how long a stream that does
        not answer is asked again; ``options`` are those of `Node`.
        """
        super().__init__(world, host, **options)
        self.faults = StreamFaults()
        self.object_faults = ObjectFaults()
        self._bucket = bucket
        self._stowed_bytes = stowed_bytes
        self._servers = servers
        self._seconds = seconds
        self._stream: SimulatedStream | None = None
        self._is_cut = False

    def crash(self) -> None:
        """See `Node.crash`."""
        super().crash()
        if self._stream is not None:
            self._stream.end()

    def cut(self) -> None:
        """It reaches no server of the stream, until `mend`."""
        self._is_cut = True
        if self._stream is not None:
            self._stream.cut()

    def mend(self) -> None:
        """It reaches them again."""
        self._is_cut = False
        if self._stream is not None:
            self._stream.mend()

    async def _storage(self, random: Random) -> Storage:
        while True:
            try:
                return await self._open(random)
            except StorageError:
                self._world.happened["a stream could not be opened"] += 1
                await self._world.clock.sleep(RESTART_SECONDS)

    async def _open(self, random: Random) -> Storage:
        self._stream = stream = SimulatedStream(self._servers, random)
        stream.faults = self.faults
        if self._is_cut:
            stream.cut()
        try:
            return await NatsStorage.on(
                stream,
                STREAM,
                snapshots=self._objects(random),
                draw=random.random,
                stowed_bytes=self._stowed_bytes,
                seconds=self._seconds,
                make_identity=lambda: f"{random.getrandbits(48):012x}",
                make_bytes=random.randbytes,
                clock=self._world.clock.monotonic,
            )
        except StorageError:
            stream.end()
            raise

    def _objects(self, random: Random) -> SimulatedObjects | None:
        if self._bucket is None:
            return None
        objects = SimulatedObjects(self._bucket, random)
        objects.faults = self.object_faults
        return objects
