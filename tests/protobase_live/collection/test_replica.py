"""Commits of several nodes in one collection: each once, as it is, behind all that it was made on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from random import Random
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycrdt import Doc, Map

import protobase_live as pb
from protobase_actors import ManualClock
from protobase_live.collection.fold import fold
from protobase_live.collection.limits import DEFAULT_LIMITS, Limits
from protobase_live.collection.messages import Install, Replicate, Replicated
from protobase_live.collection.replica import RUN_COMMITS, Replica
from protobase_live.database.database import Database
from protobase_live.errors import MalformedUpdate, ValidationError
from protobase_storage import Commit, Loaded, MemoryStorage, Snapshot, covers, follows, join
from tests.protobase_live.conftest import YjsClient, settle

T = TypeVar("T")

NAME = "tasks"
QUERY = pb.Query(NAME).where(pb.F.n >= 3).order_by("n", "_key")


async def soon(work: Coroutine[Any, Any, T]) -> T:
    """What must come of what has happened already."""
    task = asyncio.ensure_future(work)
    for _ in range(1_000):
        if task.done():
            break
        await asyncio.sleep(0)
    if not task.done():
        task.cancel()
    assert task.done(), "nothing is told"
    return task.result()


class Kept(MemoryStorage):
    """A memory storage that outlives its database."""

    async def close(self) -> None:
        pass


class Node:
    """One node: a database that can be restarted, a reader of its changes, and a live query."""

    def __init__(self, number: int, limits: Limits = DEFAULT_LIMITS) -> None:
        self.storage = Kept(make_identity=lambda: f"node{number}")
        self._number, self._limits = number, limits
        self.told: dict[str, object] = {}
        self.cursor: str | None = None
        self._starts = 0

    async def start(self) -> None:
        self._starts += 1
        random = Random(f"{self._number} {self._starts}")
        self.clock = ManualClock()
        self.database = Database(self.storage, clock=self.clock, random=random, limits=self._limits)
        self.tasks = await self.database.collection(NAME)
        self.stream = self.tasks.changes(since=self.cursor)
        await self.stream.__aenter__()
        self.live = self.database.live(QUERY)
        await self.live.__aenter__()

    async def stop(self) -> None:
        await self.read()
        await self.live.__aexit__(None, None, None)
        self.stream.close()
        await self.database.close()

    async def write(self, key: str, n: int | None) -> None:
        if n is not None:
            await self.tasks.put({"n": n}, key=key)
        elif await self.tasks.get(key) is not None:
            await self.tasks.delete(key)

    async def loaded(self) -> Loaded:
        return await self.storage.load(NAME)

    async def replicate(self, commits: Sequence[Commit]) -> Replicated:
        answer = await (await self.database.ref(NAME)).ask(Replicate(commits))
        assert isinstance(answer, Replicated)
        return answer

    async def install(self, snapshot: Snapshot) -> None:
        await (await self.database.ref(NAME)).ask(Install(snapshot))

    async def records(self) -> dict[str, object]:
        return dict(await self.tasks.items())

    async def read(self) -> None:
        """Follow the changes up to now: what is told is what is there."""
        records = await self.records()
        while self.told != records:
            for change in await soon(self.stream.batch(100)):
                if change.kind == "reset":
                    self.told.clear()
                elif change.after is None:
                    del self.told[change.key]
                else:
                    assert self.told.get(change.key) == change.before
                    self.told[change.key] = change.after
        self.cursor = self.stream.cursor


class Cluster:
    """Three nodes that are told each other's commits in whatever way."""

    def __init__(self) -> None:
        self.nodes = [Node(n) for n in range(3)]
        self.all: dict[tuple[str, int], Commit] = {}

    async def step(self, step: tuple) -> None:
        match step:
            case ("write", at, key, n):
                await self.nodes[at].write(key, n)
            case ("restart", at):
                await self.nodes[at].stop()
                await self.nodes[at].start()
            case ("snapshot", source, target):
                loaded = await self.nodes[source].loaded()
                snapshot = Snapshot(NAME, fold(loaded.updates), loaded.vector, 0.0)
                await self.nodes[target].install(snapshot)
            case ("send", source, target, order, lost):
                await self.learn()
                commits = list((await self.nodes[source].loaded()).commits)
                Random(order).shuffle(commits)
                await self.nodes[target].replicate([*commits[lost:], *commits[lost : lost + 2]])
            case ("read", at):
                await self.nodes[at].read()

    async def learn(self) -> None:
        """Keep every commit, as it was when it was first seen: it is the same everywhere."""
        for node in self.nodes:
            for commit in (await node.loaded()).commits:
                assert self.all.setdefault((commit.origin, commit.sequence), commit) == commit

    async def heal(self) -> None:
        """All send each other what they lack, in one order."""
        await self.learn()
        for node in self.nodes:
            answer = await node.replicate(list(self.all.values()))
            assert answer.held == 0

    def model(self) -> dict[str, object]:
        """The records by another engine, which is given all commits in one causal order."""
        doc, vector, left = Doc(), {}, list(self.all.values())
        while left:
            commit = next(each for each in left if follows(vector, each))
            left.remove(commit)
            doc.apply_update(commit.update)
            vector = join(vector, {commit.origin: commit.sequence})
        return records_of(doc)


def records_of(doc: Doc) -> dict[str, object]:
    return {key: value.to_py() for key, value in doc.get("records", type=Map).items()}


def rows_of(records: dict[str, dict]) -> list[dict]:
    """What the query is to answer."""
    found = sorted((row["n"], key) for key, row in records.items() if row["n"] >= 3)
    return [{**records[key], "_key": key} for _, key in found]


nodes = st.integers(0, 2)
steps = st.one_of(
    st.tuples(st.just("write"), nodes, st.sampled_from("abc"), st.none() | st.integers(0, 6)),
    st.tuples(st.just("write"), nodes, st.sampled_from("abc"), st.integers(0, 6)),
    st.tuples(st.just("send"), nodes, nodes, st.integers(0, 9), st.integers(0, 3)),
    st.tuples(st.just("restart"), nodes),
    st.tuples(st.just("read"), nodes),
    st.tuples(st.just("snapshot"), nodes, nodes),
)


async def _until_rows(live, rows: list[dict]) -> None:
    while list(live.rows) != rows:
        await soon(anext(live))


@pytest.fixture
async def trio():
    nodes = [Node(n) for n in range(3)]
    for node in nodes:
        await node.start()
    yield nodes
    for node in nodes:
        await node.database.close()


async def commits(node: Node) -> tuple[Commit, ...]:
    return (await node.loaded()).commits


async def test_a_commit_is_stored_and_passed_on_as_it_is(trio: Sequence[Node]) -> None:
    first, second, third = trio
    await first.write("a", 1)
    (made,) = await commits(first)
    answer = await second.replicate([made])
    assert (await commits(second), answer) == ((made,), Replicated({made.origin: 1}, 0))
    assert await second.replicate([made]) == answer
    await third.replicate(await commits(second))
    assert await commits(third) == (made,)


async def test_a_commit_says_what_it_was_made_on_and_comes_later(trio: Sequence[Node]) -> None:
    first, second, _ = trio
    await first.write("a", 1)
    (made,) = await commits(first)
    late = replace(made, time=made.time + 3_000)
    await second.replicate([late])
    await second.write("a", 2)
    _, on_it = await commits(second)
    assert (on_it.after, on_it.sequence) == ({made.origin: 1}, 1)
    assert on_it.time > late.time


async def test_a_commit_waits_for_what_it_was_made_on(trio: Sequence[Node]) -> None:
    first, second, third = trio
    await first.write("a", 1)
    await second.replicate(await commits(first))
    await second.write("a", 2)
    made, on_it = await commits(second)
    assert await third.replicate([on_it, on_it]) == Replicated({}, 1)
    assert (await commits(third), await third.records()) == ((), {})
    assert await third.replicate([made]) == Replicated({made.origin: 1, on_it.origin: 1}, 0)
    assert (await commits(third), await third.records()) == ((made, on_it), {"a": {"n": 2}})


async def test_what_waits_is_bounded(trio: Sequence[Node]) -> None:
    first, *_ = trio
    for n in range(20):
        await first.write("a", n)
    small = Node(7, Limits(held_commit_bytes=5_000))
    await small.start()
    answer = await small.replicate((await commits(first))[1:])
    assert 0 < answer.held < 19
    for _ in range(3):  # who sent them looks at the vector, and sends again what is lacking
        answer = await small.replicate(
            [each for each in await commits(first) if not covers(answer.vector, each)]
        )
    assert await small.records() == await first.records()
    await small.database.close()


async def test_no_limit_of_writing_refuses_a_commit(trio: Sequence[Node]) -> None:
    first, *_ = trio
    await first.write("a", 1)
    small = Node(7, Limits(document_bytes=1))
    await small.start()
    await small.replicate(await commits(first))
    assert await small.records() == {"a": {"n": 1}}
    await small.database.close()


async def test_a_commit_of_another_history_is_refused(trio: Sequence[Node]) -> None:
    first, second, _ = trio
    await first.write("a", 1)
    (made,) = await commits(first)
    await second.replicate([made])
    copied = replace(made, origin=made.origin.partition("/")[0] + "/elsewhere")
    with pytest.raises(ValidationError, match="another history"):
        await second.replicate([copied])
    with pytest.raises(ValidationError, match="another history"):
        await second.install(Snapshot(NAME, made.update, {copied.origin: 1}, 0.0))
    assert await commits(second) == (made,)


async def test_a_commit_that_is_none_fails_alone(trio: Sequence[Node]) -> None:
    """What came before it is stored, and the collection goes on."""
    first, second, _ = trio
    await first.write("a", 1)
    await first.write("a", 2)
    made, next_one = await commits(first)
    with pytest.raises(MalformedUpdate, match=f"{next_one.origin}:2"):
        await second.replicate([made, replace(next_one, update=b"nonsense")])
    assert (await commits(second), await second.records()) == ((made,), {"a": {"n": 1}})
    await second.read()
    await second.replicate([next_one])
    assert await second.records() == {"a": {"n": 2}}
    with pytest.raises(MalformedUpdate):
        await second.install(Snapshot(NAME, b"nonsense", {"other/1": 1}, 0.0))
    assert await second.records() == {"a": {"n": 2}}


async def test_what_an_editor_sent_too_early_is_its_own_commit(trio: Sequence[Node]) -> None:
    """What a commit makes fit is no part of that commit."""
    first, second, _ = trio
    await first.write("a", 1)
    (made,) = await commits(first)
    doc = Doc()
    doc.apply_update(made.update)
    state = doc.get_state()
    doc.get("records", type=Map)["a"]["n"] = 5.0
    editor = YjsClient(await second.database.ref(NAME), author="ann")
    await editor.sync()
    editor._edits = [doc.get_update(state)]
    await editor.send()
    await settle()
    assert (await commits(second), editor.rejected) == ((), None)
    await second.replicate([made])
    assert await second.records() == {"a": {"n": 5}}
    copied, own = await commits(second)
    assert (copied, own.origin.partition("/")[0], own.parts[0].author) == (made, "node1", "ann")


async def test_a_snapshot_takes_the_place_of_many_commits(trio: Sequence[Node]) -> None:
    """What is only here stays; a stream is told `reset`, a live query the differences."""
    first, second, _ = trio
    for n in range(5):
        await first.write("a", n)
    await second.write("b", 6)
    loaded = await first.loaded()
    await second.install(Snapshot(NAME, fold(loaded.updates), loaded.vector, 0.0))
    stored = await second.loaded()
    assert (stored.commits, len(stored.vector)) == ((), 2)
    await second.read()
    assert second.told == {"a": {"n": 4}, "b": {"n": 6}}
    await _until_rows(second.live, [{"n": 4, "_key": "a"}, {"n": 6, "_key": "b"}])
    await first.replicate([])
    await first.install(stored.snapshot)
    assert (await first.loaded()).vector == stored.vector


async def test_a_transaction_over_several_collections_says_so(trio: Sequence[Node]) -> None:
    first, *_ = trio
    async with first.database.transaction() as tx:
        for name in ("tasks", "audit"):
            tx[name].insert({"n": 1}, key="a")
        await tx["third"].get("a")
    made = [(await first.storage.load(name)).commits[0] for name in ("audit", "tasks")]
    assert made[0].joint == made[1].joint
    assert made[0].joint is not None
    assert made[0].joint.collections == ("audit", "tasks")
    assert made[0].joint.id == f"{made[0].origin}:1"
    await first.write("b", 1)
    assert (await commits(first))[-1].joint is None


@given(st.lists(steps, min_size=4, max_size=40))
@settings(max_examples=60, deadline=None)
def test_any_history_of_three_nodes_ends_in_agreement(history: list[tuple]) -> None:
    asyncio.run(_agree(history))


async def _agree(history: list[tuple]) -> None:
    cluster = Cluster()
    for node in cluster.nodes:
        await node.start()
    for step in history:
        await cluster.learn()
        await cluster.step(step)
    await cluster.heal()
    wanted = cluster.model()
    loaded = [await node.loaded() for node in cluster.nodes]
    assert loaded[0].vector == loaded[1].vector == loaded[2].vector
    for node, stored in zip(cluster.nodes, loaded, strict=True):
        assert await node.records() == wanted
        await _until_rows(node.live, rows_of(wanted))
        await node.stop()
        assert node.told == wanted
        doc = Doc()
        for update in stored.updates:
            doc.apply_update(update)
        assert records_of(doc) == wanted


async def test_what_nobody_follows_is_applied_as_one_and_stored_as_it_came(monkeypatch) -> None:
    first, storage = Node(1), Kept(make_identity=lambda: "second")
    await first.start()
    for n in range(RUN_COMMITS + 5):
        await first.write(f"k{n}", n)
    commits = (await first.loaded()).commits
    alone: list[Commit] = []
    apply = Replica.apply
    monkeypatch.setattr(
        Replica, "apply", lambda replica, commit: alone.append(commit) or apply(replica, commit)
    )
    second = Database(storage, clock=ManualClock(), random=Random(2))
    ref = await second.ref(NAME)
    answer = await ref.ask(Replicate(commits))
    assert isinstance(answer, Replicated)
    assert (answer.vector, answer.held) == ((await first.loaded()).vector, 0)
    assert (await storage.load(NAME)).commits == commits
    assert dict(await (await second.collection(NAME)).items()) == await first.records()
    assert (await second.state_hash(NAME)).hash == (await first.database.state_hash(NAME)).hash
    assert alone == []
    await first.stop()
    await second.close()


async def test_one_of_them_that_cannot_be_read_fails_with_what_is_behind_it() -> None:
    first = Node(1)
    await first.start()
    for n in range(4):
        await first.write(f"k{n}", n)
    commits = (await first.loaded()).commits
    second = Database(Kept(make_identity=lambda: "second"), clock=ManualClock(), random=Random(2))
    ref, tasks = await second.ref(NAME), await second.collection(NAME)
    with pytest.raises(MalformedUpdate, match=":3 of 'tasks' cannot be read"):
        await ref.ask(Replicate([*commits[:2], replace(commits[2], update=b"nonsense"), commits[3]]))
    assert sorted(dict(await tasks.items())) == ["k0", "k1"]
    await ref.ask(Replicate(commits))
    assert sorted(dict(await tasks.items())) == ["k0", "k1", "k2", "k3"]
    await first.stop()
    await second.close()
