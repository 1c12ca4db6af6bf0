"""Transactions of other nodes over several collections: stored in one batch, shown together or not yet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import protobase_live as pb
from protobase_actors import ManualClock
from protobase_live.collection.former import FIRST, Former, History
from protobase_live.collection.joint import commit_jointly
from protobase_live.collection.joint_replication import Answer
from protobase_live.collection.limits import DEFAULT_LIMITS, Limits
from protobase_live.collection.messages import Replicated
from protobase_live.database import home
from protobase_live.database.database import Database
from protobase_live.errors import (
    CollectionDropped,
    CollectionUnloadable,
    MalformedUpdate,
    Unavailable,
    ValidationError,
)
from protobase_live.live.view import View
from protobase_live.live.view_cursor import Steps
from protobase_live.query.language.query import Query
from protobase_storage import CollectionCorrupt, Commit, Loaded, MemoryStorage, StorageError

BOTH = Query("a").select("n").union(Query("b").select("n"), all=True)


class Recording(MemoryStorage):
    """A memory storage that remembers what was stored in one go, and can be made to fail."""

    def __init__(self, name: str) -> None:
        super().__init__(make_identity=lambda: name)
        self.batches: list[list[str]] = []
        self.corrupt: set[str] = set()
        self.slow: dict[str, asyncio.Event] = {}
        self.full = False

    def append(self, commits: Sequence[Commit]) -> asyncio.Future[None]:
        if self.full:
            failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            failed.set_exception(StorageError("the disk is gone"))
            return failed
        self.batches.append([f"{commit.collection}{commit.sequence}" for commit in commits])
        return super().append(commits)

    async def load(self, collection: str) -> Loaded:
        if collection in self.slow:
            await self.slow[collection].wait()
        if collection in self.corrupt:
            raise CollectionCorrupt(collection)
        return await super().load(collection)

    async def close(self) -> None:
        pass


class Node:
    """A database that makes transactions, and takes those of others."""

    def __init__(self, name: str, limits: Limits = DEFAULT_LIMITS) -> None:
        self.storage = Recording(name)
        self.clock = ManualClock()
        self.db = Database(self.storage, clock=self.clock, random=Random(name), limits=limits)

    async def write(self, key: str, *collections: str) -> None:
        """One transaction that writes one record in each collection."""
        async with self.db.transaction() as tx:
            for name in collections:
                tx[name].put({"n": key}, key=key)

    async def commits(self, *collections: str) -> dict[str, list[Commit]]:
        return {name: list((await self.storage.load(name)).commits) for name in collections}

    async def keys(self, collection: str) -> list[str]:
        return list(dict(await (await self.db.collection(collection)).items()))

    async def replicate(self, commits: Mapping[str, Sequence[Commit]]) -> dict[str, Answer]:
        """What comes for collections that are in memory, if they can be (those that are not: `Asleep`)."""
        for name in commits:
            if name not in self.storage.slow:
                with suppress(pb.ProtoBaseError):
                    await self.db.ref(name)
        self.storage.batches.clear()
        return await self.db.replicate(commits)


def held(answers: Mapping[str, Answer]) -> dict[str, int]:
    return {name: answer.held for name, answer in answers.items() if isinstance(answer, Replicated)}


@pytest.fixture
async def first() -> AsyncIterator[Node]:
    node = Node("first")
    yield node
    await node.db.close()


@pytest.fixture
async def second() -> AsyncIterator[Node]:
    node = Node("second")
    yield node
    await node.db.close()


async def test_its_parts_are_stored_as_one_and_shown_as_one(first: Node, second: Node, monkeypatch) -> None:
    shown: list[list[str]] = []
    tell = View.tell

    def told(view: View, causes: Steps) -> None:
        shown.append(sorted(causes))
        tell(view, causes)

    monkeypatch.setattr(View, "tell", told)
    await first.write("k", "a", "b")
    commits = await first.commits("a", "b")
    async with second.db.live(BOTH) as live:
        answers = await second.replicate(commits)
        assert shown == [["a", "b"]]
        assert second.storage.batches == [["a1", "b1"]]
        assert await second.commits("a", "b") == commits
        assert held(answers) == {"a": 0, "b": 0}
        assert [len(diff.changes) for diff in [await anext(live)]] == [2]
    assert await second.replicate(commits) == answers


async def test_what_comes_before_and_behind_it_keeps_its_place(first: Node, second: Node) -> None:
    for collections in (["a"], ["a", "b"], ["b"], ["b", "a"], ["a"]):
        await first.write(str(len(collections)) + collections[0], *collections)
    commits = await first.commits("a", "b")
    answers = await second.replicate(commits)
    assert held(answers) == {"a": 0, "b": 0}
    assert second.storage.batches == [["a1", "a2", "a3", "b1", "b2", "b3"]]
    assert await second.commits("a", "b") == commits
    assert await second.keys("a") == await first.keys("a")


async def test_many_of_them_are_stored_and_shown_as_one_and_told_to_streams_one_by_one(
    first: Node, second: Node
) -> None:
    for n in range(4):
        await first.write(f"k{n}", *("abc" if n % 2 else "ab"))
    commits = await first.commits(*"abc")
    async with second.db.live(BOTH) as live, (await second.db.collection("a")).changes() as changes:
        answers = await second.replicate(commits)
        told = [await anext(changes) for _ in range(4)]
        assert len((await anext(live)).changes) == 8
    assert [each.key for each in told] == ["k0", "k1", "k2", "k3"]
    assert len(second.storage.batches) == 1
    assert held(answers) == {"a": 0, "b": 0, "c": 0}
    assert await second.commits(*"abc") == commits


async def test_where_they_connect_too_many_collections_they_come_in_pieces(first: Node) -> None:
    await first.write("k1", "a", "b")
    await first.write("k2", "b", "c")
    narrow = Node("narrow", Limits(joint_collections=2))
    answers = await narrow.replicate(await first.commits(*"abc"))
    assert narrow.storage.batches == [["a1", "b1"], ["b2", "c1"]]
    assert held(answers) == {"a": 0, "b": 0, "c": 0}
    await narrow.db.close()


async def test_one_that_cannot_be_read_leaves_no_part_of_those_behind_it(first: Node, second: Node) -> None:
    for n in range(3):
        await first.write(f"k{n}", "a", "b")
    commits = await first.commits("a", "b")
    broken = [commits["b"][0], replace(commits["b"][1], update=b"nonsense"), commits["b"][2]]
    answers = await second.replicate({**commits, "b": broken})
    assert isinstance(answers["b"], MalformedUpdate)
    assert (await second.keys("a"), await second.keys("b")) == (["k0", "k1"], ["k0"])
    assert held(await second.replicate(commits)) == {"a": 0, "b": 0}
    assert await second.keys("a") == await second.keys("b") == ["k0", "k1", "k2"]
    assert await second.commits("a", "b") == commits


async def test_a_part_that_lacks_something_is_held_with_its_siblings(first: Node, second: Node) -> None:
    await first.write("before", "b")
    await first.write("k", "a", "b")
    await first.write("behind", "a")
    await second.write("own", "b")
    commits = await first.commits("a", "b")
    async with second.db.live(BOTH) as live:
        answers = await second.replicate({"a": commits["a"], "b": commits["b"][1:]})
        assert held(answers) == {"a": 2, "b": 1}
        assert await second.keys("a") == []
        answers = await second.replicate({"b": commits["b"][:1]})
        assert held(answers) == {"b": 0}
        assert second.storage.batches == [["b1"], ["a1", "b2"], ["a2"]]
        rows = {row["n"] for row in live.rows}
    assert rows == {"own", "before", "k", "behind"}


async def test_one_may_be_what_another_waits_for_in_other_collections(first: Node, second: Node) -> None:
    """A chain through collections that the last call does not name."""
    await first.write("x", "a")
    for pair in ("ab", "bc", "cd"):
        await first.write(pair, *pair)
    await second.write("own", *"abcd")
    commits = await first.commits(*"abcd")
    answers = await second.replicate({**commits, "a": commits["a"][1:]})
    assert held(answers) == {"a": 1, "b": 2, "c": 2, "d": 1}
    await second.replicate({"a": commits["a"][:1]})
    assert second.storage.batches == [["a1"], ["a2", "b1"], ["b2", "c1"], ["c2", "d1"]]


async def test_what_is_held_is_bounded_as_a_whole(first: Node) -> None:
    await first.write("before", "b")
    for n in range(20):
        await first.write(f"k{n}", "a", "b")
    commits = await first.commits("a", "b")
    small = Node("small", Limits(held_commit_bytes=5_000))
    await small.write("own", "b")
    answers = await small.replicate({"a": commits["a"], "b": commits["b"][1:]})
    assert 0 < held(answers)["a"] == held(answers)["b"] < 20
    answers = await small.replicate(commits)
    assert await small.keys("a") == await first.keys("a")
    assert held(answers) == {"a": 0, "b": 0}
    assert all(len(batch) == 2 for batch in small.storage.batches[1:])
    await small.db.close()


async def hold_one(first: Node, second: Node) -> None:
    """Have ``second`` hold a transaction over a and b, because it lacks the one before."""
    await first.write("k1", "a", "b")
    await first.write("k2", "a", "b")
    await second.replicate({name: each[1:] for name, each in (await first.commits("a", "b")).items()})
    assert second.db.held_commits == 2


@pytest.mark.parametrize("remains", [b"", Former().remains({}, FIRST.next("later"))])
async def test_what_is_held_of_a_history_ends_with_it_though_nobody_waits_for_that(
    first: Node, second: Node, remains: bytes
) -> None:
    await second.write("own", "a")
    await hold_one(first, second)
    begun, never = asyncio.Event(), asyncio.Event()

    async def delete(collection: str, remains: bytes = b"") -> None:
        begun.set()
        await never.wait()

    second.storage.delete = delete  # type: ignore[method-assign]
    how = second.db.home.take_deletion("a", remains) if remains else second.db.drop("a")
    deleting = asyncio.ensure_future(how)
    await begun.wait()
    deleting.cancel()
    await asyncio.wait([deleting])
    assert second.db.held_commits == 0
    never.set()


async def test_what_is_held_of_a_history_ends_when_another_one_is_restored(first: Node, second: Node) -> None:
    await hold_one(first, second)
    async with Node("third").db as third:
        await (await third.collection("a")).put({"n": 1}, key="k")
        backup = await third.backup("a")
    await second.db.restore("a", backup)
    assert second.db.held_commits == 0


async def test_nobody_waits_for_what_is_not_sent_or_not_here(first: Node, second: Node) -> None:
    await first.write("before", "b")
    await first.write("k", "a", "b")
    commits = await first.commits("a", "b")
    assert held(await second.replicate({"a": commits["a"]})) == {"a": 0}
    third = Node("third")
    answers = await third.replicate({"a": commits["a"], "b": commits["b"][1:]})
    assert held(answers) == {"a": 0, "b": 1}
    assert (await third.keys("a"), await third.keys("b")) == (["k"], [])
    await third.db.close()


async def test_nor_for_another_history_which_is_told(first: Node, second: Node) -> None:
    await first.write("k", "a", "b")
    commits = await first.commits("a", "b")
    elsewhere = replace(commits["b"][0], origin="first/elsewhere", joint=None)
    await second.replicate({"b": [elsewhere]})
    answers = await second.replicate(commits)
    assert isinstance(answers["b"], ValidationError)
    assert (held(answers), await second.keys("a")) == ({"a": 0}, ["k"])


async def test_nor_for_a_history_that_is_over(first: Node, second: Node) -> None:
    """Its part may have been under way while the collection was deleted."""
    await first.write("before", "b")
    await first.write("k", "a", "b")
    await second.write("own", "b")
    await second.db.drop("b")
    await second.write("again", "b")
    commits = await first.commits("a", "b")
    answers = await second.db.replicate({"a": commits["a"], "b": commits["b"][1:]}, {"a": FIRST, "b": FIRST})
    assert isinstance(answers["b"], CollectionDropped)
    assert (held(answers), await second.keys("a")) == ({"a": 0}, ["k"])


async def test_a_history_that_ends_while_they_are_held_leaves_the_others_together(
    first: Node, second: Node, monkeypatch
) -> None:
    failures = [Unavailable("not now")]  # of what is done as one; then transactions come one by one

    async def after_a_deletion(*given: Any) -> dict[str, object]:
        if failures:
            raise failures.pop()
        await second.db.drop("b")
        return await commit_jointly(*given)

    await first.write("k", *"abc")
    await second.write("own", *"abc")
    commits = await first.commits(*"abc")
    monkeypatch.setattr(home, "commit_jointly", after_a_deletion)
    second.storage.batches.clear()
    answers = await second.db.replicate(commits, dict.fromkeys("abc", FIRST))
    assert isinstance(answers["b"], CollectionDropped)
    assert second.storage.batches == [["a1", "c1"]]
    assert [await second.keys(name) for name in "abc"] == [["k", "own"], [], ["k", "own"]]


async def test_but_for_a_history_that_is_not_here_yet(first: Node, second: Node) -> None:
    await first.write("k", "a", "b")
    await second.write("own", "b")
    commits, later = await first.commits("a", "b"), History(1, "later")
    answers = await second.db.replicate(commits, {"a": FIRST, "b": later})
    assert (held(answers), await second.keys("a")) == ({"a": 1, "b": 1}, [])
    answers = await second.db.replicate(commits, {"a": FIRST, "b": FIRST})  # what was held is of another one
    assert (held(answers), await second.keys("a")) == ({"a": 0, "b": 0}, ["k"])


async def test_what_is_held_of_another_history_than_comes_is_let_go_of_though_it_is_all_that_is_held(
    first: Node, second: Node
) -> None:
    await first.write("k", "a", "b")
    await second.write("own", "a")
    commits = await first.commits("a")
    answers = await second.db.replicate(commits, {"a": History(1, "later")})
    assert held(answers) == {"a": 1}
    answers = await second.db.replicate({"a": []}, {"a": FIRST})
    assert (held(answers), await second.keys("a")) == ({"a": 0}, ["own"])


async def test_nor_for_what_cannot_be_read(first: Node, second: Node) -> None:
    await first.write("k", *"abc")
    commits = await first.commits(*"abc")
    broken = [replace(commits["b"][0], update=b"nonsense")]
    answers = await second.replicate({**commits, "b": broken})
    assert isinstance(answers["b"], MalformedUpdate)
    assert second.storage.batches == [["a1", "c1"]]
    assert held(await second.replicate(commits)) == {"a": 0, "b": 0, "c": 0}
    assert await second.keys("b") == ["k"]


async def test_nor_for_a_collection_that_cannot_be_loaded(first: Node, second: Node) -> None:
    await first.write("k", *"abc")
    second.storage.corrupt.add("b")
    answers = await second.replicate(await first.commits(*"abc"))
    assert isinstance(answers["b"], CollectionUnloadable)
    assert second.storage.batches == [["a1", "c1"]]


async def test_nor_for_one_that_there_cannot_be(first: Node, second: Node) -> None:
    await first.write("k", "a", "b")
    commits = await first.commits("a", "b")
    unnamed = {"a": commits["a"], "": [replace(commits["b"][0], collection="")]}
    answers = await second.replicate(unnamed)
    assert isinstance(answers[""], ValidationError)
    assert (held(answers), await second.keys("a")) == ({"a": 0}, ["k"])


async def test_while_one_is_loaded_the_others_serve_everybody(first: Node, second: Node) -> None:
    await first.write("k", "a", "b")
    commits = await first.commits("a", "b")
    second.storage.slow["b"] = asyncio.Event()
    replicating = asyncio.ensure_future(second.replicate(commits))
    await second.clock.settle()
    await second.write("meanwhile", "a")
    assert await second.keys("a") == ["meanwhile"]
    second.storage.slow["b"].set()
    assert held(await replicating) == {"a": 0, "b": 0}
    assert ["a1", "b1"] in second.storage.batches


async def test_what_is_not_stored_is_not_shown_and_can_be_sent_again(first: Node, second: Node) -> None:
    await first.write("k", "a", "b")
    commits = await first.commits("a", "b")
    assert await second.keys("a") == await second.keys("b") == []
    second.storage.full = True
    answers = await second.replicate(commits)
    assert all(isinstance(answer, Unavailable) for answer in answers.values())
    assert await second.keys("a") == await second.keys("b") == []
    second.storage.full = False
    await second.clock.advance(pb.Limits().read_only_seconds)
    assert held(await second.replicate(commits)) == {"a": 0, "b": 0}
    assert second.storage.batches == [["a1", "b1"]]


async def test_what_comes_twice_at_once_is_stored_once(first: Node, second: Node) -> None:
    await first.write("before", "a", "b")
    await first.write("k", "a", "b")
    commits = await first.commits("a", "b")
    later = {name: each[1:] for name, each in commits.items()}
    for name in commits:
        await second.db.ref(name)
    second.storage.batches.clear()
    await asyncio.gather(*(second.db.replicate(each) for each in (later, commits, later, commits)))
    assert held(await second.db.replicate(commits)) == {"a": 0, "b": 0}
    assert second.storage.batches == [["a1", "a2", "b1", "b2"]]


async def test_what_is_held_is_in_memory_alone(first: Node, second: Node) -> None:
    """After a restart it is sent again; what is stored of a transaction is all of it."""
    await first.write("before", "b")
    await first.write("k", "a", "b")
    await second.write("own", "b")
    commits = await first.commits("a", "b")
    await second.replicate({"a": commits["a"], "b": commits["b"][1:]})
    await second.db.close()
    second.db = Database(second.storage, clock=second.clock, random=Random("again"))
    assert await second.keys("a") == []
    await second.replicate({"b": commits["b"][:1]})
    assert await second.keys("a") == []
    assert held(await second.replicate(commits)) == {"a": 0, "b": 0}
    assert second.storage.batches == [["a1", "b2"]]


# any order

COLLECTIONS = "abc"
writes = st.tuples(
    st.integers(0, 1), st.lists(st.sampled_from(COLLECTIONS), min_size=1, max_size=3, unique=True)
)


@given(st.lists(st.one_of(writes, st.just("tell")), min_size=2, max_size=12), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_a_node_never_has_a_part_without_the_others(history: list, seed: int) -> None:
    asyncio.run(_never_a_part(history, Random(seed)))


async def _never_a_part(history: list, random: Random) -> None:
    """Two nodes write; a third one, which writes too, is told in calls that leave out whole transactions."""
    writers, reader = [Node("w0"), Node("w1")], Node("reader")
    await reader.write("own", *COLLECTIONS)
    for n, step in enumerate(history):
        if step == "tell":
            await writers[0].replicate(await writers[1].commits(*COLLECTIONS))
            await writers[1].replicate(await writers[0].commits(*COLLECTIONS))
        else:
            at, collections = step
            await writers[at].write(f"k{n}", *collections)
    everything = await writers[0].commits(*COLLECTIONS)
    for name, each in (await writers[1].commits(*COLLECTIONS)).items():
        everything[name] += [commit for commit in each if commit not in everything[name]]
    for n in range(3):
        calls = [reader.replicate(_some(everything, random)) for _ in range(2)]
        await asyncio.gather(*calls, reader.write(f"own{n}", *COLLECTIONS))
        await _check_whole(reader, everything)
    answers = await reader.replicate(everything)
    assert held(answers) == dict.fromkeys(COLLECTIONS, 0)
    for name in COLLECTIONS:
        assert set((await reader.commits(name))[name]) >= set(everything[name])
    for node in (*writers, reader):
        await node.db.close()


def _some(everything: Mapping[str, list[Commit]], random: Random) -> dict[str, list[Commit]]:
    left_out: dict[object, bool] = {}
    some: dict[str, list[Commit]] = {}
    for name, commits in everything.items():
        some[name] = [
            commit
            for commit in commits
            if left_out.setdefault(
                commit.joint or (name, commit.origin, commit.sequence), random.random() < 0.4
            )
        ]
        random.shuffle(some[name])
    return some


async def _check_whole(reader: Node, everything: Mapping[str, list[Commit]]) -> None:
    """Of each transaction all parts are there or none, and they came in one batch."""
    stored = await reader.commits(*COLLECTIONS)
    for commits in everything.values():
        for commit in commits:
            if commit.joint is not None:
                parts = [
                    any(each.joint == commit.joint for each in stored[name])
                    for name in commit.joint.collections
                ]
                assert len(set(parts)) == 1
