"""Deleting a collection: what its readers, its Yjs clients and whoever writes next find out."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Mapping, Sequence

import pytest
from pycrdt import Doc, Text

import protobase_live as pb
from protobase_actors import Clock
from protobase_live.collection import folding
from protobase_live.collection.fold import fold
from protobase_live.collection.former import FIRST, FORMER_CLIENTS, Former, remains_of
from protobase_live.collection.limits import Limits
from protobase_live.collection.messages import Drop, Leave, Sync, Updates
from protobase_live.errors import CollectionDropped, CollectionUnloadable, StorageFailed
from protobase_live.model.operations import RECORDS, Read
from protobase_live.protocol.yjs.state_vector import decode_state_vector
from protobase_storage import Commit, Loaded, StorageError
from protobase_storage.contract import MAX_REMAINS_BYTES
from tests.protobase_live.conftest import YjsClient, settle


async def test_it_is_gone_and_can_be_made_again(database, storage) -> None:
    tasks = await database.collection("tasks")
    await tasks.put({"n": 1}, key="old")
    await database.drop("tasks")
    assert await database.collections() == []
    assert await tasks.items() == {}
    await tasks.put({"n": 2}, key="new")
    assert await tasks.items() == {"new": {"n": 2}}
    assert [info.name for info in await database.collections()] == ["tasks"]


async def test_what_was_never_there_can_be_dropped(database, storage) -> None:
    await database.drop("tasks")
    assert (await storage.load("tasks")).remains == b""


@pytest.mark.parametrize("later", range(5))
async def test_streams_and_live_queries_are_told(database, later: int) -> None:
    """One that goes on while it is deleted, and one that comes back when something else is there."""
    tasks, query = await database.collection("tasks"), pb.Query("tasks")
    async with tasks.changes() as open_stream, database.live(query) as open_live:
        for n in range(3):
            await tasks.put({"n": n}, key=f"old{n}")
            cursor = (await anext(open_stream)).cursor
        live_cursor, rows = open_live.cursor, open_live.rows
        await database.drop("tasks")
        for n in range(later):
            await tasks.put({"n": n}, key=f"new{n}")
        keys = [f"new{n}" for n in range(later)]
        assert [(await anext(open_stream)).kind for _ in range(later + 1)] == ["reset"] + ["insert"] * later
        async with tasks.changes(since=cursor) as stream:
            assert [(await anext(stream)).key for _ in range(later + 1)] == [None, *keys]
        async with database.live(query, since=live_cursor, rows=rows) as live:
            assert [row["_key"] for row in live.rows] == keys
        while [row["_key"] for row in open_live_rows(open_live)] != keys:
            await anext(open_live)


def open_live_rows(live: pb.Live) -> list[dict[str, object]]:
    """The rows; those of before while the collection is loaded again."""
    try:
        return live.rows
    except pb.Unavailable:
        return []


async def test_a_copy_does_not_bring_it_back(database, yjs) -> None:
    tasks = await database.collection("tasks")
    await tasks.text("t").append("seeded")
    tab = await yjs("tasks")
    tab.doc.get("t", type=Text).insert(0, "typed, ")
    await tab.send()
    await settle()
    await database.drop("tasks")
    await settle()
    assert tab.resynced, "who is there when it is deleted has to begin again"
    await tasks.text("t").append("seeded")
    back = YjsClient(await database.ref("tasks"))
    back.doc.apply_update(tab.doc.get_update())
    await back.sync()
    await back._ref.tell(Updates(back, [back.doc.get_update()]))
    await settle()
    assert isinstance(back.rejected, CollectionDropped)
    assert back.answers == []
    assert await tasks.text("t").value() == "seeded"


async def test_a_copy_sent_in_the_same_breath_is_not_taken(database, yjs) -> None:
    tab = await yjs("tasks")
    tab.doc.get("t", type=Text).insert(0, "typed")
    await tab.send()
    await database.drop("tasks")
    ref = await database.ref("tasks")
    back = YjsClient(ref)
    ref.try_tell(Updates(back, [tab.doc.get_update()]))
    ref.try_tell(Sync(back, decode_state_vector(tab.doc.get_state())))
    await settle()
    assert isinstance(back.rejected, CollectionDropped)
    assert await (await database.collection("tasks")).text("t").value() == ""


class Refused:
    """A Yjs client that hears no more than that."""

    author = None
    echo = False

    def reject(self, error: pb.ProtoBaseError) -> None: ...


async def test_who_was_refused_and_has_left_is_forgotten(database, yjs) -> None:
    tab = await yjs("tasks")
    tab.doc.get("t", type=Text).insert(0, "typed")
    await tab.send()
    await database.drop("tasks")
    ref, back = await database.ref("tasks"), Refused()
    gone = weakref.ref(back)
    await ref.tell(Sync(back, decode_state_vector(tab.doc.get_state())))
    await ref.tell(Leave(back))
    await settle()
    del back
    gc.collect()
    assert gone() is None


async def test_who_has_nothing_of_it_is_welcome(database, yjs) -> None:
    tasks = await database.collection("tasks")
    await tasks.put({"n": 1}, key="old")
    await database.drop("tasks")
    tab = await yjs("tasks")
    tab.doc.get("t", type=Text).insert(0, "fresh")
    await tab.send()
    await settle()
    assert tab.rejected is None
    assert await tasks.text("t").value() == "fresh"


async def test_copies_are_known_after_a_fold_a_restart_and_another_deletion(tmp_path) -> None:
    url, doc = f"file:{tmp_path}", Doc()
    async with pb.open(url, limits=pb.Limits(log_commits=1, retained_commits=0)) as database:
        await (await database.collection("tasks")).text("t").append("first")
        doc.apply_update(await state_of(database))
        for _ in range(2):
            await database.drop("tasks")
            for n in range(5):
                await (await database.collection("tasks")).put({"n": n}, key=f"k{n}")
    async with pb.open(url) as database:
        back = YjsClient(await database.ref("tasks"))
        await back._ref.tell(Sync(back, decode_state_vector(doc.get_state())))
        await (await database.collection("tasks")).count()
        assert isinstance(back.rejected, CollectionDropped)


async def state_of(database: pb.Database) -> bytes:
    """The collection as an update."""
    client = YjsClient(await database.ref("tasks"))
    await client.sync()
    await settle()
    return client.doc.get_update()


async def test_what_waits_behind_it_is_for_the_next_history(database, storage, monkeypatch) -> None:
    gate, delete = asyncio.Event(), storage.delete

    async def delete_later(collection: str, remains: bytes = b"") -> None:
        await gate.wait()
        await delete(collection, remains)

    monkeypatch.setattr(storage, "delete", delete_later)
    tasks = await database.collection("tasks")
    await tasks.put({"n": 1}, key="old")
    ref = await database.ref("tasks")
    dropped = ref.try_ask(Drop())
    await settle()
    asked = asyncio.ensure_future(database.read("tasks", Read(RECORDS, "count")))
    written = asyncio.ensure_future(tasks.put({"n": 2}, key="new"))
    told = YjsClient(ref)
    ref.try_tell(Sync(told, {}))
    await settle()
    gate.set()
    await dropped
    assert await asked in (0, 1)
    await written
    assert told.resynced
    assert told.answers == []
    assert await tasks.keys() == ["new"]


@pytest.mark.parametrize("limits", [Limits(log_commits=1, retained_commits=0)])
async def test_a_fold_under_way_does_not_bring_it_back(database, storage, monkeypatch) -> None:
    """One that is ready just when the storage has deleted everything."""
    deleted, delete = asyncio.Event(), storage.delete

    async def fold_late(updates: Sequence[bytes], clock: Clock, limits: Limits) -> bytes:
        await deleted.wait()
        return fold(updates)

    async def delete_and_tell(collection: str, remains: bytes = b"") -> None:
        await delete(collection, remains)
        deleted.set()
        await settle()

    monkeypatch.setattr(folding, "fold_aside", fold_late)
    monkeypatch.setattr(storage, "delete", delete_and_tell)
    tasks = await database.collection("tasks")
    for n in range(3):
        await tasks.put({"n": n}, key=f"old{n}")
    await database.drop("tasks")
    assert (await storage.load("tasks")).snapshot is None
    assert await tasks.count() == 0


async def test_a_deletion_that_fails_leaves_it_as_it_was(database, storage, monkeypatch) -> None:
    async def fail(collection: str, remains: bytes = b"") -> None:
        raise StorageError("the disk is gone")

    tasks = await database.collection("tasks")
    await tasks.put({"n": 1}, key="old")
    monkeypatch.setattr(storage, "delete", fail)
    with pytest.raises(StorageFailed, match="the disk is gone"):
        await database.drop("tasks")
    await tasks.put({"n": 2}, key="new")
    assert await tasks.count() == 2


async def test_a_collection_that_cannot_be_loaded_can_be_dropped(database, storage) -> None:
    await storage.append([Commit("x", 1, "tasks", b"\x01\x01\x01", (), 1.0)])
    with pytest.raises(CollectionUnloadable):
        await database.read("tasks", Read(RECORDS, "count"))
    await database.drop("tasks")
    assert await (await database.collection("tasks")).count() == 0


def test_content_that_many_documents_begin_with_is_no_copy() -> None:
    """Programs give it a small client id, so that it is the same in every document."""
    remains = Former().remains({1: 5, 2**31: 3}, FIRST.next("h"))
    assert not Former(remains).has_left({1: 5, 2**30: 2}, {})
    assert Former(remains).has_left({1: 5, 2**31: 1}, {})


def test_what_is_remembered_of_what_nobody_has_loaded() -> None:
    doc: Doc = Doc(client_id=2**31)
    doc.get("t", type=Text).insert(0, "typed")
    good = Commit("n", 1, "c", doc.get_update(), (), 1.0)
    earlier = Former().remains({2**30: 1}, FIRST.next("h"))
    remains = remains_of(Loaded(None, (good, Commit("n", 2, "c", b"\x01\x01\x01", (), 1.0)), earlier), "i")
    assert Former(remains).has_left(doc_state(doc), {})
    assert Former(remains).has_left({2**30: 1}, {})


def doc_state(doc: Doc) -> Mapping[int, int]:
    return decode_state_vector(doc.get_state())


def test_what_is_remembered_is_bounded() -> None:
    vector = {2**53 - n: 2**53 - 1 - n for n in range(1, 2 * FORMER_CLIENTS)}
    remains = Former(Former().remains(vector, FIRST.next("h"))).remains({1: 1}, FIRST.next("h"))
    assert len(remains) <= MAX_REMAINS_BYTES
    assert Former(remains).has_left({2**53 - 1: 5}, {})
    assert not Former(remains).has_left({2**53 - 1: 5}, {2**53 - 1: 5})
    assert not Former(remains).has_left({1: 1}, {})
