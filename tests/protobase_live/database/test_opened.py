"""Opening a structure stores nothing, and its changes are told all the same."""

from __future__ import annotations

import gc

import pytest
from pycrdt import Map, Text

from protobase_live.database.opened import OpenedStructures
from protobase_live.document import Document
from protobase_live.errors import KindMismatch
from protobase_live.model.operations import Target


async def test_opening_and_reading_commit_nothing(database, storage) -> None:
    tasks = await database.collection("tasks")
    for kind in ("text", "dict", "list", "set", "counter", "hash_dict", "counted_set", "xml_fragment"):
        await getattr(tasks, kind)("source")
    assert await (await tasks.text("source")).value() == ""
    assert await tasks.count() == 0
    assert (storage.appends, await database.collections()) == ([], [])


async def test_what_a_yjs_client_wrote_is_not_taken_for_something_else(database, storage, yjs) -> None:
    ann = await yjs("tasks")
    ann.doc.get("source", type=Map)["base64"] = "AAAA"
    await ann.send()
    tasks = await database.collection("tasks")
    with pytest.raises(KindMismatch, match="'source' holds a dict, not a text"):
        await tasks.text("source")
    assert len(storage.appends) == 1
    assert await (await tasks.dict("source")).items() == {"base64": "AAAA"}


@pytest.mark.parametrize("first", ["stream", "opened"])
async def test_changes_of_what_was_opened_are_told(database, yjs, first) -> None:
    tasks, ann = await database.collection("tasks"), await yjs("tasks")
    await tasks.count()
    if first == "opened":
        await tasks.text("body")
    async with tasks.changes() as changes:
        start = changes.cursor
        if first == "stream":
            await tasks.text("body")
        seen = []
        for index, text in ((0, "hi"), (2, "!")):
            ann.doc.get("body", type=Text).insert(index, text)
            await ann.send()
            seen.append(await anext(changes))
    assert [(c.structure, c.after) for c in seen] == [("body", "hi"), ("body", "hi!")]
    async with tasks.changes(since=start) as changes:  # from the log
        assert [await anext(changes) for _ in range(2)] == seen


def test_the_oldest_are_forgotten() -> None:
    structures = OpenedStructures(2)
    body, tags, likes = (Target(k, (k,)) for k in ("text", "set", "counter"))
    for target in (body, tags, body, likes):
        structures.add("tasks", target)
    assert structures.of("tasks") == [body, likes]
    assert structures.of("others") == []


async def test_collections_that_leave_memory_are_freed(database, clock, limits) -> None:
    gc.collect()
    before = sum(isinstance(each, Document) for each in gc.get_objects())
    tasks = await database.collection("tasks")
    for n in range(5):
        await tasks.insert({"n": n}, key=f"t{n}")
        async with tasks.changes(since=None) as changes:
            cursor = changes.cursor
            await tasks.update(f"t{n}", n=-1)
            await anext(changes)
        async with tasks.changes(since=cursor) as changes:
            await anext(changes)
        await clock.advance(2 * limits.idle_seconds)
        await clock.advance(2 * limits.idle_seconds)
    assert not database.actor_stats()
    gc.collect()
    assert sum(isinstance(each, Document) for each in gc.get_objects()) == before
