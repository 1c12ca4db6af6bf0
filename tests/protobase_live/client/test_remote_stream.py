"""Change streams over the wire: what is too large to be told, and what goes on behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

import protobase_live as pb
from protobase_live.cli.demo.ports import ReservedPorts
from protobase_live.model.operations import Target
from protobase_live.protocol.live.limits import LiveLimits
from tests.support.raw import type_in

LIMITS = replace(LiveLimits(), answer_bytes=100_000, text_chars=1_000)


@pytest.fixture
async def remote() -> AsyncIterator[tuple[pb.Database, pb.RemoteDatabase]]:
    async with (
        pb.open("memory:") as database,
        pb.Server(database, port=0, live_limits=LIMITS) as server,
        pb.connect(server.url) as connected,
    ):
        yield database, connected


@asynccontextmanager
async def served(folder: Path, port: int) -> AsyncIterator[pb.Server]:
    async with pb.open(f"file:{folder}") as database, pb.Server(database, port=port) as server:
        yield server


def yjs_door(server: pb.Server) -> str:
    return f"ws://127.0.0.1:{server.port}/yjs"


async def test_what_was_opened_is_told_by_the_next_server_too(tmp_path: Path) -> None:
    reserved = ReservedPorts(0, 1)
    (port,) = reserved.numbers
    async with AsyncExitStack() as stack:
        async with served(tmp_path, port) as server:
            connected = await stack.enter_async_context(pb.connect(server.url))
            notes = await connected.collection("notes")
            await notes.text("body")
            changes = await stack.enter_async_context(notes.changes())
            await type_in(yjs_door(server), "notes", "body", "a")
            assert (await anext(changes)).after == "a"
        async with served(tmp_path, port) as server:
            # Nothing but the stream has said there what was opened.
            await type_in(yjs_door(server), "notes", "body", "b")
            await notes.insert({}, key="later")
            assert (await anext(changes)).after == "ba"
    reserved.close()


async def test_it_is_told_over_again_from_a_cursor(tmp_path: Path) -> None:
    async with served(tmp_path, 0) as server, pb.connect(server.url) as connected:
        notes = await connected.collection("notes")
        async with notes.changes() as changes:
            cursor = changes.cursor
        await type_in(yjs_door(server), "notes", "body", "a")
    async with served(tmp_path, 0) as server, pb.connect(server.url) as connected:
        notes = await connected.collection("notes")
        await notes.text("body")
        async with notes.changes(since=cursor) as changes:
            assert (await anext(changes)).after == "a"


async def test_what_there_cannot_be_ends_the_stream_alone(remote) -> None:
    _, connected = remote
    tasks = await connected.collection("tasks")
    connected._link._session._opened_structures._opened[("tasks", Target("novel", ("body",)))] = None
    with pytest.raises(pb.ValidationError, match="there is no kind 'novel'"):
        async with tasks.changes():
            pass
    assert await tasks.count() == 0


async def test_nothing_comes_before_it_is_entered(remote) -> None:
    notes = await remote[1].collection("notes")
    for each in (notes.changes(), notes.presence({})):
        with pytest.raises(pb.Closed, match="is not open: use 'async with'"):
            await asyncio.wait_for(anext(each), 5.0)


async def test_a_stream_is_entered_once_and_before_it_is_read_wherever_the_database_is(remote) -> None:
    for database in remote:
        stream = (await database.collection("notes")).changes(since=pb.START)
        await (await database.collection("notes")).insert({})
        with pytest.raises(pb.Closed, match="the change stream is not open: use 'async with'"):
            await asyncio.wait_for(anext(stream), 5.0)
        async with stream:
            assert (await anext(stream)).kind == "insert"
            with pytest.raises(pb.Closed, match="a change stream is entered once"):
                await stream.__aenter__()
        with pytest.raises(pb.Closed, match="the change stream was closed"):
            await anext(stream)
        with pytest.raises(pb.Closed, match="a change stream is entered once"):
            await stream.__aenter__()


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
