"""Putting back what was stored elsewhere, whole and in pieces."""

from __future__ import annotations

import pytest

from protobase_live.collection import put_back as module
from protobase_live.collection.former import FIRST, Former, History, history_of
from protobase_live.collection.put_back import put_back
from protobase_live.errors import ValidationError
from protobase_live.protocol.yjs.state_vector import encode_state_vector
from protobase_storage import Commit, Loaded, MemoryStorage, Snapshot, StorageError

STORED = Loaded(
    Snapshot("c", b"base", {"n/1": 2}, 1.0),
    tuple(Commit("n/1", n, "c", b"%d" % n, (), 1.0) for n in range(3, 7)),
    Former().remains({2**30: 5}, FIRST.next("g")),
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
        await put_back(storage, "c", STORED, "h")
    assert await storage.load("c") != STORED
    await put_back(storage, "c", STORED, "h")
    assert await storage.load("c") == STORED
    await put_back(storage, "c", STORED, "h")
    assert await storage.load("c") == STORED


async def test_what_holds_something_else_is_left_alone() -> None:
    others = (
        Loaded(None, (Commit("n/1", 3, "c", b"3", (), 1.0),)),
        Loaded(STORED.snapshot, (*STORED.commits[:1], Commit("n/2", 4, "c", b"4", (), 1.0))),
        Loaded(Snapshot("c", b"base", {"n/1": 1}, 1.0), ()),
    )
    for other in others:
        storage = MemoryStorage()
        await put_back(storage, "c", other, "h")
        with pytest.raises(ValidationError, match="'c' is not empty"):
            await put_back(storage, "c", STORED, "h")
        assert await storage.load("c") == other


async def test_what_was_deleted_and_is_put_back_is_no_longer_gone() -> None:
    storage = MemoryStorage()
    await storage.delete("c", Former().remains({2**30: 5}, FIRST.next("g")))
    await put_back(storage, "c", Loaded(None, STORED.commits), "h")
    assert not Former((await storage.load("c")).remains).has_left({2**30: 5}, {})


async def test_what_is_put_back_takes_the_place_of_what_was_deleted() -> None:
    """On nodes that have not heard of the deletion, too."""
    storage = MemoryStorage()
    deleted = FIRST.next("g").next("h")
    await storage.delete("c", Former().remains({2**30: 5}, deleted))
    await put_back(storage, "c", STORED, "i")
    remains = (await storage.load("c")).remains
    assert history_of(remains) > deleted > history_of(STORED.remains)
    assert Former(remains).has_left({2**30: 5}, {})


@pytest.mark.parametrize("number", [1, 2])
def test_of_two_deletions_that_did_not_know_of_each_other_all_nodes_take_the_same(number: int) -> None:
    one, other = History(number, "a"), History(1, "b")
    assert max(one, other) == max(other, one) != min(one, other)


def test_remains_of_earlier_versions_are_read() -> None:
    earlier = encode_state_vector({2**30: 5})
    assert Former(earlier).has_left({2**30: 5}, {})
    assert FIRST < history_of(earlier) < History(2, "")
    with pytest.raises(ValidationError, match="cannot be read"):
        history_of(b"\0\xc1")
