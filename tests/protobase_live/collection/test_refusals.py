"""What a collection shows of updates that are refused, and to whom."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from random import Random

import pytest
from pycrdt import Map, Text

import protobase_live as pb
from protobase_live.collection.limits import Limits
from protobase_live.database.database import Database
from protobase_live.document import Judge
from protobase_live.model.schemas import Schemas
from tests.protobase_live.conftest import GatedStorage, YjsClient, settle

BAD = "MARKER"


class Task(pb.Atom):
    title: str
    done: bool = False


@pytest.fixture
async def database(storage: GatedStorage, clock) -> AsyncIterator[Database]:
    schemas = Schemas({"tasks": Task, "boards/*": Task})
    limits = Limits(put_back_clocks=20)
    async with Database(storage, clock=clock, random=Random(1), limits=limits, schemas=schemas) as database:
        yield database
        storage.gate.set()


def put(key: str, **fields: object) -> Callable[[YjsClient], None]:
    def write(client: YjsClient) -> None:
        client.doc.get("records", type=Map)[key] = Map(fields)

    return write


async def sent(client: YjsClient, *writes: Callable[[YjsClient], None]) -> None:
    for write in writes:
        with client.doc.transaction():
            write(client)
    await client.send()
    await settle()


async def test_nobody_hears_of_it_and_its_writer_is_put_back(database: Database, yjs) -> None:
    tasks = await database.collection("tasks", Task)
    ann, bob = await yjs("tasks", author="ann"), await yjs("tasks", author="bob")
    async with tasks.changes() as changes, database.live(pb.Query("tasks")) as live:
        await sent(ann, put("t1", title=[BAD]))
        await sent(bob, put("t2", title="fine"))
        assert (await anext(changes)).key == "t2"
        assert [diff.changes[0].row._key async for diff in _first(live)] == ["t2"]
    for client in (ann, bob):
        assert client.doc.get("records", type=Map).to_py() == {"t2": {"title": "fine"}}
        assert not any(BAD.encode() in update for update in client.shown)
    assert ann.refusals == ["a new record would be no Task: its field 'title' does not fit; expected str"]
    assert (bob.refusals, ann.rejected, ann.resynced) == ([], None, False)
    with_parts = [commit.parts for commit in _commits(database) if commit.parts]
    assert [part.author for parts in with_parts for part in parts] == ["bob"]


async def _first(live):
    yield await anext(live)


def _commits(database: Database):
    return [commit for commits in database.storage.appends for commit in commits]  # type: ignore[attr-defined]


async def test_it_is_told_when_it_is_durable(database: Database, storage: GatedStorage, yjs) -> None:
    ann = await yjs("tasks")
    storage.gate.clear()
    await sent(ann, put("t1", title=1))
    assert (ann.refusals, ann.shown) == ([], [])
    storage.gate.set()
    await settle()
    assert len(ann.refusals) == len(ann.shown) == 1


async def test_one_of_several_in_a_turn_is_refused_alone(database: Database, yjs) -> None:
    ann, bob = await yjs("tasks"), await yjs("tasks")
    for client, value in ((ann, 1), (bob, "fine"), (ann, "fine, too")):
        key = f"t{value}"
        with client.doc.transaction():
            put(key, title=value)(client)
    await asyncio.gather(ann.send(), bob.send())
    await settle()
    expected = {"tfine": {"title": "fine"}, "tfine, too": {"title": "fine, too"}}
    assert await (await database.collection("tasks")).items() == expected
    for client in (ann, bob):
        assert client.doc.get("records", type=Map).to_py() == expected
    assert (len(ann.refusals), bob.refusals) == (1, [])


class Reconsidered(YjsClient):
    """What it may write is asked about again and again, and comes to the same each time."""

    changes = 0
    """How often that will have changed."""

    @property
    def judge(self) -> Judge | None:
        self.changes -= 1
        return Judge() if self.changes > 0 else None

    @judge.setter
    def judge(self, given: Judge | None) -> None:
        """It is given none."""


@pytest.mark.parametrize("changes", [2, 9, 1_000])
async def test_who_is_reconsidered_while_he_writes_much_is_no_offender(
    database: Database, yjs, changes: int
) -> None:
    ann, bob = Reconsidered(await database.ref("free"), author="ann"), await yjs("free", author="bob")
    await ann.sync()
    await settle()
    ann.doc.get("body", type=Text).insert(0, "x" * 100_000)
    bob.doc.get("body", type=Text).insert(0, "mine ")
    ann.changes = changes
    await asyncio.gather(ann.send(), bob.send())
    await settle()
    text = await (await database.collection("free")).text("body").value()
    assert "mine " in text
    if changes < 1_000:
        assert (len(text), ann.rejected) == (100_005, None)
    else:
        assert isinstance(ann.rejected, pb.Unavailable), "it comes back, and sends it again"
        assert text == "mine "


async def test_what_cannot_be_put_back_closes_its_writer_alone(database: Database, yjs) -> None:
    eve, bob = await yjs("free", author="eve"), await yjs("free")
    await sent(bob, lambda client: client.doc.get("body", type=Text).insert(0, "x" * 21))
    eve.judge = Judge(read_only=True)

    def clear(client: YjsClient) -> None:
        client.doc.get("body", type=Text).clear()

    with eve.doc.transaction():
        clear(eve)
    bob.doc.get("body", type=Text).insert(0, "mine ")
    await asyncio.gather(eve.send(), bob.send())
    await settle()
    assert "more than 20 clocks were to be put back (put_back_clocks)" in str(eve.rejected)
    assert bob.rejected is None
    assert await (await database.collection("free")).text("body").value() == "mine " + "x" * 21


async def test_a_transaction_that_does_not_fit_is_refused_as_a_whole(database: Database) -> None:
    tasks, board = await database.collection("tasks"), await database.collection("boards/7")
    with pytest.raises(
        pb.ValidationError,
        match=r"tasks: record 't1' would be no Task: its field 'title' is 1 \(int\); expected str",
    ):
        await tasks.put({"title": 1}, key="t1")

    async def both(tx: pb.Transaction) -> None:
        tx["tasks"].put({"title": "fine"}, key="t1")
        tx["boards/7"].put({}, key="t1")

    with pytest.raises(pb.ValidationError, match=r"boards/7: .*lacks the field 'title'"):
        await database.transact(both)
    assert (await tasks.count(), await board.count()) == (0, 0)
    await tasks.put({"title": "fine"}, key="t1")
    await (await database.collection("boards")).put({"anything": 1}, key="b")
