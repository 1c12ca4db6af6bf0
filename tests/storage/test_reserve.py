"""Room that is kept on the disk. What a full disk does with it is in tests/durability/test_small_disk.py."""

from pathlib import Path

import pytest

from protobase_storage import FileStorage
from protobase_storage.conformance.model import make_commit
from protobase_storage.reserve import RESERVE_NAME, Reserve
from protobase_storage.sqlite_schema import CHECKPOINT_PAGES, checkpoint_pages

SIZE = 64 * 1024


def kept(folder: Path) -> int:
    """Blocks are counted, and not how long the file is said to be."""
    return (folder / RESERVE_NAME).stat().st_blocks * 512


def test_it_is_lent_and_taken_back(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path, SIZE)
    reserve.take()
    assert kept(tmp_path) == SIZE
    with reserve.lent():
        assert kept(tmp_path) == 0
    assert kept(tmp_path) == SIZE


def test_what_is_to_be_kept_is_not_to_spare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reserve = Reserve(tmp_path, SIZE)
    monkeypatch.setattr(reserve, "free", lambda: 3 * SIZE - (kept(tmp_path) if reserve._path.exists() else 0))
    assert reserve.spare() == 2 * SIZE
    reserve.take()
    assert reserve.spare() == 2 * SIZE
    with reserve.lent():
        assert reserve.spare() == 2 * SIZE
    monkeypatch.setattr(reserve, "free", lambda: 0)
    reserve.lend()
    assert reserve.spare() == 0


def test_of_what_is_left_no_more_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reserve = Reserve(tmp_path, SIZE)
    monkeypatch.setattr(reserve, "free", lambda: 4096)
    assert reserve.is_touched
    reserve.take()
    assert kept(tmp_path) == 4096
    monkeypatch.setattr(reserve, "free", lambda: 10 * SIZE)
    assert not reserve.is_touched
    reserve.take()
    assert kept(tmp_path) == SIZE


def test_none_is_kept_where_that_is_said(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path, 0)
    reserve.take()
    assert not (tmp_path / RESERVE_NAME).exists()
    assert not reserve.is_touched


def test_a_small_disk_moves_its_log_earlier() -> None:
    assert checkpoint_pages(256 * 1024) == 32
    assert checkpoint_pages(0) == checkpoint_pages(1 << 30) == CHECKPOINT_PAGES


async def test_a_deletion_is_lent_it_where_room_is_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = dict[str, int]()

    def note(step: str) -> None:
        seen[step] = kept(tmp_path)

    storage = await FileStorage.open(tmp_path, reserve_bytes=SIZE, on_step=note)
    await storage.append([make_commit("a", 1)])
    monkeypatch.setattr(Reserve, "free", lambda self: SIZE - 1)
    await storage.delete("a")
    await storage.close()
    assert seen["append:durable"] == SIZE
    assert seen["delete:hidden"] == seen["sweep:log-done"] == 0
    assert kept(tmp_path) > 0
