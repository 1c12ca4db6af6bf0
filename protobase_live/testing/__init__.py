"""Whole systems on virtual time: the shipped server, client and database, as a pure function of one seed.

Needs the extra ``testing`` (`pip install 'protobase-live[testing]'`).
"""

from protobase_live.testing.cloud_node import CloudNode
from protobase_live.testing.disk import Disk, DiskFaults
from protobase_live.testing.faults import Faults
from protobase_live.testing.node import Node
from protobase_live.testing.run import Run, simulate
from protobase_live.testing.stream_node import StreamNode
from protobase_live.testing.world import World
from protobase_storage.cloud.simulated import Bucket, ObjectFaults, SimulatedObjects
from protobase_storage.nats.simulated import SimulatedStream, StreamFaults
from protobase_storage.nats.simulated_servers import StreamServers

__all__ = [
    "Bucket",
    "CloudNode",
    "Disk",
    "DiskFaults",
    "Faults",
    "Node",
    "ObjectFaults",
    "Run",
    "SimulatedObjects",
    "SimulatedStream",
    "StreamFaults",
    "StreamNode",
    "StreamServers",
    "World",
    "simulate",
]
