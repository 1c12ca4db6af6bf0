"""What is done with what other processes have stored: shown, tried again, or loaded anew."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import detangle
import pycrdt
import pytest

import protobase_live as pb
from protobase_actors import ManualClock
from protobase_live.cluster.following import RETRY_SECONDS, TRIES, Following
from protobase_live.collection.former import FIRST, History
from protobase_live.collection.identity import Identity
from protobase_live.collection.joint_replication import Answer, KnownHistories
from protobase_live.collection.messages import Reload, Replicated
from protobase_live.database.database import Database
from protobase_live.errors import (
    CollectionDropped,
    MalformedUpdate,
    ProtoBaseError,
    StorageFailed,
    Unavailable,
)
from protobase_storage import Commit, Joint, Loaded, News, Part, SharedStorage, StorageClosed
from protobase_storage.conformance.model import make_commit
from protobase_storage.nats.simulated import SimulatedStream
from protobase_storage.nats.simulated_servers import StreamServers
from protobase_storage.nats.storage import NatsStorage


class Shared:
    """A storage whose news are put there."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[Mapping[str, News]] = asyncio.Queue()
        self.followed: dict[str, Mapping[str, int]] = {}

    def follow(self, collection: str, vector: Mapping[str, int], remains: bytes) -> None:
        self.followed[collection] = vector

    def unfollow(self, collection: str) -> None:
        del self.followed[collection]

    async def news(self) -> Mapping[str, News]:
        news = await self.told.get()
        if not news:
            raise StorageClosed("closed")
        return news


class Home:
    """Takes commits, unless it is to fail; knows what it was given, and what was loaded anew."""

    def __init__(self) -> None:
        self.errors: list[ProtoBaseError] = []
        self.holds: list[str] = []
        """Of which collection nothing is shown yet, each time."""
        self.meanwhile: Callable[[], None] = lambda: None
        self.gate: asyncio.Event | None = None
        """What its answers wait for."""
        self.taken: list[Mapping[str, Sequence[Commit]]] = []
        self.histories: list[KnownHistories] = []
        self.refusals: list[ProtoBaseError] = []
        self.reloaded: asyncio.Queue[str] = asyncio.Queue()

    async def replicate(
        self, commits: Mapping[str, Sequence[Commit]], histories: KnownHistories
    ) -> dict[str, Answer]:
        self.taken.append(commits)
        self.histories.append(histories)
        self.meanwhile()
        if self.gate is not None:
            await self.gate.wait()
        if self.errors:
            return dict.fromkeys(commits, self.errors.pop(0))
        shown = {name: Loaded(None, tuple(each)).vector for name, each in commits.items()}
        held = {self.holds.pop(0): Replicated({}, 1)} if self.holds else {}
        return {name: Replicated(vector, 0) for name, vector in shown.items()} | held

    async def ask(self, collection: str, message: object) -> None:
        assert isinstance(message, Reload)
        if self.refusals:
            raise self.refusals.pop(0)
        self.reloaded.put_nowait(collection)


class World:
    """A `Following` with all that it knows."""

    def __init__(self) -> None:
        self.storage, self.home, self.clock = Shared(), Home(), ManualClock()
        self.loaded: dict[str, Any] = {}
        self.following = Following(
            cast(SharedStorage, self.storage),
            cast(Any, self.home),
            cast(Any, self.home.ask),
            Identity(Random(1), "n", "n"),
            self.loaded,
            self.clock,
        )

    def load(self, name: str, vector: Mapping[str, int], history: History = FIRST) -> None:
        """As an actor does."""
        self.following.follow(name, history, vector)
        self.loaded[name] = SimpleNamespace(vector=vector)

    async def finish(self) -> None:
        """Until all news are taken."""
        self.storage.told.put_nowait({})
        assert self.following._task is not None
        await self.following._task


A1 = make_commit("a", 1)
NEXT = FIRST.next("x")


async def test_commits_are_shown_where_the_collection_is_in_memory() -> None:
    world = World()
    world.load("a", {})
    world.storage.told.put_nowait({"a": News((A1,)), "gone": News((make_commit("gone", 1),))})
    await world.finish()
    assert world.home.taken == [{"a": (A1,)}]


async def test_what_left_the_memory_is_not_followed_any_more() -> None:
    world = World()
    world.load("a", {})
    world.load("b", {})
    del world.loaded["b"]
    world.storage.told.put_nowait({"a": News((A1,))})
    await world.finish()
    assert list(world.storage.followed) == ["a"]


async def test_what_was_replaced_is_loaded_anew() -> None:
    world = World()
    world.load("a", {})
    world.storage.told.put_nowait({"a": News((A1,), replaced=True)})
    assert await world.home.reloaded.get() == "a"
    await world.finish()
    assert world.home.taken == []


async def test_what_is_loaded_again_with_more_than_was_shown_is_loaded_anew() -> None:
    world = World()
    world.load("a", {"n": 1})
    world.following.follow("a", FIRST, {"n": 1})
    world.following.follow("a", FIRST, {"n": 1, "o": 1})
    assert await world.home.reloaded.get() == "a"
    await world.finish()
    assert world.home.reloaded.empty()


@pytest.mark.parametrize("tries", [1, TRIES])
async def test_what_fails_is_tried_again_and_then_loaded(tries: int) -> None:
    world = World()
    world.load("a", {})
    world.home.errors = [Unavailable("not now")] * tries
    world.storage.told.put_nowait({"a": News((A1,))})
    for _ in range(tries):
        await world.clock.settle()
        await world.clock.advance(RETRY_SECONDS)
    await world.finish()
    if tries == TRIES:
        assert await world.home.reloaded.get() == "a"
    assert len(world.home.taken) == min(tries + 1, TRIES)


@pytest.mark.parametrize("error", [MalformedUpdate("none"), StorageFailed("gone")])
async def test_what_can_never_be_taken_is_loaded_at_once(error: ProtoBaseError) -> None:
    world = World()
    world.load("a", {})
    world.home.errors = [error]
    world.storage.told.put_nowait({"a": News((A1,))})
    assert await world.home.reloaded.get() == "a"
    await world.finish()


async def test_loading_anew_is_tried_until_it_is_done() -> None:
    world = World()
    world.load("a", {})
    world.home.refusals = [Unavailable("full"), Unavailable("full")]
    world.storage.told.put_nowait({"a": News(replaced=True)})
    for _ in range(2):
        await world.clock.settle()
        await world.clock.advance(RETRY_SECONDS)
    assert await world.home.reloaded.get() == "a"
    await world.finish()


async def test_what_is_told_is_of_the_history_that_was_followed_then() -> None:
    world = World()
    world.load("a", {})
    world.load("b", {}, NEXT)
    world.home.errors = [Unavailable("not now")]
    world.storage.told.put_nowait({"a": News((A1,)), "b": News((make_commit("b", 1),))})
    await world.clock.settle()
    world.load("a", {}, NEXT)
    await world.clock.advance(RETRY_SECONDS)
    world.storage.told.put_nowait({"a": News((A1,))})
    await world.finish()
    assert world.home.histories == [{"a": FIRST, "b": NEXT}, {"b": NEXT}, {"a": NEXT}]


@pytest.mark.parametrize("is_loaded_since", [False, True])
async def test_what_is_refused_for_its_history_was_followed_anew_or_is_loaded(is_loaded_since: bool) -> None:
    world = World()
    world.load("a", {})
    world.home.errors = [CollectionDropped("of before")]
    if is_loaded_since:
        world.home.meanwhile = lambda: world.load("a", {}, NEXT)
    world.storage.told.put_nowait({"a": News((A1,))})
    await world.finish()
    await world.clock.settle()
    assert world.home.reloaded.empty() is is_loaded_since
    assert len(world.home.taken) == 1


@pytest.mark.parametrize("times", [1, TRIES])
async def test_what_is_held_is_told_again_and_then_loaded(times: int) -> None:
    """Who drops what it waits for has it forgotten, and it would never be shown."""
    world = World()
    world.load("a", {})
    world.load("b", {})
    world.storage.told.put_nowait({"a": News((A1,)), "b": News((make_commit("b", 1),))})
    world.home.holds = ["b"] * times
    for _ in range(times):
        await world.clock.settle()
        await world.clock.advance(RETRY_SECONDS)
    await world.finish()
    await world.clock.settle()
    assert world.home.reloaded.empty() is (times < TRIES)
    assert [list(each) for each in world.home.taken] == [["a", "b"]] + [["b"]] * min(times, TRIES - 1)


def part(collection: str, sequence: int, *names: str) -> Commit:
    """That of a transaction over collections of these names, or of one over nothing else."""
    made = make_commit(collection, sequence)
    return replace(made, joint=Joint("t", names)) if names else made


async def late(*names: str) -> World:
    """These are in memory, and the first one, ``a``, cannot take its first commit yet."""
    world = World()
    for name in names:
        world.load(name, {})
    world.home.errors = [Unavailable("not now")]
    world.storage.told.put_nowait({"a": News((A1,))})
    await world.clock.settle()
    return world


async def test_what_one_collection_cannot_take_yet_keeps_no_other_waiting() -> None:
    world = await late("a", "b")
    world.storage.told.put_nowait({"b": News((part("b", 1),))})
    world.storage.told.put_nowait({"a": News((part("a", 2),)), "b": News((part("b", 2),))})
    await world.clock.settle()
    assert world.home.taken[1:] == [{"b": (part("b", 1),)}, {"b": (part("b", 2),)}]
    await world.clock.advance(RETRY_SECONDS)
    await world.clock.settle()
    assert world.home.taken[3:] == [{"a": [A1, part("a", 2)]}], "in their order"
    world.storage.told.put_nowait({"a": News((part("a", 3),))})
    await world.clock.settle()
    assert world.home.taken[4:] == [{"a": (part("a", 3),)}], "it waits no more"
    await world.finish()


async def test_parts_of_one_transaction_wait_for_each_other() -> None:
    world = await late("a", "b", "c")
    together = {name: News((part(name, 2, "a", "b"),)) for name in "ab"}
    world.storage.told.put_nowait(together | {"c": News((part("c", 1),))})
    await world.clock.settle()
    assert world.home.taken[1:] == [{"c": (part("c", 1),)}]
    await world.clock.advance(RETRY_SECONDS)
    await world.clock.settle()
    assert world.home.taken[2:] == [{"a": [A1, part("a", 2, "a", "b")], "b": [part("b", 2, "a", "b")]}]
    await world.finish()


async def test_what_came_while_it_was_tried_again_waits_no_longer() -> None:
    world = await late("a")
    world.home.gate = asyncio.Event()
    await world.clock.advance(RETRY_SECONDS)
    world.storage.told.put_nowait({"a": News((part("a", 2),))})
    await world.clock.settle()
    world.home.gate.set()
    await world.clock.settle()
    assert world.home.taken[2:] == [{"a": [part("a", 2)]}]
    await world.finish()


async def test_what_goes_on_does_not_wait_for_what_still_fails() -> None:
    world = World()
    for name in "abc":
        world.load(name, {})
    world.home.errors = [Unavailable("not now")]
    world.storage.told.put_nowait({"a": News((A1,)), "b": News((part("b", 1),))})
    await world.clock.settle()
    world.home.gate, world.home.holds = asyncio.Event(), ["b"]
    await world.clock.advance(RETRY_SECONDS)
    behind = {"a": News((part("a", 2),)), "b": News((part("b", 2, "b", "c"),))}
    world.storage.told.put_nowait(behind | {"c": News((part("c", 1, "b", "c"),))})
    await world.clock.settle()
    world.home.gate.set()
    await world.clock.settle()
    assert world.home.taken[2:] == [{"a": [part("a", 2)]}], "c has a part of what b could not take"
    await world.clock.advance(RETRY_SECONDS)
    await world.clock.settle()
    assert {name: len(each) for name, each in world.home.taken[3].items()} == {"b": 2, "c": 1}
    await world.finish()


async def test_what_is_followed_anew_is_told_what_waited() -> None:
    """By the storage; what came since is not taken for what was given before."""
    world = World()
    world.load("a", {})
    world.home.errors = [Unavailable("not now"), Unavailable("not now")]
    world.storage.told.put_nowait({"a": News((A1,))})
    await world.clock.settle()
    world.load("a", {"a": 1})
    world.storage.told.put_nowait({"a": News((part("a", 2),))})
    await world.clock.settle()
    await world.clock.advance(RETRY_SECONDS)
    await world.clock.settle()
    assert world.home.taken[2:] == [{"a": [part("a", 2)]}]
    await world.finish()


async def test_more_than_so_much_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("protobase_live.cluster.following.LATE_BYTES", len(A1.update) - 1)
    world = World()
    world.load("a", {})
    world.home.errors = [Unavailable("not now")]
    world.storage.told.put_nowait({"a": News((A1,))})
    assert await world.home.reloaded.get() == "a"
    await world.clock.advance(RETRY_SECONDS)
    await world.finish()
    assert len(world.home.taken) == 1


async def test_nothing_is_tried_again_once_the_storage_is_closed() -> None:
    world = World()
    world.load("a", {})
    world.home.errors = [Unavailable("not now")]
    world.storage.told.put_nowait({"a": News((A1,))})
    await world.finish()
    await world.clock.advance(RETRY_SECONDS)
    assert len(world.home.taken) == 1
    assert [each for each in asyncio.all_tasks() if each is not asyncio.current_task()] == []


class Interrupted(SimulatedStream):
    """Has something happen before the next message of collection `a` is published."""

    def __init__(self, servers: StreamServers) -> None:
        super().__init__(servers)
        self.meanwhile: Callable[[], Awaitable[None]] | None = None

    async def publish(self, drafts: Any) -> Any:
        if self.meanwhile and drafts[0].subject == "s.log.a":
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile()
        return await super().publish(drafts)


@pytest.mark.parametrize("names", ["a", "ab"])
def test_what_is_on_its_way_while_its_collection_is_dropped_stays_dropped(names: str) -> None:
    """Of a transaction, the other part is shown: the one before the deletion is deleted."""

    async def main() -> None:
        servers = StreamServers()
        stream, other = Interrupted(servers), await NatsStorage.on(SimulatedStream(servers), "s")
        async with Database(await NatsStorage.on(stream, "s")) as db:
            for name in "ab":
                await (await db.collection(name)).insert({"n": 1}, key="here")

            async def meanwhile() -> None:
                await other.append([a_commit(name, Joint("t", tuple(names))) for name in names])
                await asyncio.sleep(1)  # it is heard here

            stream.meanwhile = meanwhile
            await db.drop("a")
            await asyncio.sleep(10)
            assert await keys(db, "a") == []
            assert await keys(db, "b") == ["ghost", "here"][2 - len(names) :]
        assert (await other.load("a")).commits == ()
        await other.close()

    detangle.run(main)


def test_a_transaction_in_the_history_that_has_begun_is_shown_as_a_whole() -> None:
    async def main() -> None:
        servers = StreamServers()
        there, here = [await NatsStorage.on(SimulatedStream(servers), "s") for _ in range(2)]
        async with Database(there) as other, Database(here) as db:
            for name in "ab":
                await (await other.collection(name)).insert({"n": 1}, key="before")
            pairs = pb.Query("b").join("a", on={"_key": "_key"}, as_="a", how="left")
            async with db.live(pairs) as live:
                await other.drop("a")
                async with asyncio.timeout(100):
                    while any(row["a"] for row in live.rows):
                        await anext(aiter(live))
                for n in range(3):
                    async with other.transaction() as tx:
                        await tx["a"].insert({"n": n}, key=f"k{n}")
                        await tx["b"].insert({"n": n}, key=f"k{n}")
                async with asyncio.timeout(100):
                    while len(live.rows) < 4:
                        await anext(aiter(live))
                        assert all(row["a"] for row in live.rows if row["_key"] != "before")

    detangle.run(main)


async def keys(db: Database, collection: str) -> list[str]:
    return sorted(row["_key"] for row in await db.query(pb.Query(collection)))


def a_commit(collection: str, joint: Joint) -> Commit:
    """The first commit of another node, with a record `ghost`."""
    doc = pycrdt.Doc()
    doc.get("records", type=pycrdt.Map)["ghost"] = pycrdt.Map({"n": 1})
    parts = (Part(None, (("records", "ghost"),)),)
    is_joint = len(joint.collections) > 1
    place = "elsewhere/t", 1, collection
    return Commit(*place, doc.get_update(), parts, 1.0, {}, joint=joint if is_joint else None)
