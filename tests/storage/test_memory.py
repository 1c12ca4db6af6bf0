"""The memory backend against the conformance suite."""

from pathlib import Path

from protobase_storage import MemoryStorage
from protobase_storage.conformance.basics import StorageConformance
from protobase_storage.conformance.stateful import model_test


async def open_memory(place: Path) -> MemoryStorage:
    return MemoryStorage()


class TestMemory(StorageConformance):
    async def open(self, place: Path) -> MemoryStorage:
        return MemoryStorage()


TestMemoryModel = model_test(open_memory, persistent=False)
