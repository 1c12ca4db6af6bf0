"""The file backend against the conformance suite."""

import asyncio
from pathlib import Path

from protobase_storage import FileStorage, TooManyReads
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


async def test_only_so_many_reads_wait(tmp_path: Path) -> None:
    storage = await FileStorage.open(tmp_path, reads_limit=2)
    reads = await asyncio.gather(*(storage.load(name) for name in "abc"), return_exceptions=True)
    assert [type(each) is TooManyReads for each in reads] == [False, False, True]
    assert (await storage.load("c")).commits == ()
    await storage.close()
