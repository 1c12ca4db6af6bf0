"""Transactions over several collections: all or nothing, and nobody else waits for long."""

from __future__ import annotations

import asyncio
import gc

import pytest

from protobase_actors import ActorFailed
from protobase_live.collection import joint as module
from protobase_live.collection.limits import Limits
from protobase_live.collection.meeting import Meeting
from protobase_live.collection.messages import Hold
from protobase_live.document import Document
from protobase_live.errors import (
    Conflict,
    LimitExceeded,
    Overloaded,
    ProtoBaseError,
    RecordExists,
    Unavailable,
)
from protobase_live.model.cursor import Cursor
from protobase_live.model.operations import RECORDS, Op
from protobase_storage import StorageClosed, StorageError
from tests.protobase_live.conftest import settle

SECONDS = Limits().joint_hold_seconds


async def pending(awaitable) -> asyncio.Future:
    task = asyncio.ensure_future(awaitable)
    await settle()
    return task


@pytest.fixture
def limits(request) -> Limits:
    return getattr(request, "param", Limits())


@pytest.fixture
async def a(database):
    collection = await database.collection("a")
    await collection.insert({"n": 0}, key="zero")
    return collection


@pytest.fixture
async def b(database):
    collection = await database.collection("b")
    await collection.insert({"n": 0}, key="zero")
    return collection


@pytest.mark.parametrize("limits", [Limits(joint_collections=3)], indirect=True)
async def test_it_takes_so_many_collections(database, storage) -> None:
    def writes(count: int) -> dict[str, list[Op]]:
        return {f"c{n}": [Op(RECORDS, "insert", ("k", {}, {}))] for n in range(count)}

    with pytest.raises(LimitExceeded, match=r"at most 3 collections \(joint_collections\), not 4"):
        await database.commit(writes(4))
    assert await database.collections() == []
    await database.commit(writes(3))
    assert len(await database.collections()) == 3


class Holder:
    """Keeps a collection from taking any message, as a long turn does."""

    def __init__(self, database, collection: str) -> None:
        self._database = database
        self._collection = collection
        self._meeting = Meeting(database.storage, 2)

    async def hold(self) -> None:
        held: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        ref = await self._database.ref(self._collection)
        self._answer = asyncio.ensure_future(ref.ask(Hold(self._meeting, (), (), None, held)))
        await held

    async def let_go(self) -> None:
        self._meeting.dissolve()
        self._answer.cancel()
        await settle()


@pytest.fixture
async def busy(database):
    """Makes a collection busy until it is told to let go, or the test ends."""
    holders: list[Holder] = []

    async def make(collection: str) -> Holder:
        holders.append(Holder(database, collection))
        await holders[-1].hold()
        return holders[-1]

    yield make
    for holder in holders:
        await holder.let_go()


def both(database, key: str = "both"):
    op = Op(RECORDS, "insert", (key, {"n": 1}, {}))
    return database.commit({"a": [op], "b": [op]})


async def test_all_is_carried_out_in_one_append(database, storage, a, b) -> None:
    before = len(storage.appends)
    receipt = await both(database)
    assert [commit.collection for commit in storage.appends[before]] == ["a", "b"]
    assert len(storage.appends) == before + 1
    reached = {name: Cursor.decode(text).vector for name, text in receipt.cursors.items()}
    assert reached == {commit.collection: {commit.origin: 2} for commit in storage.appends[before]}


async def test_nothing_is_carried_out_if_one_part_cannot_be(database, storage, a, b) -> None:
    await b.insert({}, key="both")
    before = len(storage.appends)
    with pytest.raises(RecordExists):
        await both(database)
    assert await a.keys() == ["zero"]
    assert len(storage.appends) == before


@pytest.mark.parametrize("changed", range(4))
async def test_everything_that_was_read_is_checked(database, a, b, changed: int) -> None:
    await a.insert({"n": 0}, key="one")
    await b.insert({"n": 0}, key="one")
    places = [(a, "zero"), (a, "one"), (b, "zero"), (b, "one")]
    collection, key = places[changed]

    async def read_all_and_write() -> None:
        async with database.transaction() as tx:
            for name in "ab":
                for each in ("zero", "one"):
                    await tx[name].get(each)
            await collection.update(key, n=1)
            tx["a"].insert({}, key="never")

    with pytest.raises(Conflict, match=key):
        await read_all_and_write()
    assert await a.keys() == ["one", "zero"]


async def test_a_collection_is_not_held_while_another_one_is_loaded(
    database, storage, clock, monkeypatch, a, b
) -> None:
    storage.failing = StorageClosed("this needs another start")
    with pytest.raises(Unavailable):
        await b.insert({}, key="lost")
    storage.failing = False
    joint = await pending(both(database))
    reading = await pending(a.count())
    assert reading.done(), "the other one is still to be loaded"
    assert not joint.done()
    await clock.advance(10)
    await joint
    assert (await a.keys(), await b.keys()) == (["both", "zero"], ["both", "zero"])


async def test_a_collection_is_let_go_while_another_one_does_not_answer(database, clock, busy, a, b) -> None:
    holder = await busy("b")
    joint = await pending(both(database))
    reading = await pending(a.count())
    assert not reading.done()
    await clock.advance(SECONDS)
    assert reading.done()
    assert await a.insert({}, key="meanwhile") == "meanwhile"
    await holder.let_go()
    await joint
    assert (await a.keys(), await b.keys()) == (["both", "meanwhile", "zero"], ["both", "zero"])


async def test_the_time_is_that_of_all_together(database, clock, busy, a, b) -> None:
    c = await database.collection("c")
    await c.count()
    slow, slower = await busy("b"), await busy("c")
    joint = await pending(database.commit({name: [Op(RECORDS, "insert", ("k", {}, {}))] for name in "abc"}))
    reading = await pending(a.count())
    await clock.advance(SECONDS * 0.75)
    await slow.let_go()
    await clock.advance(SECONDS * 0.25)
    assert reading.done()
    await slower.let_go()
    await joint


@pytest.mark.parametrize("limits", [Limits(joint_hold_attempts=2)], indirect=True)
async def test_it_gives_up_after_so_many_attempts(database, storage, clock, busy, a, b) -> None:
    before = len(storage.appends)
    holder = await busy("b")
    joint = await pending(both(database))
    await clock.advance(SECONDS)
    again = await pending(busy("b"))  # as soon as it is let go
    await holder.let_go()
    await clock.advance(SECONDS)
    await (await again).let_go()
    with pytest.raises(
        Overloaded,
        match=r"2 collections could not be held at once in 2 attempts \(joint_hold_attempts.*nothing",
    ):
        await joint
    assert len(storage.appends) == before


async def test_two_of_them_do_not_wait_for_each_other(database, clock, a, b) -> None:
    def write(names: str, key: str):
        return database.commit({name: [Op(RECORDS, "insert", (key, {}, {}))] for name in names})

    commits = asyncio.gather(
        *(write(names, f"k{n}") for n, names in enumerate(["ab", "ba"] * 3)), return_exceptions=True
    )
    await settle()
    await settle()
    finished = commits.done()
    for _ in range(Limits().joint_hold_attempts):  # which ends the test if they do wait
        await clock.advance(SECONDS)
    assert finished
    assert (await a.count(), await b.count()) == (7, 7)


@pytest.mark.parametrize("limits", [Limits(collections=2)], indirect=True)
async def test_more_collections_than_fit_into_memory_are_too_many(database) -> None:
    op = Op(RECORDS, "insert", ("k", {}, {}))
    with pytest.raises(Overloaded, match="nothing was done"):
        await database.commit({name: [op] for name in "abc"})


@pytest.mark.parametrize("limits", [Limits(collections=3)], indirect=True)
async def test_others_make_room_in_a_full_pool(database) -> None:
    for name in "xyz":
        await (await database.collection(name)).count()
    op = Op(RECORDS, "insert", ("k", {}, {}))
    assert sorted((await database.commit({name: [op] for name in "abc"})).cursors) == ["a", "b", "c"]


async def test_one_that_was_passivated_before_it_is_held_is_loaded_again(database, monkeypatch, a, b) -> None:
    find, stopped = database.ref, []

    async def ref(name: str):
        found = await find(name)
        if name == "b" and not stopped:
            stopped.append(await find("a"))
            await stopped[0].stop()
        return found

    monkeypatch.setattr(database._committing, "_ref", ref)
    await both(database)
    assert stopped
    assert await a.keys() == ["both", "zero"]


async def test_one_that_failed_while_it_was_held_takes_no_part(database, storage, clock, busy, a, b) -> None:
    holder = await busy("b")
    storage.gate.clear()
    lost = await pending(a.insert({}, key="lost"))
    joint = await pending(both(database))
    storage.failing = True
    storage.gate.set()
    await settle()
    storage.failing = False
    await holder.let_go()
    for each in (lost, joint):
        with pytest.raises(Unavailable):
            await each
    await clock.advance(10)
    assert (await a.keys(), await b.keys()) == (["zero"], ["zero"])


async def test_one_that_crashed_while_it_was_held_takes_no_part(database, clock, busy, a, b) -> None:
    actor = (await database.ref("a"))._inside._actor
    other = await busy("b")
    joint = await pending(both(database))
    actor.context.fail(RuntimeError("a mistake"))
    await other.let_go()
    assert joint.done(), "nobody waits for one that has failed"
    with pytest.raises(Unavailable, match="a failed and is loaded again; nothing was done"):
        await joint
    await clock.advance(10)
    assert (await a.keys(), await b.keys()) == (["zero"], ["zero"])


@pytest.mark.parametrize("step", ["rehearse_in_steps", "write_in_steps"])
async def test_a_mistake_leaves_everything_as_it_was(database, clock, monkeypatch, a, b, step: str) -> None:
    right, calls = getattr(Document, step), 0

    def wrong(document: Document, *arguments):
        nonlocal calls
        calls += 1
        if calls == 2:  # when the first part is done
            raise RuntimeError("a mistake")
        return right(document, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Document, step, wrong)
        with pytest.raises(Unavailable, match="nothing was done"):
            await both(database)
    await clock.advance(10)
    assert (await a.keys(), await b.keys()) == (["zero"], ["zero"])
    await both(database)


async def test_a_storage_that_takes_nothing_leaves_everything_as_it_was(
    database, storage, clock, monkeypatch, a, b
) -> None:
    def closed(commits):
        raise StorageClosed("the storage is closed")

    with monkeypatch.context() as patch:
        patch.setattr(storage, "append", closed)
        with pytest.raises(Unavailable, match="nothing was done"):
            await both(database)
    await clock.advance(10)
    assert (await a.keys(), await b.keys()) == (["zero"], ["zero"])
    await both(database)


async def test_every_failure_is_heard(database, storage, clock, a, b) -> None:
    """An exception that nobody looks at is told by asyncio when it is freed."""
    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context["message"]))
    storage.failing = True
    with pytest.raises(Unavailable, match="nothing was done"):
        await both(database)
    await clock.advance(10)
    storage.gate.clear()
    before = len(storage.appends)
    given_up = await pending(both(database, "given up"))
    assert len(storage.appends) == before + 1
    given_up.cancel()
    await asyncio.wait([given_up])
    del given_up
    storage.gate.set()
    await settle()
    storage.failing = False
    await clock.advance(10)
    gc.collect()
    await settle()
    assert told == []


async def test_who_gives_up_holds_nobody(database, busy, a, b) -> None:
    holder = await busy("b")
    joint = await pending(both(database))
    joint.cancel()
    assert await a.count() == 1
    await holder.let_go()
    assert (await a.keys(), await b.keys()) == (["zero"], ["zero"])


# what is told when it is over


class Over:
    """A meeting of which the outcome is known."""

    def __init__(self, refusal: ProtoBaseError | None = None) -> None:
        self.refusal = refusal

    async def outcome(self) -> list[str] | None:
        return ["a", "b"] if self.refusal is None else None


def answered(answer: object) -> asyncio.Task[object]:
    async def answering() -> object:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return asyncio.ensure_future(answering())


async def test_each_collection_gives_its_cursor() -> None:
    parts = {"a": answered("cursor a"), "b": answered("cursor b"), "read": answered(None)}
    assert await module._outcome(Over(), parts) == {"a": "cursor a", "b": "cursor b"}


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    "sure",
    [Unavailable("nothing was done"), ActorFailed("b", StorageError("disk"), retryable=True)],
    ids=repr,
)
async def test_what_is_known_for_sure_is_told(sure: Exception, order: int) -> None:
    """The parts are one append: if one of them is not stored, none is."""
    perhaps = ActorFailed("a", RuntimeError("a mistake"), retryable=True)
    parts = {name: answered(error) for name, error in zip("ab", (perhaps, sure)[::order], strict=True)}
    with pytest.raises(type(sure)) as raised:
        await module._outcome(Over(), parts)
    assert raised.value is sure


async def test_a_refusal_that_tells_of_what_is_not_stored_is_none() -> None:
    refusal = RecordExists("both")
    with pytest.raises(RecordExists):
        await module._outcome(Over(refusal), {"a": answered(None)})
    with pytest.raises(Unavailable, match="nothing was done: the disk"):
        await module._outcome(Over(refusal), {"a": answered(StorageError("the disk"))})
