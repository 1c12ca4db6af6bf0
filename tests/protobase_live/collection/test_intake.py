"""What Yjs clients send of a history that is over, by whatever way their copy of it has come to them."""

from __future__ import annotations

import gc
import weakref
from random import Random

import pytest
from pycrdt import Doc, Map, Text

import protobase_live as pb
from protobase_live.collection.messages import LARGE_UPDATE_BYTES, Leave, Settle, Sync, Updates
from protobase_live.database.database import Database
from protobase_live.document import BrokenDocument, Document, Judge
from protobase_live.errors import CollectionDropped
from protobase_live.model.schemas import Schemas
from protobase_live.protocol.yjs.update_walker import Walker
from tests.protobase_live.conftest import YjsClient, settle
from tests.support import yjs_encoding as encoding
from tests.support.yjs_encoding import Block, Id, sent

OLD, OTHER, NEW = 2**31, 2**31 + 1, 2**31 + 2
"""Ids of Yjs clients: of two that wrote what was deleted, and of one that came later."""


def typed(client: int, text: str, onto: bytes | None = None) -> Doc:
    """A document in which a client has typed."""
    doc: Doc = Doc(client_id=client)
    if onto is not None:
        doc.apply_update(onto)
    doc.get("t", type=Text).insert(0, text)
    return doc


def copy(length: int = 1) -> bytes:
    """All of what was deleted."""
    return typed(OTHER, "other ", typed(OLD, "old " * length).get_update()).get_update()


def news_of(doc: Doc, known: bytes) -> bytes:
    """What a document has beside what is known."""
    before: Doc = Doc()
    before.apply_update(known)
    return doc.get_update(before.get_state())


async def dropped(database: Database, collection: str = "notes", update: bytes | None = None) -> None:
    """A collection that has other content than before it was deleted."""
    ref = await database.ref(collection)
    await ref.tell(Updates(YjsClient(ref), [update or copy()]))
    await settle()
    await database.drop(collection)
    await (await database.collection(collection)).text("t").append("new")


async def text_of(database: Database, collection: str = "notes") -> str:
    return await (await database.collection(collection)).text("t").value()


OLD_TEXT = encoding.item(encoding.text("old "), parent="t")
FORMS = {
    "all of it": copy(),
    "a large one": copy(LARGE_UPDATE_BYTES),
    "one with something new on top": typed(NEW, "mine ", copy()).get_update(),
    "one with something new before it": encoding.update(
        [Block(NEW, 0, [OLD_TEXT]), Block(OLD, 0, [OLD_TEXT])]
    ),
    "what was written offline later": news_of(typed(OLD, "later ", copy()), copy()),
    "a letter beside its letters": news_of(typed(NEW, "x", copy()), copy()),
    "a deletion of it": encoding.update([], {OLD: [(0, 2)]}),
    "something new, and a deletion of it": encoding.update([Block(NEW, 0, [OLD_TEXT])], {OLD: [(0, 2)]}),
}


@pytest.mark.parametrize("form", FORMS)
async def test_a_copy_that_came_later_is_not_taken(database, yjs, form: str) -> None:
    """The client has nothing when it comes. Its offline store, or another page, gives it the copy then."""
    await dropped(database)
    tab, witness = await yjs("notes"), await yjs("notes")
    await tab._ref.tell(Updates(tab, [FORMS[form]]))
    await tab._ref.tell(Updates(tab, [typed(NEW, "more ").get_update()]))
    await settle()
    assert isinstance(tab.rejected, CollectionDropped)
    assert (witness.greeted, witness.shown, witness.rejected) == (None, [], None)
    assert await text_of(database) == "new"


async def test_what_is_behind_it_is_not_taken_either(database, yjs) -> None:
    """In one turn: neither what the same client sends, in one message or in another one, nor its question."""
    await dropped(database)
    tab, other = await yjs("notes"), await yjs("notes")
    ref, first, later = tab._ref, typed(NEW, "first ").get_update(), typed(NEW + 1, "later ").get_update()
    ref.try_tell(Updates(tab, [first, copy(), later]))
    ref.try_tell(Updates(tab, [later]))
    ref.try_tell(Updates(other, [typed(NEW + 2, "other ").get_update()]))
    await settle()
    assert isinstance(tab.rejected, CollectionDropped)
    assert other.rejected is None
    assert sorted((await text_of(database)).split()) == ["first", "new", "other"]


async def test_who_is_refused_hears_no_more(database, yjs) -> None:
    await dropped(database)
    tab = await yjs("notes")
    await tab._ref.tell(Updates(tab, [copy()]))
    await settle()
    answers = len(tab.answers)
    await tab._ref.tell(Sync(tab, {}))
    await tab._ref.tell(Settle(tab, b"stored?"))
    await settle()
    assert (len(tab.answers), tab.settled) == (answers, [])


async def test_what_was_read_before_its_turn_is_not_taken(database, yjs) -> None:
    await dropped(database)
    tab, update = await yjs("notes"), copy(LARGE_UPDATE_BYTES)
    walker = Walker(update)
    walker.walk()
    await tab._ref.tell(Updates(tab, [update], walker))
    await settle()
    assert isinstance(tab.rejected, CollectionDropped)
    assert await text_of(database) == "new"


class Task(pb.Atom):
    title: str


@pytest.mark.parametrize("judge", [None, Judge(read_only=True)])
async def test_of_who_is_bound_by_rules_it_is_not_taken(storage, clock, judge: Judge | None) -> None:
    schemas = Schemas({"notes": Task})
    async with Database(storage, clock=clock, random=Random(1), schemas=schemas) as database:
        old: Doc = Doc(client_id=OLD)
        old.get("records", type=Map)["k"] = Map({"title": "old"})
        await dropped(database, update=old.get_update())
        tab = YjsClient(await database.ref("notes"))
        tab.judge = judge
        await tab._ref.tell(Updates(tab, [old.get_update()]))
        await settle()
        assert isinstance(tab.rejected, CollectionDropped)
        assert await (await database.collection("notes")).keys() == []


async def test_where_pycrdt_fails_in_the_same_turn_it_is_not_taken(database, yjs, monkeypatch) -> None:
    """Everything is taken anew then, on what is durable."""
    failures, take = iter([True]), Document.take

    def fail_once(self: Document, update: bytes, *args, **options) -> bool:
        if b"breaks" in update and next(failures, False):
            raise BrokenDocument("planted")
        return take(self, update, *args, **options)

    await dropped(database)
    monkeypatch.setattr(Document, "take", fail_once)
    tab, other = await yjs("notes"), await yjs("notes")
    tab._ref.try_tell(Updates(tab, [typed(NEW, "first ").get_update(), copy()]))
    tab._ref.try_tell(Updates(tab, [typed(NEW + 1, "later ").get_update()]))
    tab._ref.try_tell(Updates(other, [typed(NEW + 2, "breaks ").get_update()]))
    await settle()
    assert isinstance(tab.rejected, CollectionDropped)
    assert sorted((await text_of(database)).split()) == ["breaks", "first", "new"]


class Refused:
    """A Yjs client that hears no more than that."""

    author = judge = None
    echo = False

    def reject(self, error: pb.ProtoBaseError) -> None: ...


async def test_who_leaves_in_the_same_turn_is_forgotten(database) -> None:
    await dropped(database)
    ref = await database.ref("notes")
    tab = Refused()
    gone = weakref.ref(tab)
    ref.try_tell(Updates(tab, [copy()]))
    ref.try_tell(Leave(tab))
    await settle()
    del tab
    gc.collect()
    assert gone() is None


# what is no copy


async def test_what_is_meant_to_come_back_does(database, yjs) -> None:
    """An import; and copies of what it brought are edits like any other from then on."""
    await dropped(database)
    import_, tab = await yjs("notes"), await yjs("notes")
    await import_._ref.tell(Updates(import_, [copy()], imported=True))
    await settle()
    assert sorted((await text_of(database)).split()) == ["new", "old", "other"]
    await tab._ref.tell(Updates(tab, [typed(NEW, "mine ", copy()).get_update()]))
    await settle()
    assert (import_.rejected, tab.rejected) == (None, None)
    assert sorted((await text_of(database)).split()) == ["mine", "new", "old", "other"]


async def test_what_a_restored_backup_has_is_no_copy(database, yjs) -> None:
    await dropped(database)
    tab = await yjs("notes")
    await tab._ref.tell(Updates(tab, [typed(NEW, "kept ").get_update()]))
    await settle()
    stored = await database.stored("notes")
    await database.drop("notes")
    await database.restore("notes", stored)
    tab = await yjs("notes")
    await tab._ref.tell(
        Updates(
            tab,
            [
                typed(NEW, "kept ").get_update(),
                news_of(typed(NEW, "on ", tab.doc.get_update()), tab.doc.get_update()),
            ],
        )
    )
    await settle()
    assert tab.rejected is None
    assert sorted((await text_of(database)).split()) == ["kept", "new", "on"]


async def test_what_many_documents_begin_with_is_no_copy(database, yjs) -> None:
    """Programs give it a small client id."""
    template = typed(7, "template ").get_update()
    await dropped(database, update=template)
    tab = await yjs("notes")
    await tab._ref.tell(Updates(tab, [template]))
    await settle()
    assert tab.rejected is None
    assert sorted((await text_of(database)).split()) == ["new", "template"]


async def test_what_nobody_remembers_is_held_and_asked_for(database, yjs) -> None:
    """As ever: it builds on what may still come."""
    await dropped(database)
    tab, other = await yjs("notes"), await yjs("notes")
    await tab._ref.tell(Updates(tab, [sent(NEW, 0, encoding.item(encoding.text("x"), left=Id(NEW + 1, 0)))]))
    await settle()
    assert (tab.rejected, other.rejected) == (None, None)
    assert tab.greeted is not None
    assert tab.greeted == other.greeted
