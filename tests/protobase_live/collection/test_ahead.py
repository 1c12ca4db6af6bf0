"""A reader with another node's cursor waits for what that names, and goes on without a miss or a repeat."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import protobase_live as pb
from protobase_live.collection.fold import fold
from protobase_live.model.change import Change
from protobase_live.model.cursor import Cursor
from protobase_storage import Snapshot
from tests.protobase_live.collection.test_replica import NAME, QUERY, Cluster, Node, commits, nodes, rows_of

SECONDS = pb.Limits().ahead_seconds


@pytest.fixture
async def pair() -> AsyncIterator[Sequence[Node]]:
    pair = [Node(n) for n in range(2)]
    for node in pair:
        await node.start()
    yield pair
    for node in pair:
        await node.database.close()


async def cursor_of(node: Node) -> str:
    await node.read()
    assert node.cursor is not None
    return node.cursor


@asynccontextmanager
async def reading(node: Node, since: str) -> AsyncIterator[Callable[[], list[tuple[str, object]]]]:
    """What a stream at a node tells; asked for, and read on, in a task of its own."""
    told: list[tuple[str, object]] = []

    async def read() -> None:
        async with node.tasks.changes(since=since) as stream:
            async for change in stream:
                told.append((change.kind, change.key))

    task = asyncio.ensure_future(read())
    await node.clock.settle()
    yield lambda: told
    await _give_up(task)


async def test_a_stream_goes_on_when_what_its_cursor_names_has_come(pair: Sequence[Node]) -> None:
    first, second = pair
    await first.write("a", 1)
    await first.write("b", 1)
    cursor = await cursor_of(first)
    await second.write("own", 1)
    async with reading(second, cursor) as told:
        await second.replicate((await commits(first))[:1])
        await second.clock.advance(SECONDS - 1)
        assert told() == []
        await second.replicate(await commits(first))
        await second.clock.settle()
        assert told() == [("insert", "own")]
        await second.write("more", 1)
        await second.clock.settle()
        assert told()[1:] == [("insert", "more")]


async def test_after_a_while_it_is_told_reset(pair: Sequence[Node]) -> None:
    first, second = pair
    await first.write("a", 1)
    cursor = await cursor_of(first)
    await second.write("own", 1)
    async with reading(second, cursor) as told:
        await second.clock.advance(SECONDS - 0.1)
        assert told() == []
        await second.clock.advance(0.2)
        assert told() == [("reset", None), ("insert", "own")]
        await second.replicate(await commits(first))
        await second.clock.settle()
        assert told()[2:] == [("insert", "a")]


@pytest.mark.parametrize("seconds", [0.0, 1.0])
async def test_how_long_that_is_can_be_set(seconds: float) -> None:
    node = Node(7, pb.Limits(ahead_seconds=seconds))
    await node.start()
    async with reading(node, Cursor({"other/t": 1}).encode()) as told:
        assert bool(told()) is (seconds == 0)
        await node.clock.advance(seconds + 0.1)
        assert told() == [("reset", None)]
    await node.database.close()


async def test_a_commit_that_was_begun_is_awaited(pair: Sequence[Node]) -> None:
    first, second = pair
    async with first.database.transaction() as tx:
        for key in "abc":
            tx[NAME].insert({"n": 1}, key=key)
    half = (await first.stream.batch(1))[0].cursor
    await second.write("own", 1)
    async with reading(second, half) as told:
        assert told() == []
        await second.replicate(await commits(first))
        await second.clock.settle()
        assert told() == [("insert", "b"), ("insert", "c"), ("insert", "own")]


@pytest.mark.parametrize("origin", ["node1/lost", "node0/elsewhere"])
async def test_what_can_never_come_is_a_reset_at_once(pair: Sequence[Node], origin: str) -> None:
    first, second = pair
    await first.write("a", 1)
    await second.replicate(await commits(first))
    async with reading(second, Cursor({origin: 1}).encode()) as told:
        assert told() == [("reset", None), ("insert", "a")]


async def test_a_snapshot_brings_it_too(pair: Sequence[Node]) -> None:
    first, second = pair
    await first.write("a", 1)
    cursor = await cursor_of(first)
    async with reading(second, cursor) as told:
        loaded = await first.loaded()
        await second.install(Snapshot(NAME, fold(loaded.updates), loaded.vector, 0.0))
        await second.write("own", 1)
        await second.clock.settle()
        assert told() == [("insert", "own")]


async def test_the_end_of_the_collection_ends_the_wait(pair: Sequence[Node]) -> None:
    first, second = pair
    await first.write("a", 1)
    cursor = await cursor_of(first)
    await second.write("own", 1)
    async with reading(second, cursor) as told:
        await second.database.drop(NAME)
        await second.clock.settle()
        assert told() == [("reset", None)]


async def test_who_was_here_already_does_not_wait(pair: Sequence[Node]) -> None:
    """A collection that is deleted here has lost what a stream was told here: nobody sends that again."""
    first, second = pair
    await first.write("a", 1)
    await second.replicate(await commits(first))
    async with reading(second, await cursor_of(second)) as told:
        await second.database.drop(NAME)
        await second.clock.settle()
        assert told() == [("reset", None)]


async def test_who_leaves_while_waiting_is_let_go(pair: Sequence[Node]) -> None:
    first, second = pair
    await first.write("a", 1)
    cursor = await cursor_of(first)
    second.stream.close()
    await second.live.__aexit__(None, None, None)
    async with reading(second, cursor), watching(second, cursor_of_rows(first)):
        pass
    limits = second.database.limits
    await second.clock.advance(limits.feed_seconds + pb.ViewLimits().linger_seconds + 2 * limits.idle_seconds)
    assert second.database.actor_stats() == {}


# live queries


def cursor_of_rows(node: Node) -> tuple[str, list[Any]]:
    return node.live.cursor, list(node.live.rows)


@asynccontextmanager
async def watching(node: Node, known: tuple[str, list[Any]]) -> AsyncIterator[Callable[[], Any]]:
    """What a live query at a node tells from another's cursor and rows on: None until it begins."""
    since, rows = known
    told: list[Any] = []

    async def watch() -> None:
        async with node.database.live(QUERY, since=since, rows=rows) as live:
            told.append([])
            async for diff in live:
                told[0].append((diff.reset, [(change.kind, change.row["_key"]) for change in diff.changes]))

    task = asyncio.ensure_future(watch())
    await node.clock.settle()
    yield lambda: told[0] if told else None
    await _give_up(task)


async def test_a_live_query_goes_on_when_what_its_cursor_names_has_come(pair: Sequence[Node]) -> None:
    first, second = pair
    for n in range(3, 6):
        await first.write(f"a{n}", n)
    await first.write("unseen", 0)
    known = cursor_of_rows(first)
    async with watching(second, known) as told:
        for commit in await commits(first):
            assert told() is None
            await second.replicate([commit])
            await second.clock.settle()
        assert told() == []
        await second.write("own", 9)
        await second.clock.settle()
        assert told() == [(False, [("insert", "own")])]


async def test_after_a_while_a_live_query_gives_all_rows(pair: Sequence[Node]) -> None:
    first, second = pair
    await first.write("a", 3)
    known = cursor_of_rows(first)
    await second.write("own", 9)
    async with watching(second, known) as told:
        await second.clock.advance(SECONDS - 0.1)
        assert told() is None
        await second.clock.advance(0.2)
        assert told() == [(True, [("insert", "own")])]


async def test_a_live_query_of_a_lost_history_gives_all_rows_at_once(pair: Sequence[Node]) -> None:
    _, second = pair
    await second.write("a", 3)
    known = cursor_of_rows(second)
    await second.database.drop(NAME)
    await second.start()
    async with watching(second, known) as told:
        assert told() == [(True, [])]


async def test_while_live_queries_wait_others_of_the_same_client_go_on(pair: Sequence[Node]) -> None:
    first, second = pair
    await first.write("a", 3)
    since, _ = cursor_of_rows(first)
    share = second.database.views.share()
    waiting = [await share.watch(QUERY, since) for _ in range(pb.ViewLimits().client_queries + 1)]
    tasks = [asyncio.ensure_future(each.pull()) for each in waiting]
    await second.clock.settle()
    assert await share.query(QUERY) == []
    assert not any(task.done() for task in tasks)
    for task in tasks:
        task.cancel()


async def test_a_live_query_goes_on_only_where_its_cursor_has_a_place(pair: Sequence[Node]) -> None:
    """Here what another node has shown last came behind, or as one with, what that has not shown."""
    first, second = pair
    await first.write("a", 3)
    known = cursor_of_rows(first)
    await second.write("own", 9)
    await second.replicate(await commits(first))
    async with watching(second, known) as told:
        assert told() == [(True, [("insert", "a"), ("insert", "own")])]
    third = Node(3)
    await third.start()
    await first.write("b", 4)
    loaded = await first.loaded()
    await third.install(Snapshot(NAME, fold(loaded.updates), loaded.vector, 0.0))
    async with watching(third, known) as told:
        assert told() == [(True, [("insert", "a"), ("insert", "b")])]
    await third.database.close()


# any history


class Traveller:
    """One reader that goes on at one node after the other, whether that is behind or not."""

    def __init__(self) -> None:
        self.cursor = pb.START
        self.told: dict[object, object] = {}
        self.live: tuple[str, list[Any]] | None = None

    async def watch_at(self, node: Node) -> None:
        """Have the rows of a live query, if the node is not behind."""
        since, rows = self.live or (None, None)
        live = node.database.live(QUERY, since=since, rows=rows)
        entering = asyncio.ensure_future(live.__aenter__())
        await node.clock.settle()
        if entering.done():
            entering.result()
            assert live.rows == rows_of(await node.records())
            self.live = live.cursor, live.rows
            await live.__aexit__(None, None, None)
        await _give_up(entering)

    async def read_at(self, node: Node) -> None:
        """Read whatever there is to be read there now."""
        async with node.tasks.changes(since=self.cursor) as stream:
            task = asyncio.ensure_future(self._read(stream))
            await node.clock.settle()
            await node.clock.settle()
            await _give_up(task)

    async def _read(self, stream: Any) -> None:
        async for change in stream:
            self._take(change)
            self.cursor = stream.cursor

    def _take(self, change: Change) -> None:
        assert change.kind != "reset"
        assert self.told.get(change.key) == change.before
        if change.after is None:
            del self.told[change.key]
        else:
            self.told[change.key] = change.after


async def _give_up(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()


steps = st.one_of(
    st.tuples(st.just("write"), nodes, st.sampled_from("abc"), st.none() | st.integers(0, 6)),
    st.tuples(st.just("send"), nodes, nodes, st.integers(0, 9), st.integers(0, 3)),
    st.tuples(st.just("travel"), nodes),
)


@given(st.lists(steps, min_size=4, max_size=30))
@settings(max_examples=40, deadline=None)
@example([("write", 2, "c", 3), ("travel", 0), ("travel", 2), ("write", 0, "c", 0)])
def test_who_travels_misses_and_repeats_nothing(history: list[tuple]) -> None:
    asyncio.run(_travel(history))


async def _travel(history: list[tuple]) -> None:
    cluster, traveller = Cluster(), Traveller()
    for node in cluster.nodes:
        await node.start()
    for step in history:
        if step[0] == "travel":
            await traveller.read_at(cluster.nodes[step[1]])
            await traveller.watch_at(cluster.nodes[step[1]])
        else:
            await cluster.step(step)
    await cluster.heal()
    await traveller.read_at(cluster.nodes[0])
    await traveller.watch_at(cluster.nodes[0])
    assert traveller.told == cluster.model()
    for node in cluster.nodes:
        await node.stop()
