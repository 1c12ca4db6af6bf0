"""Yjs clients of a collection: who is shown what, and who is closed for what."""

from __future__ import annotations

import asyncio

import pytest
from pycrdt import Doc, Map, Text

from protobase_actors import MailboxFull
from protobase_live.collection import audience
from protobase_live.collection.intake import PAUSE_BYTES
from protobase_live.collection.limits import Limits
from protobase_live.collection.meeting import Meeting
from protobase_live.collection.messages import (
    Begin,
    Hold,
    Leave,
    Question,
    Settle,
    Subscribe,
    Transact,
    Unsubscribe,
    Updates,
)
from protobase_live.database.opening import open as open_database
from protobase_live.document import Document
from protobase_live.errors import Conflict, KindMismatch, LimitExceeded, MalformedUpdate, OutcomeUnknown
from protobase_live.model.operations import RECORDS, Check, Op, Read
from protobase_live.model.values import digest
from tests.support import yjs_encoding as encoding
from tests.support.yjs_encoding import sent


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_two_clients_see_each_other(yjs) -> None:
    ann, bob = await yjs("doc"), await yjs("doc")
    ann.doc.get("body", type=Text).insert(0, "hello")
    await ann.send()
    await settle()
    assert str(bob.doc.get("body", type=Text)) == "hello"
    assert ann.shown == []  # a turn that is all ann's own is not sent back


async def test_a_client_that_asks_for_the_echo_is_sent_its_own_when_it_is_durable(yjs, storage) -> None:
    ann = await yjs("doc")
    ann.echo = True
    ann.doc.get("body", type=Text).insert(0, "hello")
    storage.gate.clear()
    await ann.send()
    await settle()
    assert ann.shown == []
    storage.gate.set()
    await settle()
    assert ann.shown == [ann.doc.get_update()]


async def test_what_a_client_writes_is_a_record_and_a_change(database, yjs) -> None:
    tasks = await database.collection("tasks")
    ann = await yjs("tasks", author="ann")
    async with tasks.changes() as changes:
        ann.doc.get("records", type=Map)["t1"] = Map({"title": "Write", "n": 1})
        await ann.send()
        change = await anext(changes)
    assert (change.kind, change.key, change.before, change.author) == ("insert", "t1", None, "ann")
    assert change.after == {"title": "Write", "n": 1}
    assert await tasks.get("t1") == {"title": "Write", "n": 1}


async def test_what_python_writes_reaches_the_clients(database, yjs) -> None:
    ann = await yjs("tasks")
    await (await database.collection("tasks")).insert({"title": "Write"}, key="t1")
    assert ann.doc.get("records", type=Map)["t1"]["title"] == "Write"


async def test_something_that_is_no_record_is_left_alone(database, yjs) -> None:
    ann = await yjs("tasks")
    ann.doc.get("records", type=Map)["odd"] = "just a string"
    await ann.send()
    tasks = await database.collection("tasks")
    assert await tasks.keys() == []
    await tasks.put({"title": "now a record"}, key="odd")
    assert await tasks.get("odd") == {"title": "now a record"}


class Panic(BaseException):
    """As pycrdt raises them."""


@pytest.mark.parametrize("stored", [True, False])
async def test_an_update_that_breaks_pycrdt_fails_alone(
    database, storage, yjs, monkeypatch, stored: bool
) -> None:
    """Whether or not what was taken before it is durable by then: the document that is made anew has it."""
    ann, bob, eve = await yjs("doc"), await yjs("doc"), await yjs("doc")
    apply = Doc.apply_update

    def fragile(doc, update):
        if b"poison" in update and doc not in (ann.doc, bob.doc, eve.doc):
            raise Panic("index out of bounds")
        apply(doc, update)

    monkeypatch.setattr(Doc, "apply_update", fragile)
    ann.doc.get("body", type=Text).insert(0, "first ")
    await ann.send()
    if stored:
        await settle()
    else:
        storage.gate.clear()
        await asyncio.sleep(0)
    for client, text in ((ann, "ann "), (eve, "poison"), (bob, "bob ")):
        client.doc.get("body", type=Text).insert(0, text)
        await client.send()
    await settle()
    storage.gate.set()
    await settle()
    assert isinstance(eve.rejected, MalformedUpdate)
    assert (ann.rejected, bob.rejected, ann.resynced, bob.resynced) == (None, None, False, False)
    fresh = await yjs("doc")
    assert sorted(str(fresh.doc.get("body", type=Text)).split()) == ["ann", "bob", "first"]
    assert str(ann.doc.get("body", type=Text)) == str(fresh.doc.get("body", type=Text))


async def test_a_client_that_does_not_read_gets_one_difference_later(yjs) -> None:
    ann, slow = await yjs("doc"), await yjs("doc")
    slow.reads = False
    for n in range(10):
        ann.doc.get("body", type=Text).insert(n, "x")
        await ann.send()
        await settle()
    assert slow.shown == []
    await slow.catch_up()
    await settle()
    assert len(slow.answers) == 2
    assert str(slow.doc.get("body", type=Text)) == "x" * 10
    ann.doc.get("body", type=Text).insert(0, "y")
    await ann.send()
    await settle()
    assert len(slow.shown) == 1


async def test_joiners_are_sent_what_is_there(yjs) -> None:
    ann = await yjs("doc")
    for n in range(200):
        ann.doc.get("body", type=Text).insert(n, "x")
        await ann.send()
        if n % 3 == 0:
            await settle()
        if n % 50 == 49:
            joiner = await yjs("doc")
            await settle()
            assert str(joiner.doc.get("body", type=Text)) == "x" * (n + 1)


async def test_a_client_that_comes_back_is_sent_only_what_it_lacks(yjs) -> None:
    ann, bob = await yjs("doc"), await yjs("doc")
    ann.doc.get("body", type=Text).insert(0, "x" * 10_000)
    await ann.send()
    await settle()
    bob.reads = False
    ann.doc.get("body", type=Text).insert(0, "new")
    await ann.send()
    await settle()
    bob.reads = True
    await bob.sync()
    await settle()
    assert sum(map(len, bob.answers[-1])) < 100
    assert str(bob.doc.get("body", type=Text)).startswith("newx")


@pytest.fixture
def limits(request) -> Limits:
    return getattr(request, "param", Limits())


@pytest.mark.parametrize("limits", [Limits(document_bytes=2_000)], indirect=True)
async def test_a_document_at_its_limit_takes_no_more(database, yjs) -> None:
    tasks = await database.collection("tasks")
    ann, bob = await yjs("tasks"), await yjs("tasks")
    ann.doc.get("body", type=Text).insert(0, "x" * 3_000)
    await ann.send()
    await settle()
    assert isinstance(ann.rejected, LimitExceeded)
    bob.doc.get("body", type=Text).insert(0, "y" * 1_950)
    await bob.send()
    await tasks.insert({"title": "z" * 100})  # what goes over the limit is the last that is taken
    with pytest.raises(LimitExceeded, match="document_bytes"):
        await tasks.insert({"title": "z" * 100})


@pytest.mark.parametrize("limits", [Limits(document_bytes=2_000)], indirect=True)
async def test_a_full_document_can_be_emptied_and_takes_more_then(database, yjs) -> None:
    tasks = await database.collection("tasks")
    ann = await yjs("tasks")
    text = ann.doc.get("body", type=Text)
    text.insert(0, "y" * 900)
    await ann.send()
    await tasks.insert({"title": "z" * 1_200}, key="large")
    with pytest.raises(LimitExceeded, match="document_bytes"):
        await tasks.insert({}, key="small")
    exchange = [Op(RECORDS, "delete", ("large",)), Op(RECORDS, "insert", ("small", {}, {}))]
    with pytest.raises(LimitExceeded, match="document_bytes"):
        await database.commit({"tasks": exchange})
    del text[0:1]
    await ann.send()
    await settle()
    assert ann.rejected is None
    await tasks.delete("large")
    await tasks.insert({"title": "z" * 500}, key="small")
    del text[0:899]
    text.insert(0, "y" * 1_000)
    await ann.send()
    await settle()
    assert ann.rejected is None
    assert await tasks.keys() == ["small"]


@pytest.mark.parametrize("limits", [Limits(document_bytes=3 * 1024 * 1024)], indirect=True)
async def test_what_is_overwritten_does_not_count_towards_the_limit(database) -> None:
    tasks = await database.collection("tasks")
    for number in range(40):
        await tasks.put({"text": str(number) + "x" * 100_000}, key="one")
    assert (await tasks.get("one"))["text"].startswith("39x")


async def test_others_run_while_many_small_updates_are_taken(database, yjs) -> None:
    ann, bob = await yjs("notes"), await yjs("notes")
    text = ann.doc.get("body", type=Text)
    for number in range(PAUSE_BYTES):
        text.insert(number, "x")
    await ann.send()
    turns = 0
    while not bob.shown:
        await asyncio.sleep(0)
        turns += 1
    assert turns > 8
    assert len(str(bob.doc.get("body", type=Text))) == PAUSE_BYTES


async def test_authors_of_one_turn_are_told_apart(database, storage, yjs) -> None:
    tasks = await database.collection("tasks")
    ann, bob = await yjs("tasks", author="ann"), await yjs("tasks", author="bob")
    async with tasks.changes() as changes:
        for client, key in ((ann, "a"), (bob, "b")):
            client.doc.get("records", type=Map)[key] = Map({"n": 1})
            await client.send()
        found = {change.key: change.author for change in await changes.batch(1) + await changes.batch(1)}
    assert found == {"a": "ann", "b": "bob"}
    fresh: Doc = Doc()
    for batch in storage.appends:
        for commit in batch:
            fresh.apply_update(commit.update)
    assert set(fresh.get("records", type=Map).keys()) == {"a", "b"}


async def test_a_mark_is_settled_when_what_came_before_it_is_durable(database, storage, yjs) -> None:
    ann = await yjs("doc")
    ref = await database.ref("doc")
    storage.gate.clear()
    ann.doc.get("body", type=Text).insert(0, "hello")
    await ann.send()
    await ref.tell(Settle(ann, b"1"))
    await settle()
    assert ann.settled == []
    storage.gate.set()
    await settle()
    await ref.tell(Settle(ann, None))
    await settle()
    assert ann.settled == [b"1", None]


def put(key: str, **fields) -> Transact:
    return Transact([Op(RECORDS, "put", (key, fields, {}))], (), None)


async def test_a_commit_goes_to_the_storage_before_the_queries_are_given_the_records(
    database, storage, monkeypatch
) -> None:
    monkeypatch.setattr(audience, "BEGIN_RECORDS", 1)
    tasks = await database.collection("tasks")
    await database.commit({"tasks": [Op(RECORDS, "put", (f"t{n}", {}, {})) for n in range(500)]})
    ref, before = await database.ref("tasks"), len(storage.appends)
    beginning, writing = ref.try_ask(Begin(database.views)), ref.try_ask(put("t1", n=1))
    await settle()
    assert len(storage.appends) == before + 1
    assert (writing.done(), beginning.done()) == (True, False)
    await beginning
    assert await tasks.get("t1") == {"n": 1}


async def test_a_commit_goes_to_the_storage_before_many_questions_are_answered(database, storage) -> None:
    tasks = await database.collection("tasks")
    await tasks.insert({"n": 0}, key="t1")
    ref, before = await database.ref("tasks"), len(storage.appends)
    asking = [ref.try_ask(Question(Read(RECORDS, "get", ("t1",)))) for _ in range(100)]
    writing = ref.try_ask(put("t1", n=1))
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(storage.appends) == before + 1
    assert not any(each.done() for each in asking)
    assert await asyncio.gather(*asking) == [{"n": 1}] * 100
    assert writing.done()


async def test_the_queries_are_given_the_records_once(database, storage, monkeypatch) -> None:
    made, make = [], database.views.table
    monkeypatch.setattr(database.views, "table", lambda name: made.append(name) or make(name))
    ref = await database.ref("tasks")
    storage.gate.clear()
    writing = ref.try_ask(put("t1", n=1))
    first = ref.try_ask(Begin(database.views))
    await settle()
    second = ref.try_ask(Begin(database.views))
    await settle()
    assert (first.done(), second.done()) == (False, False), "they know what is durable, and that is not yet"
    storage.gate.set()
    await asyncio.gather(writing, first, second)
    assert made == ["tasks"]


@pytest.mark.parametrize("changed", range(3))
async def test_everything_that_a_transaction_read_is_checked(database, changed: int) -> None:
    """A conflict with what was read last is one, too."""
    tasks = await database.collection("tasks")
    keys = ["a", "b", "c"]
    reads = [Read(RECORDS, "get", (key,)) for key in keys]
    for key in keys:
        await tasks.put({"n": 0}, key=key)
    checks = [Check("tasks", read, digest({"n": 0})) for read in reads]
    await tasks.put({"n": 1}, key=keys[changed])
    with pytest.raises(Conflict, match=repr(keys[changed])):
        await database.commit({"tasks": [Op(RECORDS, "insert", ("never", {}, {}))]}, checks)
    assert await tasks.keys() == keys


async def test_of_two_transactions_of_a_turn_that_read_the_same_one_is_done(database) -> None:
    tasks = await database.collection("tasks")
    await tasks.put({"n": 0}, key="t1")
    ref = await database.ref("tasks")
    checks = [Check("tasks", Read(RECORDS, "get", ("t1",)), digest({"n": 0}))]
    added = [ref.try_ask(Transact([Op(RECORDS, "update", ("t1", {"n": n}))], checks, None)) for n in (1, 2)]
    first, second = await asyncio.gather(*added, return_exceptions=True)
    assert isinstance(first, str)
    assert isinstance(second, Conflict)
    assert await tasks.get("t1") == {"n": 1}


async def test_who_has_left_is_told_nothing_and_kept_nowhere(database, yjs) -> None:
    ann, bob = await yjs("doc"), await yjs("doc")
    await bob._ref.tell(Leave(bob))
    await settle()
    ann.doc.get("body", type=Text).insert(0, "x")
    await ann.send()
    await settle()
    assert bob.shown == []
    assert str((await yjs("doc")).doc.get("body", type=Text)) == "x"


async def test_updates_of_a_turn_are_taken_in_their_order_whoever_sent_them(database, storage, yjs) -> None:
    """The second author's update builds on the first one's, and a part of the commit names each."""
    ann, bob = await yjs("tasks", author="ann"), await yjs("tasks", author="bob")
    theirs: Doc = Doc()
    theirs.get("records", type=Map)["t1"] = Map({"n": 1})
    first, known = theirs.get_update(), theirs.get_state()
    his: Doc = Doc()
    his.apply_update(first)
    his.get("records", type=Map)["t1"]["n"] = 2
    ref = await database.ref("tasks")
    ref.try_tell(Updates(ann, [first]))
    ref.try_tell(Updates(bob, [his.get_update(known)]))
    await settle()
    assert bob.greeted is None, "he is asked for nothing: all of it fits"
    (commit,) = storage.appends[-1]
    assert [part.author for part in commit.parts] == ["ann", "bob"]
    assert await (await database.collection("tasks")).get("t1") == {"n": 2}


@pytest.mark.parametrize("kept", ["client", "stream"])
async def test_a_collection_that_somebody_follows_stays_in_memory(
    database, clock, limits, yjs, kept: str
) -> None:
    tasks = await database.collection("tasks")
    stream = tasks.changes()
    if kept == "client":
        client = await yjs("tasks")
    else:
        await stream.__aenter__()
    await clock.advance(limits.idle_seconds * 3)
    assert "tasks" in database.actor_stats()
    if kept == "client":
        await client._ref.tell(Leave(client))
    stream.close()
    await settle()
    await clock.advance(limits.idle_seconds * 3)
    assert "tasks" not in database.actor_stats()


async def test_who_sends_what_does_not_fit_is_asked_for_the_rest(database, yjs) -> None:
    ann = await yjs("doc")
    then = sent(5, 1, encoding.item(encoding.text("b"), left=encoding.Id(5, 0)))
    await ann._ref.tell(Updates(ann, [then]))
    await settle()
    assert ann.greeted == Doc().get_state(), "with the state vector of what is here, which is nothing"
    first = sent(5, 0, encoding.item(encoding.text("a"), parent="body"))
    await ann._ref.tell(Updates(ann, [first]))
    await settle()
    assert str((await yjs("doc")).doc.get("body", type=Text)) == "ab"


async def test_who_wrote_in_a_turn_with_a_transaction_is_sent_what_that_wrote(database, yjs) -> None:
    ann = await yjs("tasks")
    ann.doc.get("body", type=Text).insert(0, "x")
    sending = asyncio.ensure_future(ann.send())
    await asyncio.sleep(0)
    writing = (await database.ref("tasks")).try_ask(put("t1", n=1))
    await asyncio.gather(sending, writing)
    assert len(ann.shown) == 1, "it was one turn"
    assert ann.doc.get("records", type=Map)["t1"]["n"] == 1


@pytest.mark.parametrize("limits", [Limits(feed_seconds=10.0)], indirect=True)
async def test_changes_that_nobody_follows_are_not_kept_long(database, clock, limits) -> None:
    ref = await database.ref("tasks")
    stream = object()
    watched = await ref.ask(Subscribe(stream))
    await ref.ask(put("t1", n=1))
    assert watched.feed.peek(watched.index) is not None
    await ref.tell(Unsubscribe(stream))
    await settle()
    assert watched.feed.peek(watched.index) is not None, "who comes back soon resumes here"
    await clock.advance(limits.feed_seconds)
    assert watched.feed.peek(watched.index) is None
    await ref.ask(put("t2", n=1))
    assert watched.feed.end == watched.index + 1


async def test_what_waits_is_bounded_in_bytes() -> None:
    async with await open_database("memory:", limits=Limits(mailbox_bytes=1_000)) as database:
        ref = await database.ref("tasks")
        meeting, held = Meeting(database.storage, 2), asyncio.get_running_loop().create_future()
        ref.try_ask(Hold(meeting, (), (), None, held))
        await held
        tasks = await database.collection("tasks")
        writes = [asyncio.ensure_future(tasks.insert({"text": "x" * 600}, key=str(n))) for n in range(5)]
        await settle()
        assert (ref.stats.depth, ref.stats.waiting) == (2, 3)
        with pytest.raises(MailboxFull, match="1000 bytes"):
            ref.try_ask(Question(Read(RECORDS, "count")))
        meeting.dissolve()
        await asyncio.gather(*writes)
        assert await tasks.count() == 5


async def test_what_fails_while_it_is_written_is_no_refusal(monkeypatch) -> None:
    """A part of it may be in the document by then, so that is loaded afresh."""
    write = Document.write_in_steps

    def broken(document, ops, author=None):
        yield from write(document, ops[:1], author)
        raise KindMismatch("found too late")

    async with open_database("memory:") as database:
        tasks = await database.collection("tasks")
        await tasks.put({"n": 1}, key="a")
        monkeypatch.setattr(Document, "write_in_steps", broken)
        with pytest.raises(OutcomeUnknown, match="found too late"):
            await tasks.put({"n": 2}, key="a")
        monkeypatch.undo()
        assert await tasks.items() == {"a": {"n": 1}}
        await tasks.put({}, key="b")
        assert await tasks.items() == {"a": {"n": 1}, "b": {}}
