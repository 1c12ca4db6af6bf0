"""The conformance suite on the simulated object store."""

from collections import defaultdict
from pathlib import Path

from protobase_storage.cloud.simulated import Bucket, SimulatedObjects
from protobase_storage.cloud.storage import CloudStorage
from protobase_storage.conformance.basics import StorageConformance
from protobase_storage.conformance.stateful import model_test

_buckets: defaultdict[Path, Bucket] = defaultdict(Bucket)


async def open_simulated(place: Path) -> CloudStorage:
    """A storage on the bucket of that name. Checkpoints are frequent, and nobody waits for the next slot."""
    return await CloudStorage.open(SimulatedObjects(_buckets[place]), interval=0, checkpoint_slots=4)


class TestSimulated(StorageConformance):
    async def open(self, place: Path) -> CloudStorage:
        return await open_simulated(place)


TestSimulatedModel = model_test(open_simulated, persistent=True)
