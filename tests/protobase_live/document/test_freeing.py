"""A document that is dropped is freed: no collector would see a cycle through pycrdt's observers."""

from __future__ import annotations

import gc
import weakref

import pytest
from pycrdt import Doc, Map

from protobase_live.document import Document
from protobase_live.model.operations import RECORDS, Op, Read, Target
from tests.support.turns import carry_out, received, written_by


def used() -> Document:
    document = Document("node")

    def write(doc: Doc) -> None:
        doc.get("records", type=Map)["r"] = Map({"a": 1})
        doc.get("protobase:structures", type=Map)["tags"] = "set"

    for _ in document.load([written_by(write)]):
        pass
    document.tell_structures(True)
    document.read(Read(Target("text", ("body",)), "open"))
    carry_out(document, Op(RECORDS, "put", ("k", {"a": 1}, {})), Op(Target("list", ("l",)), "extend", ([1],)))
    received(document, written_by(lambda doc: doc.get("body", type=Map).update({"a": 1})))
    return document


@pytest.mark.parametrize("closed", [True, False])
def test_dropped_documents_are_freed(closed) -> None:
    alive: list[weakref.ref[Document]] = []
    natives: list[weakref.ref[Doc]] = []
    for _ in range(60):
        document = used()
        alive.append(weakref.ref(document))
        natives.append(weakref.ref(document._content._doc))
        if closed:
            document.close()
        del document
    gc.collect()
    assert [each for each in (*alive, *natives) if each() is not None] == []


def test_closing_twice_is_no_fault() -> None:
    document = used()
    document.close()
    document.close()
