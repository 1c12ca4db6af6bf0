"""What Yjs clients put among the records that nobody here would: all of it can be read and deleted."""

from __future__ import annotations

from typing import Any

import pytest
from pycrdt import Array, Doc, Map, Text

from protobase_live.errors import InvalidName, KindMismatch, RecordMissing
from protobase_live.model.operations import RECORDS, Op, Read, Target
from tests.support import yjs_encoding as yjs
from tests.support.turns import PEER, carry_out, received, written_by
from tests.support.yjs_encoding import Id, Shared

LONG = "k" * 600
ODD_KEYS = ("", LONG, "ctrl\x01")


def write_odd(doc: Doc) -> None:
    records: Map[Any] = doc.get("records", type=Map)
    records["plain"] = {"title": "a plain object", "tags": ["x", {"deep": None}]}
    records["number"] = 5
    records["null"] = None
    records["array"] = Array([1])
    records["text"] = Text("hi")
    for key in ODD_KEYS:
        records[key] = Map({"title": "odd key"})
    records["fields"] = Map({"": 1, "_key": 2, "f" * 600: 3})
    doc.get("", type=Text).insert(0, "default name")
    odd: Map[Any] = doc.get("a//b", type=Map)
    for key in ODD_KEYS:
        odd[key] = 1


@pytest.fixture
def document(made):
    return made(written_by(write_odd))


def asked(document, method: str, *args: Any) -> Any:
    return document.read(Read(RECORDS, method, args))


def test_a_plain_object_is_a_record(document) -> None:
    row = {"title": "a plain object", "tags": ["x", {"deep": None}]}
    assert asked(document, "get", "plain") == row
    assert ["plain", row] in asked(document, "items")
    assert asked(document, "contains", "plain")
    carry_out(document, Op(RECORDS, "update", ("plain", {"title": "changed"}, {})))
    assert asked(document, "get", "plain") == {**row, "title": "changed"}


def test_a_plain_object_that_comes_later_is_told(document) -> None:
    doc: Doc = Doc()
    doc.apply_update(document.encode())
    state, records = doc.get_state(), doc.get("records", type=Map)
    records["number"] = {"n": 5}
    assert document.take(doc.get_update(state), PEER)
    document.apply_taken()
    outcome = document.finish()
    assert [(each.key, each.before, each.after) for each in outcome.differences] == [
        ("number", None, {"n": 5})
    ]
    assert [key for key, _ in asked(document, "strays")] == ["array", "null", "text"]


@pytest.mark.parametrize("made_before", [True, False])
def test_a_plain_object_is_written_to_as_any_record(made, made_before) -> None:
    document = made(written_by(write_odd)) if made_before else made()
    if not made_before:
        received(document, written_by(write_odd))
    target = Target("counter", ("records", "plain", "votes"))
    assert document.read(Read(target, "value")) == 0
    carry_out(document, Op(target, "add", (2,)))
    assert document.read(Read(target, "value")) == 2
    assert asked(document, "get", "plain")["title"] == "a plain object"
    with pytest.raises(KindMismatch, match="'title' of record 'plain' is a plain value"):
        document.read(Read(Target("counter", ("records", "plain", "title")), "value"))
    carry_out(document, Op(RECORDS, "put", ("plain", {"n": 1}, {})))
    assert asked(document, "get", "plain") == {"n": 1}


def test_what_is_no_record_can_be_found_and_deleted(document) -> None:
    assert asked(document, "strays") == [["array", [1]], ["null", None], ["number", 5], ["text", "hi"]]
    assert asked(document, "strays", "null", 1) == [["number", 5]]
    assert not asked(document, "contains", "number")
    carry_out(document, Op(RECORDS, "delete", ("number",)), Op(RECORDS, "delete", ("null",)))
    carry_out(document, Op(RECORDS, "insert", ("text", {"n": 1}, {})))
    assert asked(document, "strays") == [["array", [1]]]
    assert asked(document, "get", "text") == {"n": 1}
    with pytest.raises(RecordMissing):
        document.rehearse([Op(RECORDS, "update", ("array", {"n": 1}, {}))])


@pytest.mark.parametrize("key", ODD_KEYS)
def test_a_key_that_nobody_may_give_can_be_read_and_deleted(document, key) -> None:
    assert asked(document, "get", key) == {"title": "odd key"}
    assert asked(document, "contains", key)
    assert asked(document, "keys", key, 1000) == [each for each in asked(document, "keys") if each > key]
    carry_out(document, Op(RECORDS, "update", (key, {"title": "still odd"}, {})))
    carry_out(document, Op(Target("counter", ("records", key, "votes")), "add", (1,)))
    assert asked(document, "get", key) == {"title": "still odd", "votes": 1}
    carry_out(document, Op(RECORDS, "delete", (key,)))
    assert asked(document, "get", key) is None


@pytest.mark.parametrize("key", ["", LONG])
def test_a_key_that_nobody_may_give_is_not_given(document, key) -> None:
    for action in ("insert", "put"):
        with pytest.raises(InvalidName):
            document.rehearse([Op(RECORDS, action, (key, {}, {}))])


@pytest.mark.parametrize("key", ODD_KEYS)
def test_entries_of_a_dictionary_can_be_read_and_deleted(document, key) -> None:
    target = Target("dict", ("a//b",))
    assert document.read(Read(target, "get", (key,))) == 1
    assert document.read(Read(target, "contains", (key,)))
    carry_out(document, Op(target, "delete", (key,)))
    assert not document.read(Read(target, "contains", (key,)))


def test_a_structure_with_a_name_that_nobody_may_give_can_be_read_and_changed(document) -> None:
    target = Target("text", ("",))
    assert document.read(Read(target, "value")) == "default name"
    carry_out(document, Op(target, "delete", (0, 8)))
    assert document.read(Read(target, "value")) == "name"


@pytest.mark.parametrize(
    "path", [("",), ("x//y",), ("records", "fields", "g" * 600), ("records", "fields", "")]
)
def test_a_name_that_nobody_may_give_is_not_given(made, path) -> None:
    document = made(written_by(lambda doc: doc.get("records", type=Map).update({"fields": Map({"n": 1})})))
    assert document.read(Read(Target("text", path), "value")) == ""
    with pytest.raises(InvalidName):
        document.rehearse([Op(Target("text", path), "insert", (0, "x"))])


@pytest.mark.parametrize("kind", [Shared.ARRAY, Shared.MAP, Shared.TEXT])
def test_what_stands_in_a_record_as_in_an_array_may_change(made, kind: Shared) -> None:
    record = yjs.item(yjs.shared(Shared.MAP), parent="records", key="t")
    document = made(yjs.sent(9, 0, record, yjs.item(yjs.values("a"), parent=Id(9, 0), key="title")))
    received(document, yjs.sent(1, 0, yjs.item(yjs.shared(kind), parent=Id(9, 0))))
    inner = yjs.text("x") if kind is Shared.TEXT else yjs.values(1)
    key = "k" if kind is Shared.MAP else None
    received(document, yjs.sent(1, 1, yjs.item(inner, parent=Id(1, 0), key=key)))
    assert document.records == {"t": {"title": "a"}}
