"""Putting back a history over a copy of it, after more of it was folded."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pycrdt import Doc, Text

from protobase_live.collection.put_back import put_back
from protobase_live.errors import ValidationError
from protobase_storage import Commit, Loaded, MemoryStorage, Snapshot, StorageError


def typed(doc: Doc, texts: str) -> list[bytes]:
    """An update for each character, which takes the place of the one before it."""
    text, updates = doc.get("t", type=Text), list[bytes]()
    for character in texts:
        before = doc.get_state()
        text.clear()
        text += character
        updates.append(doc.get_update(before))
    return updates


def folded(updates: list[bytes]) -> bytes:
    doc = Doc()
    for update in updates:
        doc.apply_update(update)
    return doc.get_update()


UPDATES = typed(Doc(client_id=1), "abcdef")
LOG = tuple(Commit("n/1", n, "c", update, (), 1.0) for n, update in enumerate(UPDATES, 1))


def snapshot(count: int) -> Snapshot:
    """What the first commits come to."""
    return Snapshot("c", folded(UPDATES[:count]), {"n/1": count}, 2.0)


STORED = Loaded(snapshot(4), LOG[4:])


class Failing(MemoryStorage):
    """Fails once, before it appends anything."""

    has_failed = False

    def append(self, commits):
        if self.has_failed:
            return super().append(commits)
        self.has_failed = True
        raise StorageError("the disk is gone")


async def storage_with(present: Loaded) -> MemoryStorage:
    storage = MemoryStorage()
    await put_back(storage, "c", present, "h")
    assert await storage.load("c") == present
    return storage


@pytest.mark.parametrize(
    "present",
    [Loaded(None, LOG[:2]), Loaded(None, LOG[:5]), Loaded(None, LOG), Loaded(snapshot(2), LOG[2:5])],
)
async def test_a_copy_of_before_the_fold_is_brought_up_to_date(present: Loaded) -> None:
    storage = await storage_with(present)
    await put_back(storage, "c", STORED, "h")
    assert await storage.load("c") == STORED


async def test_one_that_was_interrupted_is_completed() -> None:
    storage = Failing()
    await storage.compact(snapshot(2))
    with pytest.raises(StorageError):
        await put_back(storage, "c", STORED, "h")
    assert await storage.load("c") == Loaded(snapshot(4), ())
    await put_back(storage, "c", STORED, "h")
    assert await storage.load("c") == STORED


OTHER = tuple(
    Commit("n/1", n, "c", update, (), 1.0) for n, update in enumerate(typed(Doc(client_id=2), "abcdef"), 1)
)


@pytest.mark.parametrize(
    "present",
    [
        Loaded(None, OTHER[:4]),
        Loaded(None, (*LOG[:4], *OTHER[4:])),
        Loaded(None, (*LOG, Commit("n/1", 7, "c", b"\x00\x00", (), 1.0))),
        Loaded(None, (*LOG[:4], Commit("m/1", 1, "c", b"\x00\x00", (), 1.0))),
        Loaded(None, (Commit("n/1", 1, "c", b"\x01\x01\x01", (), 1.0),)),
        Loaded(snapshot(5), ()),
        Loaded(replace(snapshot(4), vector={"n/1": 5}), ()),
        Loaded(None, LOG[4:]),
        Loaded(replace(snapshot(4), update=OTHER[0].update), LOG[4:]),
        Loaded(None, LOG, b"\x01\x05\x07"),
    ],
    ids=["other content", "goes on otherwise", "is ahead", "of another node", "malformed", "folded further",
         "folded more commits", "without a beginning", "another snapshot", "another history"],
)  # fmt: skip
async def test_what_is_not_folded_there_is_left_alone(present: Loaded) -> None:
    storage = await storage_with(present)
    with pytest.raises(ValidationError, match="'c' is not empty"):
        await put_back(storage, "c", STORED, "h")
    assert await storage.load("c") == present
