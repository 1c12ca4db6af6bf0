"""Change streams over the wire: what is too large to be told, and what goes on behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

import protobase_live as pb
from protobase_live.protocol.live.limits import LiveLimits

LIMITS = replace(LiveLimits(), answer_bytes=100_000, text_chars=1_000)


@pytest.fixture
async def remote() -> AsyncIterator[tuple[pb.Database, pb.RemoteDatabase]]:
    async with (
        pb.open("memory:") as database,
        pb.Server(database, port=0, live_limits=LIMITS) as server,
        pb.connect(server.url) as connected,
    ):
        yield database, connected


async def test_nothing_comes_before_it_is_entered(remote) -> None:
    notes = await remote[1].collection("notes")
    for each in (notes.changes(), notes.presence({})):
        with pytest.raises(pb.Closed, match="is not open: use 'async with'"):
            await asyncio.wait_for(anext(each), 5.0)


async def test_a_keystroke_in_a_long_text_costs_what_it_says(remote) -> None:
    database, connected = remote
    text = (await database.collection("notes")).text("body")
    await text.append("é" * 49_000 + "abc" + "é" * 997)
    async with (await connected.collection("notes")).changes() as changes:
        await text.insert(10, "one")
        await text.delete(49_004, 2)
        told = [await anext(changes) for _ in range(2)]
    assert [(c.splice, c.omitted, c.before, c.after) for c in told] == [
        ((10, 0, "one"), ("before", "after"), None, None),
        ((49_004, 2, ""), ("before", "after"), None, None),
    ]


async def test_a_short_text_is_told_whole_and_with_its_splice(remote) -> None:
    database, connected = remote
    text = (await database.collection("notes")).text("body")
    await text.append("hello")
    for source in (database, connected):
        async with (await source.collection("notes")).changes() as changes:
            await text.insert(4, "l")
            told = await anext(changes)
            await text.delete(4, 1)
        assert (told.before, told.after, told.splice, told.omitted) == ("hello", "helllo", (4, 0, "l"), ())


async def test_a_change_that_is_too_large_does_not_end_a_stream(remote) -> None:
    database, connected = remote
    tasks = await database.collection("tasks")
    await tasks.insert({"title": "first", "picture": b"x" * 60_000}, key="a")
    async with (await connected.collection("tasks")).changes() as changes:
        await tasks.update("a", title="second")
        await tasks.insert({"picture": b"x" * 200_000}, key="b")
        await tasks.insert({"n": 1}, key="c")
        told = [await anext(changes) for _ in range(3)]
        cursors = [change.cursor for change in told]
    assert [(c.key, c.kind, c.omitted) for c in told] == [
        ("a", "update", ("before",)),
        ("b", "insert", ("before", "after")),
        ("c", "insert", ()),
    ]
    assert told[0].after == {"title": "second", "picture": b"x" * 60_000}
    async with (await connected.collection("tasks")).changes(since=cursors[0]) as changes:
        again = [await anext(changes) for _ in range(2)]
    assert [c.cursor for c in again] == cursors[1:]
