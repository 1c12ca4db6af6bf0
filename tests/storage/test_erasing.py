"""Erasing in a folder: not a byte is left in any of its files, whatever was there before."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from protobase_storage import FileStorage, StorageClosed, StorageError, StorageFull, rewriting
from protobase_storage import upkeep as upkeep_of
from protobase_storage.conformance.model import (
    SECRET,
    a_secret,
    make_commit,
    make_snapshot,
    perform,
    secrets,
)
from protobase_storage.file import DATABASE_NAME
from protobase_storage.reserve import RESERVE_BYTES, RESERVE_NAME, Reserve
from protobase_storage.rewriting import COPY_NAME, Rewriting
from protobase_storage.sqlite_schema import MAX_PATH_BYTES
from protobase_storage.upkeep import Upkeep


def files_with_secrets(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir() if SECRET in file.read_bytes()]


async def filled(folder: Path) -> FileStorage:
    """Secrets beside other things, with what overwriting and deleting leaves in pages."""
    storage = await FileStorage.open(folder)
    for effect in secrets(40)[:-1]:
        await perform(storage, effect)
    for n in range(30):
        await storage.append([make_commit(f"c{n}", 1, update=b"other" * 100)])
        if n % 3:
            await storage.delete(f"c{n}")
    await storage.compact(make_snapshot("a", {"node-a": 38}, update=a_secret(1) * 200))
    return storage


async def test_no_byte_is_left_while_it_is_open(tmp_path: Path) -> None:
    storage = await filled(tmp_path)
    assert files_with_secrets(tmp_path)
    await storage.erase("a", b"remains", make_snapshot("a", {"node-e": 1}, update=b"kept"))
    assert files_with_secrets(tmp_path) == []
    assert (await storage.load("a")).updates == [b"kept"]
    assert len((await storage.load("b")).commits) == 40
    await storage.append([make_commit("a", 2, origin="node-e")])
    await storage.close()
    assert files_with_secrets(tmp_path) == []


async def test_what_was_deleted_before_can_be_erased(tmp_path: Path) -> None:
    storage = await filled(tmp_path)
    await storage.delete("a", b"remains")
    assert files_with_secrets(tmp_path), "or there is nothing to show"
    await storage.erase("a")
    assert files_with_secrets(tmp_path) == []
    await storage.close()


async def test_while_somebody_reads_it_is_not_said_to_be_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep_of, "CLEAN_TRIES", 2)
    monkeypatch.setattr("protobase_storage.sqlite_schema.READER_WAIT_SECONDS", 0.0)
    storage = await filled(tmp_path)
    reader = sqlite3.connect(tmp_path / DATABASE_NAME, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM log").fetchone()
    with pytest.raises(StorageError, match="write-ahead log"):
        await storage.erase("a")
    assert (await storage.load("a")).commits == ()
    assert files_with_secrets(tmp_path)
    reader.close()
    await storage.close()
    storage = await FileStorage.open(tmp_path)
    assert files_with_secrets(tmp_path) == []
    await storage.close()


async def test_what_could_not_be_completed_is_by_the_next_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = await filled(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Upkeep, "clean", _fail)
        with pytest.raises(StorageError, match="not now"):
            await storage.erase("a")
        await storage.close()
        await (await FileStorage.open(tmp_path)).close()  # it goes on without
    assert files_with_secrets(tmp_path)
    storage = await FileStorage.open(tmp_path)
    assert files_with_secrets(tmp_path) == []
    await storage.close()


def _fail(upkeep: Upkeep) -> Iterator[None]:
    raise StorageError("not now")


async def test_without_room_nothing_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await (await filled(tmp_path)).close()
    storage = await FileStorage.open(tmp_path, reserve_bytes=0)
    before = await storage.load("a")
    snapshot = make_snapshot("a", {"node-e": 1}, update=b"k" * 1_000_000)
    with monkeypatch.context() as patch:
        patch.setattr(Reserve, "free", lambda self: 2_000_000)
        for ask in storage.erase("a", b"", snapshot), storage.require_room_to_erase("a", snapshot):
            with pytest.raises(StorageFull, match=r"no room .* 2000000 are free; nothing was done"):
                await ask
        await storage.require_room_to_erase("a")
        assert await storage.load("a") == before
        assert not _is_noted(tmp_path)
        await storage.erase("a")
    assert files_with_secrets(tmp_path) == []
    await storage.close()


def _only_the_reserve(reserve: Reserve) -> int:
    """What is free on a disk that has room for the reserve, and for nothing else."""
    return reserve.size - reserve._path.stat().st_size


async def test_a_full_disk_is_erased_from_with_what_is_reserved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = await filled(tmp_path)
    snapshot = make_snapshot("a", {"node-e": 1}, update=b"k" * 1_000)
    with monkeypatch.context() as patch:
        patch.setattr(Reserve, "free", _only_the_reserve)
        await storage.require_room_to_erase("a", snapshot)
        await storage.erase("a", b"", snapshot)
        assert files_with_secrets(tmp_path) == []
        assert (await storage.load("a")).snapshot == snapshot
        await storage.close()
    assert (tmp_path / RESERVE_NAME).stat().st_size == RESERVE_BYTES


async def test_what_is_reserved_is_not_what_it_leaves_less_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is room for it, and in the end there would be less in reserve."""
    storage = await filled(tmp_path)
    before = await storage.load("a")
    with monkeypatch.context() as patch:
        patch.setattr(Reserve, "free", _only_the_reserve)
        with pytest.raises(
            StorageFull, match=r"becomes longer by .* and 0 are free beside .*; nothing was done"
        ):
            await storage.erase("a", b"", make_snapshot("a", {"node-e": 1}, update=b"k" * 1_000_000))
        assert await storage.load("a") == before
        assert not _is_noted(tmp_path)
        await storage.close()
    assert (tmp_path / RESERVE_NAME).stat().st_size == RESERVE_BYTES


async def test_it_takes_what_is_reserved_where_more_is_free_and_not_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = await FileStorage.open(tmp_path, reserve_bytes=1_000_000)
    await storage.append([make_commit("a", n, update=a_secret(n)) for n in range(1, 41)])
    await storage.append([make_commit("kept", 1, update=b"k" * 1_500_000)])
    monkeypatch.setattr(Reserve, "free", lambda self: 100_000 + self.size + _only_the_reserve(self))
    assert not storage._writer._reserve.is_touched
    await storage.erase("a")
    assert files_with_secrets(tmp_path) == []
    await storage.close()


async def test_without_room_for_two_copies_or_another_place_nothing_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = await filled(tmp_path)
    await storage.append([make_commit("kept", 1, update=b"k" * 500_000)])
    await storage.close()
    size = (tmp_path / DATABASE_NAME).stat().st_size
    storage = await FileStorage.open(tmp_path, reserve_bytes=0)
    with monkeypatch.context() as patch:
        patch.setattr(Reserve, "free", lambda self: size + size // 10)
        patch.setattr(rewriting, "_temporary_folders", lambda: [str(tmp_path / "none")])
        with pytest.raises(StorageFull, match=r"no room for a copy.* SQLITE_TMPDIR.*; nothing was done"):
            await storage.erase("a")
        assert not _is_noted(tmp_path)
        patch.setattr(rewriting, "_temporary_folders", lambda: [str(tmp_path / "none"), str(tmp_path)])
        await storage.require_room_to_erase("a")
    await storage.close()


async def test_a_path_that_has_just_room_for_the_database_has_it_for_the_copy(tmp_path: Path) -> None:
    lacking = MAX_PATH_BYTES - len(f"{tmp_path}/{DATABASE_NAME}")
    folder = tmp_path / ("d" * (lacking // 2)) / ("d" * (lacking - lacking // 2 - 2))
    assert len(str(folder / DATABASE_NAME)) == MAX_PATH_BYTES
    storage = await filled(folder)
    await storage.erase("a")
    assert files_with_secrets(folder) == []
    await storage.close()


async def test_whether_there_is_room_may_not_be_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = await filled(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Rewriting, "require_room", _be_away)
        with pytest.raises(StorageError, match="whether there is room for erasing is not known: away"):
            await storage.erase("a")
    await storage.erase("a")
    assert files_with_secrets(tmp_path) == []
    await storage.close()


def _be_away(*given: object) -> None:
    raise OSError("away")


async def test_room_that_goes_meanwhile_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def step(name: str) -> None:
        if name == "erase:hidden":
            monkeypatch.setattr(Reserve, "free", lambda self: 1000)

    await (await filled(tmp_path)).close()
    storage = await FileStorage.open(tmp_path, on_step=step)
    with pytest.raises(StorageError, match=r"in the file until it is erased again.* 1000 are free") as told:
        await storage.erase("a")
    assert not isinstance(told.value, StorageFull), "of which nothing would have been done"
    assert (await storage.load("a")).commits == ()
    assert files_with_secrets(tmp_path)
    await storage.append([make_commit("b", 41)])
    await storage.close()
    assert _is_noted(tmp_path)
    monkeypatch.undo()
    storage = await FileStorage.open(tmp_path)
    assert files_with_secrets(tmp_path) == []
    await storage.close()
    assert not _is_noted(tmp_path)


async def test_where_two_copies_have_no_room_one_is_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = list[str]()
    storage = await filled(tmp_path)
    await storage.append([make_commit("kept", 1, update=b"k" * 500_000)])
    await storage.close()
    size = (tmp_path / DATABASE_NAME).stat().st_size
    storage = await FileStorage.open(tmp_path, reserve_bytes=0, on_step=steps.append)
    monkeypatch.setattr(Reserve, "free", lambda self: size + size // 10)
    await storage.erase("a")
    assert "erase:written anew" in steps
    assert "erase:copied" not in steps
    assert files_with_secrets(tmp_path) == []
    await storage.close()


async def test_the_write_ahead_log_holds_no_whole_snapshot(tmp_path: Path) -> None:
    most = 0

    def step(name: str) -> None:
        nonlocal most
        if name in ("snapshot:staged", "erase:hidden"):
            most = max(most, (tmp_path / f"{DATABASE_NAME}-wal").stat().st_size)

    storage = await FileStorage.open(tmp_path, on_step=step)
    await storage.append([make_commit("a", 1)])
    snapshot = make_snapshot("a", {"node-e": 1}, update=b"k" * 30_000_000)
    await storage.erase("a", b"remains", snapshot)
    assert 0 < most < 10_000_000
    assert (await storage.load("a")).snapshot == snapshot
    await storage.close()


async def test_killed_at_any_step_it_has_not_begun_or_is_completed(tmp_path: Path) -> None:
    """With a snapshot of several pieces, which are garbage until it counts."""
    live = tmp_path / "live"
    steps = list[str]()

    def step(name: str) -> None:
        if not name.startswith("append:"):
            shutil.copytree(live, tmp_path / str(len(steps)))
            steps.append(name)

    storage = await FileStorage.open(live, on_step=step)
    await storage.append([make_commit("a", n, update=a_secret(n) * 100) for n in range(1, 41)])
    before = await storage.load("a")
    snapshot = make_snapshot("a", {"node-e": 1}, update=b"k" * 5_000_000)
    await storage.erase("a", b"remains", snapshot)
    after = await storage.load("a")
    await storage.close()
    assert steps[:4] == ["snapshot:staged"] * 3 + ["erase:hidden"]
    assert steps[-4:] == ["erase:copied", "erase:written anew", "erase:emptied", "erase:done"]
    for number, name in enumerate(steps):
        folder = tmp_path / str(number)
        assert (folder / COPY_NAME).exists() == (name == "erase:copied")
        opened = await FileStorage.open(folder)
        assert await opened.load("a") == (before if name == "snapshot:staged" else after), name
        assert (files_with_secrets(folder) == []) == (name != "snapshot:staged"), name
        assert not (folder / COPY_NAME).exists()
        await opened.close()
        assert not _is_noted(folder)
        assert _garbage(folder) == []


def _garbage(folder: Path) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(folder / DATABASE_NAME)
    found = connection.execute("SELECT kind, id FROM garbage").fetchall()
    connection.close()
    return found


async def test_what_is_not_swept_does_not_say_that_nothing_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = await filled(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Upkeep, "_slice", _be_full)
        with pytest.raises(StorageError, match=r"it is deleted, and .* takes room .*disk is full") as told:
            await storage.delete("a")
        assert not isinstance(told.value, StorageFull)
        folded = make_snapshot("b", {"node-a": 40})
        with pytest.raises(StorageError, match=r"snapshot is stored, .* takes room .*disk is full") as told:
            await storage.compact(folded)
        assert not isinstance(told.value, StorageFull)
    assert (await storage.load("a")).commits == ()
    assert (await storage.load("b")).snapshot == folded
    await storage.close()
    await (await FileStorage.open(tmp_path)).close()
    assert _garbage(tmp_path) == []


def _be_full(*given: object) -> None:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    raise error


async def test_who_writes_meanwhile_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program, which the lock does not keep out."""
    other = sqlite3.connect(tmp_path / DATABASE_NAME, isolation_level=None, check_same_thread=False)

    def step(name: str) -> None:
        if name == "erase:copied":
            other.execute("BEGIN IMMEDIATE")

    monkeypatch.setattr("protobase_storage.sqlite_schema.READER_WAIT_SECONDS", 0.0)
    storage = await FileStorage.open(tmp_path, on_step=step)
    await storage.append([make_commit("a", 1)])
    with pytest.raises(StorageError, match=r"still in the file.*locked"):
        await storage.erase("a")
    other.execute("ROLLBACK")
    other.close()
    await storage.close()


async def test_a_full_disk_leaves_it_to_be_done(tmp_path: Path) -> None:
    storage = await filled(tmp_path)
    await storage.close()
    pages = (tmp_path / DATABASE_NAME).stat().st_size
    storage = await FileStorage.open(tmp_path, max_bytes=pages)
    snapshot = make_snapshot("a", {"node-e": 1}, update=b"k" * pages)
    with pytest.raises(StorageError):
        await storage.erase("a", b"", snapshot)
    assert (await storage.load("a")).snapshot != snapshot
    await storage.erase("a")
    assert files_with_secrets(tmp_path) == []
    await storage.close()


async def test_what_comes_after_an_erasure_stays(tmp_path: Path) -> None:
    """Calls take effect in call order."""
    storage = await filled(tmp_path)
    before = storage.append([make_commit("a", 41, update=SECRET)])
    erasing = storage.erase("a", b"", make_snapshot("a", {"node-e": 1}, update=b"kept"))
    task = asyncio.ensure_future(erasing)
    await asyncio.sleep(0)
    after = storage.append([make_commit("a", 1, update=b"after")])
    await asyncio.gather(before, task, after)
    assert (await storage.load("a")).updates == [b"kept", b"after"]
    assert files_with_secrets(tmp_path) == []
    await storage.close()


@pytest.mark.parametrize("commits", [1, 600])
async def test_the_end_of_one_erasure_is_not_that_of_another(tmp_path: Path, commits: int) -> None:
    """The process is killed at the end of the first."""
    live, killed = tmp_path / "live", tmp_path / "killed"

    def step(name: str) -> None:
        if name == "erase:done" and not killed.exists():
            shutil.copytree(live, killed)

    storage = await FileStorage.open(live, on_step=step)
    await storage.append([make_commit("a", n) for n in range(1, 1 + commits)])
    await storage.append([make_commit("b", n, update=a_secret(n)) for n in range(1, 4001)])
    first, second = [asyncio.create_task(storage.erase(name)) for name in "ab"]
    await first
    await second
    assert files_with_secrets(live) == []
    await storage.close()
    again = await FileStorage.open(killed)
    assert files_with_secrets(killed) == []
    assert (await again.load("b")).commits == ()
    await again.close()
    assert not _is_noted(killed)
    assert not _is_noted(live)


def _is_noted(folder: Path) -> bool:
    connection = sqlite3.connect(folder / DATABASE_NAME)
    found = connection.execute("SELECT 1 FROM meta WHERE key = 'erasing'").fetchone()
    connection.close()
    return found is not None


async def test_what_failed_is_done_when_it_is_called_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = await filled(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Upkeep, "_slice", _be_unreadable)
        with pytest.raises(StorageError, match="disk I/O"):
            await storage.erase("a")
    await storage.erase("a")
    assert files_with_secrets(tmp_path) == []
    await storage.close()
    assert not _is_noted(tmp_path)


def _be_unreadable(*given: object) -> None:
    raise sqlite3.OperationalError("disk I/O error")


async def test_a_snapshot_that_is_being_stored_is_no_garbage(tmp_path: Path) -> None:
    storage = await filled(tmp_path)
    snapshot = make_snapshot("c", {"node-a": 1}, update=b"k" * 20_000_000)
    await asyncio.gather(storage.compact(snapshot), *[storage.erase(name) for name in "ab"])
    assert (await storage.load("c")).snapshot == snapshot
    assert files_with_secrets(tmp_path) == []
    await storage.close()


async def test_a_fold_that_goes_on_while_something_is_erased_is_swept_whole(tmp_path: Path) -> None:
    storage = await filled(tmp_path)
    await storage.append([make_commit("c", n, update=SECRET) for n in range(1, 2001)])
    folds = [storage.compact(make_snapshot("c", {"node-a": n})) for n in (900, 2000)]
    await asyncio.gather(*folds, *[storage.erase(name) for name in "ab"])
    await storage.erase("d")
    assert files_with_secrets(tmp_path) == []
    assert (await storage.load("c")).updates == [make_snapshot("c", {"node-a": 2000}).update]
    await storage.close()


async def test_cleaning_a_storage_that_is_closed_fails(tmp_path: Path) -> None:
    storage = await FileStorage.open(tmp_path)

    async def close_while_cleaning() -> None:
        async with storage.cleaning():
            await storage.close()

    for _ in range(2):
        with pytest.raises(StorageClosed):
            await asyncio.wait_for(close_while_cleaning(), 10)
