"""The file backend against the conformance suite."""

from pathlib import Path

from protobase_storage import FileStorage
from protobase_storage.conformance.basics import StorageConformance
from protobase_storage.conformance.folders import FolderConformance
from protobase_storage.conformance.stateful import model_test


class TestFile(StorageConformance):
    async def open(self, place: Path) -> FileStorage:
        return await FileStorage.open(place)


class TestFileDurability(FolderConformance):
    opener = "protobase_storage.file:FileStorage.open"
    tail = "protobase.db-wal"


TestFileModel = model_test(FileStorage.open, persistent=True)
