"""A collection that cannot be loaded: told once, answered clearly, and of no cost to the others."""

from __future__ import annotations

import asyncio
import logging

import pytest
from pycrdt import Doc, Map

from protobase_actors import SystemClock
from protobase_live.collection.limits import DEFAULT_LIMITS, Limits
from protobase_live.document import Document
from protobase_live.errors import CollectionUnloadable
from protobase_live.server.counters import Counters
from protobase_live.server.metrics import metrics
from protobase_live.server.permissions import Permissions
from protobase_storage import CollectionCorrupt, Commit, StorageError
from tests.support.figures import values_of


class Panic(BaseException):
    """What pycrdt raises derives from BaseException alone."""


@pytest.fixture
def broken(monkeypatch) -> dict[str, int]:
    """Makes loading whatever holds the marker panic; counts the attempts."""
    attempts = {"loads": 0, "panics": 1}
    load = Document.load

    def fragile(self, updates):
        if any(b"broken" in update for update in updates):
            attempts["loads"] += 1
            if attempts["panics"]:
                raise Panic("called `Option::unwrap()` on a `None` value\nwith a backtrace")
        return load(self, updates)

    monkeypatch.setattr(Document, "load", fragile)
    return attempts


async def store(storage) -> None:
    doc: Doc = Doc()
    doc.get("broken", type=Map)["a"] = 1
    await storage.append([Commit("elsewhere", 1, "bad", doc.get_update(), (), 1.0)])


async def test_it_is_told_once_and_tried_seldom(database, storage, clock, broken, caplog) -> None:
    await store(storage)
    bad, good = await database.collection("bad"), await database.collection("good")
    with caplog.at_level(logging.ERROR):
        for _ in range(50):
            with pytest.raises(CollectionUnloadable, match=r"'bad' cannot be loaded: called .*export --raw"):
                await bad.count()
            with pytest.raises(CollectionUnloadable):
                await database.ref("bad")
            await good.put({"a": 1}, key="k")
        assert broken["loads"] == 1
        for _ in range(20):
            await clock.advance(Limits().unloadable_seconds)
            with pytest.raises(CollectionUnloadable):
                await bad.put({}, key="k")
    assert broken["loads"] == 21
    assert len(caplog.records) == 1
    assert "\n" not in caplog.records[0].getMessage()
    assert list(database.quarantine.reasons) == ["bad"]
    figures = values_of(await metrics(database, Counters(), Permissions(SystemClock()), 0, 0))
    assert figures["protobase_collections_quarantined"] == 1
    assert len((await storage.load("bad")).commits) == 1


async def test_it_serves_again_when_it_can_be_loaded(database, storage, clock, broken) -> None:
    await store(storage)
    bad = await database.collection("bad")
    with pytest.raises(CollectionUnloadable):
        await bad.count()
    broken["panics"] = 0
    with pytest.raises(CollectionUnloadable):
        await bad.count()
    await clock.advance(1)
    assert await bad.count() == 0
    assert database.quarantine.reasons == {}
    figures = values_of(await metrics(database, Counters(), Permissions(SystemClock()), 0, 0))
    assert figures["protobase_collections_quarantined"] == 0


async def test_a_storage_that_fails_is_no_reason(database, storage, monkeypatch) -> None:
    async def load(collection):
        raise error

    monkeypatch.setattr(storage, "load", load)
    error = StorageError("the disk is away")
    tasks = await database.collection("tasks")
    with pytest.raises(Exception, match="the disk is away"):
        await tasks.count()
    assert database.quarantine.reasons == {}
    error = CollectionCorrupt("tasks", "a page is gone")
    with pytest.raises(CollectionUnloadable, match="a page is gone"):
        await tasks.count()


async def test_a_load_may_take_long(database, storage, clock, monkeypatch) -> None:
    """A collection that takes longer than hooks usually may would never be served again."""
    load, there = storage.load, asyncio.Event()

    async def slow(collection):
        await there.wait()
        return await load(collection)

    monkeypatch.setattr(storage, "load", slow)
    tasks = await database.collection("tasks")
    count = asyncio.create_task(tasks.count())
    await clock.advance(DEFAULT_LIMITS.load_seconds - 1)
    there.set()
    assert await count == 0


async def test_a_load_that_takes_too_long_is_not_tried_at_every_knock(
    database, storage, clock, monkeypatch
) -> None:
    asked = 0

    async def never(collection):
        nonlocal asked
        asked += 1
        await asyncio.Event().wait()

    monkeypatch.setattr(storage, "load", never)
    tasks = await database.collection("tasks")
    count = asyncio.create_task(tasks.count())
    await clock.advance(DEFAULT_LIMITS.load_seconds)
    with pytest.raises(CollectionUnloadable, match="took longer than 600 s"):
        await count
    with pytest.raises(CollectionUnloadable, match="took longer than 600 s"):
        await tasks.count()
    assert asked == 1
    assert list(database.quarantine.reasons) == ["tasks"]
