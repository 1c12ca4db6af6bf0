"""Erasing: what its readers, its Yjs clients and whoever writes next find out, and what is stored then."""

from __future__ import annotations

import pytest
from pycrdt import Text

import protobase_live as pb
from protobase_live.collection.former import ERASURE, History, history_of
from protobase_live.errors import CollectionDropped, CollectionUnloadable, StorageFailed, ValidationError
from protobase_live.model.erasure import Erasure
from protobase_storage import Commit
from tests.protobase_live.conftest import YjsClient, settle


async def stored_bytes(storage, collection: str) -> bytes:
    """All updates and remains, one behind the other."""
    loaded = await storage.load(collection)
    return b"".join([*loaded.updates, loaded.remains])


async def test_of_a_record_nothing_is_left_and_the_others_stay(database, storage) -> None:
    tasks = await database.collection("tasks")
    await tasks.put({"title": "secret once"}, key="secret-key")
    await tasks.put({"title": "secret again"}, key="secret-key")
    await tasks.put({"title": "kept"}, key="t1")
    await tasks.text("notes").append("kept, too")
    assert await database.erase("tasks", "secret-key") == Erasure([database.node])
    assert await tasks.items() == {"t1": {"title": "kept"}}
    assert await tasks.text("notes").value() == "kept, too"
    assert b"secret" not in await stored_bytes(storage, "tasks")
    await tasks.put({"title": "new"}, key="secret-key")
    assert await tasks.get("secret-key") == {"title": "new"}


async def test_of_a_collection_nothing_is_left(database, storage) -> None:
    tasks = await database.collection("tasks")
    await tasks.put({"title": "secret"}, key="t1")
    await database.erase("tasks")
    assert await database.collections() == []
    assert b"secret" not in await stored_bytes(storage, "tasks")
    await tasks.put({"title": "new"}, key="t1")
    assert await tasks.items() == {"t1": {"title": "new"}}


@pytest.mark.parametrize("key", [None, "t1"])
async def test_what_is_gone_can_be_erased_and_that_is_told(database, storage, key) -> None:
    tasks = await database.collection("tasks")
    await tasks.put({"title": "secret"}, key="t1")
    assert (await database.erase("tasks", key)).found
    assert not (await database.erase("tasks", key)).found
    await tasks.put({"title": "secret"}, key="t1")
    await tasks.put({"title": "kept"}, key="t2")
    await tasks.delete("t1")
    assert (await database.erase("tasks", key)).found == (key is None)
    assert b"secret" not in await stored_bytes(storage, "tasks")
    await tasks.put({"title": "secret"}, key="t1")
    await database.drop("tasks")
    assert not (await database.erase("tasks", key)).found
    assert history_of((await storage.load("tasks")).remains).number == 4 * ERASURE


@pytest.mark.parametrize("key", [None, "t1"])
async def test_a_collection_that_never_was_is_not_erased(database, storage, key) -> None:
    with pytest.raises(
        ValidationError, match="no collection 'task' here, and none was deleted: nothing was there"
    ):
        await database.erase("task", key)
    assert (await storage.standing("task")).remains == b""


async def test_what_cannot_be_read_counts_as_there(database, storage) -> None:
    await storage.append([Commit("n", 1, "tasks", b"\x01\x01\x01", (), 1.0)])
    with pytest.raises(CollectionUnloadable, match="no record of it can be erased alone"):
        await database.erase("tasks", "t1")
    assert (await database.erase("tasks")).found


async def test_erasures_count_above_all_deletions() -> None:
    here = History(7, "a")
    assert here.erased("b") > here.next("z").next("z")
    assert here.erased("b").erases(here)
    assert here.erased("b").next("c").erases(here)
    assert not here.next("b").erases(here)
    assert not here.erased("c").erases(here.erased("b"))


async def test_streams_and_live_queries_go_on_with_what_stays(database) -> None:
    tasks = await database.collection("tasks")
    await tasks.put({"title": "secret"}, key="gone")
    await tasks.put({"title": "kept"}, key="kept")
    async with tasks.changes() as stream, database.live(pb.Query("tasks")) as live:
        await database.erase("tasks", "gone")
        changes = [await anext(stream) for _ in range(2)]
        assert [(change.kind, change.key) for change in changes] == [("reset", None), ("insert", "kept")]
        await tasks.put({"title": "more"}, key="more")
        while [row["_key"] for row in rows_of(live)] != ["kept", "more"]:
            await anext(live)


def rows_of(live: pb.Live) -> list[dict[str, object]]:
    try:
        return live.rows
    except pb.Unavailable:
        return []


@pytest.mark.parametrize("key", [None, "gone"])
async def test_a_copy_does_not_bring_it_back(database, storage, yjs, key) -> None:
    tasks = await database.collection("tasks")
    await tasks.put({"title": "secret"}, key="gone")
    tab = await yjs("tasks")
    tab.doc.get("t", type=Text).insert(0, "typed")
    await tab.send()
    await settle()
    await database.erase("tasks", key)
    await settle()
    assert tab.resynced
    back = YjsClient(await database.ref("tasks"))
    back.doc.apply_update(tab.doc.get_update())
    back.doc.get("t", type=Text).insert(0, "secret of before")
    await back.sync()
    await back.send()
    await settle()
    assert isinstance(back.rejected, CollectionDropped)
    assert b"secret" not in await stored_bytes(storage, "tasks")
    fresh = await yjs("tasks")
    assert str(fresh.doc.get("t", type=Text)) == ("" if key is None else "typed")


async def test_what_would_not_show_the_same_is_not_stored(database, storage, monkeypatch) -> None:
    tasks = await database.collection("tasks")
    await tasks.put({"title": "a"}, key="a")
    await tasks.put({"title": "b"}, key="b")
    before = await storage.load("tasks")
    monkeypatch.setattr("protobase_live.collection.erasing.erased", lambda *given: b"\x00\x00")
    with pytest.raises(StorageFailed, match="nothing was erased"):
        await database.erase("tasks", "a")
    assert await storage.load("tasks") == before
    assert set(await tasks.items()) == {"a", "b"}


async def test_a_large_collection_is_made_anew_by_a_process_of_its_own(database, storage) -> None:
    tasks = await database.collection("tasks")
    for n in range(40):
        await tasks.put({"title": f"title {n} " * 100}, key=f"t{n}")
    await tasks.put({"title": "secret"}, key="gone")
    await database.erase("tasks", "gone")
    assert len(await tasks.items()) == 40
    assert b"secret" not in await stored_bytes(storage, "tasks")
