"""What is deleted stays in pycrdt's document until that is made anew: seldom, and nobody notices."""

from __future__ import annotations

import pytest
from pycrdt import Map, Text

from protobase_live.document import Document
from protobase_live.document.content import BrokenDocument, Content
from protobase_live.model.operations import RECORDS, Op, Read, Target
from protobase_live.protocol.steps import at_once
from tests.support.turns import PEER, carry_out, written_by

TEXT = Target("text", ("body",))


@pytest.fixture
def contents(monkeypatch) -> list[Content]:
    """The contents that were made."""
    made: list[Content] = []

    init = Content.__init__

    def noted(self: Content, *args) -> None:
        init(self, *args)
        made.append(self)

    monkeypatch.setattr(Content, "__init__", noted)
    return made


def overwrite(document: Document, times: int) -> None:
    for n in range(times):
        carry_out(document, Op(RECORDS, "put", ("k", {"n": n, "x": str(n) * 300}, {})))
        at_once(document.compact())


def test_what_was_overwritten_is_let_go(contents) -> None:
    document = Document("node")
    document.tell_structures(True)
    document.read(Read(TEXT, "open"))
    overwrite(document, 2_500)
    assert 2 <= len(contents) <= 6
    assert document.read(Read(RECORDS, "items")) == [["k", {"n": 2_499, "x": "2499" * 300}]]
    again = Document("other")
    at_once(again.load([document.encode()]))
    assert again.records == document.records
    with document.writing():
        document.write([Op(RECORDS, "put", ("a", {}, {})), Op(RECORDS, "delete", ("k",))])
    outcome = document.finish()
    assert outcome is not None
    found = sorted((d.key, d.before, d.after) for d in outcome.differences)
    assert found == [
        ("a", None, {}),
        ("k", {"n": 2_499, "x": "2499" * 300}, None),
    ]
    assert document.read(Read(RECORDS, "keys")) == ["a"]
    assert document.take(written_by(lambda doc: doc.get("body", type=Text).insert(0, "hi")), PEER)
    document.apply_taken()
    written = document.finish()
    assert written is not None
    assert [(d.structure, d.after) for d in written.differences] == [("body", "hi")]


def test_what_is_no_record_is_still_told(contents) -> None:
    document = Document("node")
    odd = written_by(lambda doc: doc.get("records", type=Map).update({"odd": 1}))
    assert document.take(odd, PEER)
    document.apply_taken()
    document.finish()
    overwrite(document, 2_500)
    assert len(contents) > 1
    assert document.read(Read(RECORDS, "strays")) == [["odd", 1]]


def test_few_deletions_make_nothing_anew(contents) -> None:
    document = Document("node")
    wide = {f"f{n}": "x" * 1_000 for n in range(300)}
    for n in range(10):
        carry_out(document, Op(RECORDS, "put", (f"k{n}", wide, {})))
    carry_out(document, Op(RECORDS, "delete", ("k1",)))
    at_once(document.compact())
    assert len(contents) == 1


def test_a_content_that_cannot_be_made_anew_stays(contents, monkeypatch) -> None:
    document = Document("node")
    apply, made = Content.apply, len(contents)

    def fails(self: Content, update: bytes) -> None:
        if len(contents) > made:
            raise BrokenDocument("it cannot be")
        apply(self, update)

    monkeypatch.setattr(Content, "apply", fails)
    overwrite(document, 1_500)
    assert len(contents) > made
    assert document.records["k"]["n"] == 1_499
    carry_out(document, Op(RECORDS, "put", ("k", {"n": 0}, {})))
    assert document.records == {"k": {"n": 0}}
