"""Putting back what was stored elsewhere, whole and in pieces."""

from __future__ import annotations

import pytest

from protobase_live.collection import put_back as module
from protobase_live.collection.put_back import put_back
from protobase_live.errors import ValidationError
from protobase_storage import Commit, Loaded, MemoryStorage, Snapshot, StorageError

STORED = Loaded(
    Snapshot("c", b"base", {"n/1": 2}, 1.0),
    tuple(Commit("n/1", n, "c", b"%d" % n, (), 1.0) for n in range(3, 7)),
    b"remains",
)


class Failing(MemoryStorage):
    """Fails at the call with this number; what came before is stored."""

    def __init__(self, fails_at: int) -> None:
        super().__init__()
        self.fails_at = fails_at

    def _count(self) -> None:
        self.fails_at -= 1
        if self.fails_at == 0:
            raise StorageError("the disk is gone")

    async def delete(self, collection: str, remains: bytes = b"") -> None:
        self._count()
        await super().delete(collection, remains)

    async def compact(self, snapshot: Snapshot) -> None:
        self._count()
        await super().compact(snapshot)

    def append(self, commits):
        self._count()
        return super().append(commits)


@pytest.mark.parametrize("step", range(1, 5))
async def test_what_was_interrupted_is_completed(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "APPEND_BYTES", 2)
    storage = Failing(step)
    with pytest.raises(StorageError):
        await put_back(storage, "c", STORED)
    assert await storage.load("c") != STORED
    await put_back(storage, "c", STORED)
    assert await storage.load("c") == STORED
    await put_back(storage, "c", STORED)
    assert await storage.load("c") == STORED


async def test_what_holds_something_else_is_left_alone() -> None:
    others = (
        Loaded(None, (Commit("n/1", 3, "c", b"3", (), 1.0),)),
        Loaded(STORED.snapshot, (*STORED.commits[:1], Commit("n/2", 4, "c", b"4", (), 1.0))),
        Loaded(Snapshot("c", b"base", {"n/1": 1}, 1.0), ()),
    )
    for other in others:
        storage = MemoryStorage()
        await put_back(storage, "c", other)
        with pytest.raises(ValidationError, match="'c' is not empty"):
            await put_back(storage, "c", STORED)
        assert await storage.load("c") == other


async def test_what_was_deleted_and_is_put_back_is_no_longer_gone() -> None:
    storage = MemoryStorage()
    await storage.delete("c", b"deleted")
    await put_back(storage, "c", Loaded(None, STORED.commits))
    assert (await storage.load("c")).remains == b""
