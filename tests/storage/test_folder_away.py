"""A folder that is not where it was, for the program that moves about or for everybody."""

import os
import sqlite3
from pathlib import Path

import pytest

from protobase_storage import FileStorage, StorageError, StorageFull, writer
from protobase_storage.cloud.simulated import Bucket, SimulatedObjects
from protobase_storage.conformance.model import make_commit, make_snapshot
from protobase_storage.local_cloud.opening import open_local
from protobase_storage.local_cloud.record import read_record
from protobase_storage.reserve import RESERVE_NAME, Reserve

GONE = "was removed or replaced; put it back"


async def test_a_program_that_opened_a_relative_folder_may_go_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    storage = await FileStorage.open("data")
    await storage.append([make_commit("a", 1)])
    monkeypatch.chdir("/")
    await storage.compact(make_snapshot("a", {"node-a": 1}))
    await storage.delete("a")
    await storage.append([make_commit("b", 1)])
    assert (await storage.stats()).bytes > 0
    await storage.close()
    assert (tmp_path / "data" / RESERVE_NAME).exists()


async def test_a_folder_with_a_bucket_is_known_where_it_was_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    storage = await open_local(SimulatedObjects(Bucket()), "data", interval=0)
    await storage.append([make_commit("a", 1)])
    monkeypatch.chdir("/")
    await storage.close()
    record = read_record(tmp_path / "data")
    assert record is not None
    assert record.uploaded


async def test_where_a_program_is_that_is_nowhere_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here").rmdir()
    for opened in (FileStorage.open("data"), open_local(SimulatedObjects(Bucket()), "data")):
        with pytest.raises(StorageError, match=r"'data' cannot be used: .*No such file"):
            await opened


@pytest.mark.parametrize("stand_in", [None, "file", "folder"])
async def test_a_folder_that_is_away_for_a_moment_fails_what_is_done_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stand_in: str | None
) -> None:
    """And nothing is done to what is in its place meanwhile."""
    storage = await FileStorage.open(tmp_path / "data")
    await storage.append([make_commit("a", 1), make_commit("b", 1)])
    (tmp_path / "data").rename(tmp_path / "away")
    if stand_in == "file":
        (tmp_path / "data").touch()
    if stand_in == "folder":
        monkeypatch.setattr(Reserve, "is_touched", True)
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / RESERVE_NAME).write_text("of somebody else")
    for deed in (storage.delete("a"), storage.append([make_commit("a", 2)])):
        with pytest.raises(StorageError, match=GONE):
            await deed
    with pytest.raises(StorageError, match=GONE):
        await storage.compact(make_snapshot("a", {"node-a": 1}))
    if stand_in == "folder":
        assert (tmp_path / "data" / RESERVE_NAME).read_text() == "of somebody else"
        (tmp_path / "data" / RESERVE_NAME).unlink()
        (tmp_path / "data").rmdir()
    if stand_in == "file":
        (tmp_path / "data").unlink()
    (tmp_path / "away").rename(tmp_path / "data")
    await storage.append([make_commit("a", 2)])
    await storage.delete("b")
    assert [info.name for info in await storage.list()] == ["a"]
    await storage.close()


async def test_the_reserve_of_a_folder_in_its_place_is_not_lent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is one made there, where a write fails and the write-ahead log cannot be emptied."""
    storage = await FileStorage.open(tmp_path / "data")
    (tmp_path / "data").rename(tmp_path / "away")
    (tmp_path / "data").mkdir()
    reserve = tmp_path / "data" / RESERVE_NAME
    with monkeypatch.context() as patch:
        patch.setattr(writer, "empty_wal", lambda connection: False)
        with pytest.raises(StorageError, match=GONE):
            await storage.append([make_commit("a", 1)])
        assert not reserve.exists()
        reserve.write_text("of somebody else")
        with pytest.raises(StorageError, match=GONE):
            await storage.append([make_commit("b", 1)])
    assert reserve.read_text() == "of somebody else"
    await storage.close()


async def test_a_folder_that_nobody_may_look_into_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: object) -> None:
        raise PermissionError(13, "Permission denied")

    storage = await FileStorage.open(tmp_path)
    await storage.append([make_commit("a", 1), make_commit("b", 1)])
    with monkeypatch.context() as patch:
        patch.setattr(os, "statvfs", refuse)
        await storage.delete("a")
    await storage.append([make_commit("b", 2)])
    await storage.close()


async def test_room_that_cannot_be_measured_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(connection: sqlite3.Connection) -> int:
        raise sqlite3.OperationalError("disk I/O error")

    storage = await FileStorage.open(tmp_path, max_bytes=200_000)
    monkeypatch.setattr(writer, "free_bytes", broken)
    with pytest.raises(StorageFull):
        await storage.append([make_commit("a", 1, update=b"x" * 500_000)])
    await storage.append([make_commit("a", 1)])
    await storage.close()
