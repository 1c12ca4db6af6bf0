"""What is done with what other processes have stored: shown, tried again, or loaded anew."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest

from protobase_actors import ManualClock
from protobase_live.cluster.following import RETRY_SECONDS, TRIES, Following
from protobase_live.collection.identity import Identity
from protobase_live.collection.messages import Reload, Replicated
from protobase_live.errors import MalformedUpdate, ProtoBaseError, StorageFailed, Unavailable
from protobase_storage import Commit, News, SharedStorage, StorageClosed
from protobase_storage.conformance.model import make_commit


class Shared:
    """A storage whose news are put there."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[Mapping[str, News]] = asyncio.Queue()
        self.followed: dict[str, Mapping[str, int]] = {}

    def follow(self, collection: str, vector: Mapping[str, int]) -> None:
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
        self.taken: list[Mapping[str, Sequence[Commit]]] = []
        self.refusals: list[ProtoBaseError] = []
        self.reloaded: asyncio.Queue[str] = asyncio.Queue()

    async def replicate(self, commits: Mapping[str, Sequence[Commit]], histories: Any) -> dict[str, Any]:
        self.taken.append(commits)
        if self.errors:
            return dict.fromkeys(commits, self.errors.pop(0))
        return dict.fromkeys(commits, Replicated({}, 0))

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

    def load(self, name: str, vector: Mapping[str, int]) -> None:
        """As an actor does."""
        self.following.follow(name, vector)
        self.loaded[name] = SimpleNamespace(vector=vector)

    async def finish(self) -> None:
        """Until all news are taken."""
        self.storage.told.put_nowait({})
        assert self.following._task is not None
        await self.following._task


A1 = make_commit("a", 1)


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
    world.following.follow("a", {"n": 1})
    world.following.follow("a", {"n": 1, "o": 1})
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
