"""What is a document, its one form, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from protobase_live import LimitExceeded, ValidationError
from protobase_live.rich_text import MAX_DOCUMENT_BYTES, MAX_LEVELS, MAX_NODES, check_document
from tests.support.rich_texts import documents


def doc(*content: Any) -> Any:
    return {"type": "doc", "content": list(content)}


def paragraph(*content: Any) -> Any:
    return {"type": "paragraph", "content": list(content)}


def text(content: str, *marks: Any) -> Any:
    return {"type": "text", "text": content, "marks": list(marks)}


@given(documents)
def test_a_document_has_one_form(document):
    once = check_document(document)
    assert check_document(once) == once


def test_what_is_empty_or_null_is_left_out_and_texts_are_joined():
    bold = {"type": "bold", "attrs": {}}
    found = check_document(
        doc(
            {"type": "p", "attrs": {"a": None, "b": 1.0}, "marks": [bold], "content": []},
            paragraph(text("a"), text("b"), text("c", bold, {"type": "a", "attrs": {"x": None}}, bold)),
        )
    )
    assert found == {
        "type": "doc",
        "content": [
            {"type": "p", "attrs": {"b": 1}},
            {
                "type": "paragraph",
                "content": [
                    {"type": "text", "text": "ab"},
                    {
                        "type": "text",
                        "text": "c",
                        "marks": [{"type": "a", "attrs": {"x": None}}, {"type": "bold"}],
                    },
                ],
            },
        ],
    }
    assert check_document({"type": "doc"}) == doc()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("<p>", "the document is '<p>'"),
        (paragraph(), "expected {'type': 'doc'"),
        (doc(text("a")), r"content\[0\] is a text at the top.*put it into a block"),
        (doc(paragraph(text(""))), r"content\[0\].content\[0\] has the text ''"),
        (doc(paragraph({"type": "text", "text": "a", "content": []})), "is a text, which has no content"),
        (doc({"type": "paragraph", "text": "a"}), "with a text"),
        (doc(doc()), "within a document"),
        (doc({"type": ""}), "has the type ''"),
        (doc({"type": "a" * 101}), "at most 100 characters"),
        (doc({"type": "a", "contents": []}), "has 'contents'"),
        (doc({"type": "a", "content": {}}), r"content\[0\].content is {}"),
        (doc({"type": "a", "attrs": []}), r"content\[0\].attrs is \[\]"),
        (doc({"type": "a", "attrs": {"b": b""}}), "attrs.b is b''"),
        (doc({"type": "a", "attrs": {"b": float("nan")}}), "attrs.b is nan"),
        (doc({"type": "a", "attrs": {"b": {1: 2}}}), "expected what JSON has"),
        (doc(paragraph(text("a\ud800"))), "lone surrogate"),
        (doc(paragraph(text("a", "bold"))), r"marks\[0\] is 'bold'"),
        (doc(paragraph(text("a", {"type": "b", "text": "c"}))), "a mark has 'type' and 'attrs'"),
        ({"type": "doc", "attrs": {"a": 1}}, "attributes or marks of its own"),
        (doc({"type": "blockContainer", "content": [paragraph()]}), "other things than one blockGroup"),
    ],
)
def test_what_is_wrong_is_named(wrong, message):
    with pytest.raises(ValidationError, match=message):
        require(wrong)


def require(document: Any) -> None:
    from protobase_live.rich_text import require_dialect

    require_dialect({"type": "doc", "content": []}, check_document(document))


def test_limits():
    check_document(doc(*[{"type": "a"}] * MAX_NODES))
    with pytest.raises(LimitExceeded, match="MAX_NODES"):
        check_document(doc(*[{"type": "a"}] * (MAX_NODES + 1)))
    with pytest.raises(LimitExceeded, match="MAX_DOCUMENT_BYTES"):
        check_document(doc(paragraph(text("a" * MAX_DOCUMENT_BYTES))))
    check_document(deep(MAX_LEVELS // 2 - 1))
    with pytest.raises(LimitExceeded, match="MAX_LEVELS"):
        check_document(deep(MAX_LEVELS // 2))
    with pytest.raises(LimitExceeded, match="MAX_LEVELS"):
        check_document(deep(10_000))


def deep(nodes: int) -> Any:
    inner: Any = {"type": "a"}
    for _ in range(nodes - 1):
        inner = {"type": "a", "content": [inner]}
    return doc(inner)
