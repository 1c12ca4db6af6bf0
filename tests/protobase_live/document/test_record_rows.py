"""The view of the records: what changes is read anew, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from pycrdt import Array, Doc, Map, Text

from protobase_live.document import Document, content, record_rows, renewal
from protobase_live.model.operations import RECORDS, Op, Read, Target
from protobase_live.query.engine.table import Table
from protobase_live.structures import RECORDS_KIND
from tests.support.turns import PEER, carry_out, received, written_by

Records = Map[Any]


def editor_of(document) -> tuple[Doc, Records]:
    """A Yjs client that has what the document has."""
    doc: Doc = Doc()
    doc.apply_update(document.encode())
    return doc, doc.get("records", type=Map)


def edited(document, edit: Callable[[Records], None]) -> None:
    """One turn with what a Yjs client does to the records."""
    doc, records = editor_of(document)
    state = doc.get_state()
    edit(records)
    received(document, doc.get_update(state))


@pytest.fixture
def document(made):
    """One record with a list, a text and a number."""
    record = {"list": Array([1, 2]), "text": Text("ab"), "n": 1}
    return made(written_by(lambda doc: doc.get("records", type=Map).update({"r": Map(record)})))


def set_number(records: Records) -> None:
    records["r"]["n"] = 2


def type_text(records: Records) -> None:
    records["r"]["text"].insert(0, "x")


@pytest.mark.parametrize(("edit", "field"), [(set_number, "n"), (type_text, "text")])
def test_a_field_that_a_client_leaves_alone_is_not_read(document, edit, field) -> None:
    before = document.records["r"]
    edited(document, edit)
    after = document.records["r"]
    assert after is not before
    assert after["list"] is before["list"]
    assert after[field] != before[field]
    assert list(after) == sorted(after)


@pytest.mark.parametrize(
    "op",
    [
        Op(RECORDS, "update", ("r", {"n": 2}, {})),
        Op(Target("text", ("records", "r", "text")), "insert", (0, "x")),
    ],
)
def test_a_field_that_a_transaction_leaves_alone_is_not_read(document, op) -> None:
    before = document.records["r"]
    carry_out(document, op)
    after = document.records["r"]
    assert after["list"] is before["list"]
    assert after != before


def test_a_record_that_is_replaced_is_read_as_a_whole(document) -> None:
    edited(document, lambda records: records.update({"r": Map({"n": 5})}))
    assert document.records["r"] == {"n": 5}


def test_a_field_that_is_deleted_is_gone(document) -> None:
    edited(document, lambda records: records["r"].pop("list"))
    assert document.records["r"] == {"n": 1, "text": "ab"}


def test_records_with_long_lists_are_read_one_by_one(made, monkeypatch) -> None:
    monkeypatch.setattr(content, "READ_SLICE_VALUES", 100)
    lists = written_by(
        lambda doc: doc.get("records", type=Map).update(
            {f"r{n}": Map({"l": Array([0] * 200)}) for n in range(5)}
        )
    )
    loaded = made()
    assert loaded.take(lists, PEER)
    rows = []
    for _ in loaded.apply_in_steps():
        rows.append(len(loaded.records))
    assert rows == [0, 1, 2, 3, 4]
    assert len(loaded.records) == 5


def test_a_record_that_a_long_update_changes_is_read_once(made, monkeypatch) -> None:
    """It may be of a thousand slices, and each may have changed it."""
    read: list[Any] = []
    monkeypatch.setattr(renewal, "APPLY_SLICE_BYTES", 100)
    monkeypatch.setattr(RECORDS_KIND, "reread", lambda *args: read.append(args) or reread(*args))
    reread = type(RECORDS_KIND).reread.__get__(RECORDS_KIND)
    document = made(written_by(lambda doc: doc.get("records", type=Map).update({"r": Map()})))
    edited(document, lambda records: records["r"].update({f"f{n}": n for n in range(100)}))
    assert len(document.records["r"]) == 100
    assert len(read) == 1


class Editing:
    """Random edits of a Yjs client."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def edit(self, records: Records) -> None:
        for _ in range(self.random.randint(1, 3)):
            key = self.random.choice("abc")
            record = records.get(key)
            if not isinstance(record, Map) or self.random.random() < 0.1:
                records[key] = self.random.choice([Map({"n": 1}), Map(), 7, Array([Map({"x": 1})])])
            elif self.random.random() < 0.05:
                del records[key]
            else:
                self.edit_record(record)

    def edit_record(self, record: Map[Any]) -> None:
        field = self.random.choice(["n", "list", "text", "map"])
        value: Any = record.get(field)
        if value is None or self.random.random() < 0.1:
            record[field] = {"n": 1, "list": Array([1]), "text": Text("a"), "map": Map({"deep": Array()})}[
                field
            ]
        elif self.random.random() < 0.1:
            del record[field]
        elif isinstance(value, Array):
            value.append(self.random.choice([1, "x", None]))
        elif isinstance(value, Text):
            value.insert(0, "é")
        elif isinstance(value, Map):
            value["deep"].append(Map({"y": self.random.random()}))
        else:
            record[field] = value + 1


@pytest.mark.parametrize("seed", range(8))
def test_rows_are_what_is_read_anew(made, seed) -> None:
    document, editing = made(), Editing(seed)
    for turn in range(30):
        edited(document, editing.edit)
        if turn % 5 == 4 and "n" in document.records.get("a", {}):
            carry_out(document, Op(RECORDS, "update", ("a", {"n": turn}, {})))
        assert document.records == made(document.encode()).records


def test_pages_follow_what_changes() -> None:
    document = Document("node")
    keys = Read(RECORDS, "keys", (None, 3))
    carry_out(document, *(Op(RECORDS, "put", (key, {}, {})) for key in "bdf"))
    assert document.read(keys) == ["b", "d", "f"]
    carry_out(document, Op(RECORDS, "put", ("a", {}, {})), Op(RECORDS, "delete", ("d",)))
    assert document.read(keys) == ["a", "b", "f"]
    assert document.read(Read(RECORDS, "items", ("a", 1))) == [["b", {}]]
    received(document, written_by(lambda doc: doc.get("records", type=Map).update({"c": Map({"x": 1})})))
    assert document.read(keys) == ["a", "b", "c"]


def many(count: int) -> bytes:
    return written_by(
        lambda doc: doc.get("records", type=Map).update(
            {f"r{n}": Map({"name": f"n{n}", "tags": Array([n])}) for n in range(count)}
        )
    )


def test_all_rows_share_the_names_of_their_fields(made) -> None:
    """Nearly half of a row of short values would be names."""
    document = made(many(50))
    carry_out(document, *(Op(RECORDS, "insert", (f"own{n}", {"name": "x"}, {})) for n in range(50)))
    assert len({id(name) for row in document.records.values() for name in row}) == 2


class Name(str):
    """As the members of an enum of names are."""


def test_a_name_of_a_subclass_of_str_is_a_name_like_any_other(document) -> None:
    carry_out(document, Op(RECORDS, "update", ("r", {Name("n"): 2, Name("new"): 3}, {})))
    row = document.records["r"]
    assert (row["n"], row["new"]) == (2, 3)
    assert {type(name) for name in row} == {str}


def test_loading_looks_at_each_record_once_in_one_transaction_a_step(made, monkeypatch) -> None:
    looked_at: list[str] = []
    began: list[Any] = []
    look, begin = type(RECORDS_KIND).native_entry.__get__(RECORDS_KIND), record_rows.opened
    monkeypatch.setattr(RECORDS_KIND, "native_entry", lambda *args: looked_at.append(args[-1]) or look(*args))
    monkeypatch.setattr(record_rows, "opened", lambda shared: began.append(shared) or begin(shared))
    document = made(many(50))
    assert sorted(looked_at) == sorted(document.records)
    assert len(began) == 1


def test_what_queries_see_is_what_was_read(made) -> None:
    """A table has rows of its own, for they have the key in them, but no value twice."""
    document = made(many(50))
    table = Table("t", document.records)
    for key, row in document.records.items():
        assert all(table.rows[key][field] is value for field, value in row.items())
