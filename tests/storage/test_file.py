"""The file backend against the conformance suite."""

import asyncio
import threading
from pathlib import Path

import pytest

from protobase_storage import FileStorage, TooManyReads
from protobase_storage.conformance.basics import StorageConformance
from protobase_storage.conformance.folders import FolderConformance
from protobase_storage.conformance.model import make_commit
from protobase_storage.conformance.stateful import model_test
from protobase_storage.reader import Reader


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


async def test_what_reads_a_long_log_holds_up_no_other_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, go_on = Reader.load, threading.Event()
    monkeypatch.setattr(Reader, "load", lambda *how: go_on.wait(30) and load(*how))
    storage = await FileStorage.open(tmp_path)
    await storage.append([make_commit("a", 1)])
    loading = asyncio.create_task(storage.load("a"))
    assert await storage.commits_after("a", {}, 9) == (make_commit("a", 1),)
    assert [each.vector for each in await storage.standings()] == [{"node-a": 1}]
    assert (await storage.stats()).collections == 1
    assert not loading.done()
    go_on.set()
    assert (await loading).vector == {"node-a": 1}
    await storage.close()
