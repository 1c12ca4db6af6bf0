"""Documents in Yjs documents: what is written is read, whatever was there, and what is equal stays."""

from __future__ import annotations

from hypothesis import given
from pycrdt import Doc, XmlFragment

from protobase_live.rich_text import check_document
from protobase_live.structures import KINDS
from protobase_live.structures.portions import PortionedDoc
from tests.support.rich_texts import documents

FRAGMENT = KINDS["xml_fragment"]


def written(doc, *given):
    fragment = doc.get("x", type=XmlFragment)
    for each in given:
        with doc.transaction():
            FRAGMENT.write(fragment, "replace", FRAGMENT.check("replace", (each,)), "n1")
    return fragment


@given(documents, documents)
def test_what_is_written_is_read_here_and_by_others(one, other):
    doc, copy = PortionedDoc(), Doc()
    for each in (one, other):
        fragment = written(doc, each)
        assert FRAGMENT.read(fragment, "document", ()) == check_document(each)
    copy.apply_update(doc.get_update())
    assert FRAGMENT.read(copy.get("x", type=XmlFragment), "document", ()) == check_document(other)


@given(documents)
def test_the_same_again_writes_nothing(document):
    doc = Doc()
    written(doc, document)
    before = doc.get_update()
    written(doc, document)
    assert doc.get_update() == before


@given(documents, documents)
def test_a_plain_value_becomes_what_the_document_does(one, other):
    doc = PortionedDoc()
    fragment = written(doc, one)
    plain = FRAGMENT.plain(fragment)
    for action, given_ in (("append", other), ("replace", other)):
        args = FRAGMENT.check(action, (given_,))
        plain = FRAGMENT.replay(plain, action, args)
        with doc.transaction():
            FRAGMENT.write(fragment, action, args, "n1")
        for question in ("document", "value", "count"):
            assert FRAGMENT.answer(plain, question, ()) == FRAGMENT.read(fragment, question, ())
