"""What other nodes send comes into a database as they had it: what was one there is one here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from random import Random
from typing import Any

import pytest

from protobase_actors import ManualClock
from protobase_live.collection.former import FIRST, History
from protobase_live.collection.joint import commit_jointly
from protobase_live.collection.messages import Replicated
from protobase_live.collection.state import State
from protobase_live.database import home
from protobase_live.database.database import Database
from protobase_live.errors import CollectionDropped, CollectionUnloadable, ProtoBaseError, Unavailable
from protobase_storage import CollectionCorrupt, Commit, Loaded, MemoryStorage

ALL = "abc"


class Recording(MemoryStorage):
    """A memory storage that remembers what was stored in one go, and can have lost some."""

    def __init__(self, name: str) -> None:
        super().__init__(make_identity=lambda: name)
        self.batches: list[list[str]] = []
        self.corrupt: set[str] = set()

    def append(self, commits: Sequence[Commit]) -> asyncio.Future[None]:
        self.batches.append([commit.collection for commit in commits])
        return super().append(commits)

    async def load(self, collection: str) -> Loaded:
        if collection in self.corrupt:
            raise CollectionCorrupt(collection)
        return await super().load(collection)


async def states(history: History = FIRST) -> list[State]:
    """What another node has come to by a transaction over all collections; ``history`` is that of b."""
    storage = MemoryStorage(make_identity=lambda: "elsewhere")
    db = Database(storage, clock=ManualClock(), random=Random("elsewhere"))
    async with db.transaction() as tx:
        for name in ALL:
            tx[name].put({"n": 1}, key="k")
    found = {name: await storage.load(name) for name in ALL}
    await db.close()
    histories = dict.fromkeys(ALL, FIRST) | {"b": history}
    return [State(name, histories[name], each.vector, 1.0, each.updates) for name, each in found.items()]


@pytest.fixture
def storage() -> Recording:
    return Recording("here")


@pytest.fixture
async def db(storage: Recording) -> AsyncIterator[Database]:
    db = Database(storage, clock=ManualClock(), random=Random("here"))
    async with db.transaction() as tx:
        for name in ALL:
            tx[name].put({"n": 0}, key="own")
    storage.batches.clear()
    yield db
    await db.close()


async def keys(db: Database, collection: str) -> list[str]:
    return list(dict(await (await db.collection(collection)).items()))


async def test_what_collections_came_to_is_stored_as_one(db, storage) -> None:
    answers = await db.home.take_states(await states())
    assert [isinstance(answers[name], Replicated) for name in ALL] == [True] * 3
    assert storage.batches == [["a", "b", "c"]]
    assert [await keys(db, name) for name in ALL] == [["k", "own"]] * 3


async def test_what_is_of_a_deleted_history_leaves_the_others_together(db, storage) -> None:
    await db.drop("b")
    answers = await db.home.take_states(await states())
    assert isinstance(answers["b"], CollectionDropped)
    assert storage.batches == [["a", "c"]]


async def test_so_does_what_is_deleted_while_they_are_held(db, storage, monkeypatch) -> None:
    async def after_a_deletion(*given: Any) -> dict[str, object]:
        await db.drop("b")
        return await commit_jointly(*given)

    monkeypatch.setattr(home, "commit_jointly", after_a_deletion)
    answers = await db.home.take_states(await states())
    assert isinstance(answers["b"], CollectionDropped)
    assert storage.batches == [["a", "c"]]
    assert [await keys(db, name) for name in ALL] == [["k", "own"], [], ["k", "own"]]


async def test_so_does_what_cannot_be_loaded(storage) -> None:
    db = Database(storage, clock=ManualClock(), random=Random("here"))
    storage.corrupt.add("b")
    answers = await db.home.take_states(await states())
    assert isinstance(answers["b"], CollectionUnloadable)
    assert storage.batches == [["a", "c"]]
    await db.close()


async def test_all_wait_for_a_history_that_is_not_here_yet(db, storage) -> None:
    answers = await db.home.take_states(await states(History(1, "later")))
    assert [isinstance(answers[name], Unavailable) for name in ALL] == [True] * 3
    assert storage.batches == []


@pytest.mark.parametrize("mistake", [CollectionUnloadable("b"), CollectionDropped("b")], ids=["lost", "over"])
async def test_nothing_is_taken_alone_that_could_not_be_taken_with_the_others(
    db, storage, monkeypatch, mistake: ProtoBaseError
) -> None:
    async def fail(*_: Any) -> dict[str, object]:
        raise mistake

    monkeypatch.setattr(home, "commit_jointly", fail)
    answers = await db.home.take_states(await states())
    assert [getattr(answers[name], "retryable", False) for name in ALL] == [True] * 3
    assert storage.batches == []
