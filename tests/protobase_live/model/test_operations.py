"""What structures and questions are called in messages."""

from __future__ import annotations

import pytest

from protobase_live.model.operations import MAX_ASKED_CHARS, RECORDS, Read, Target, a_kind

OPTIONS = Target("dict", ("options",))


@pytest.mark.parametrize(
    ("kind", "said"), [("list", "a list"), ("xml_fragment", "an xml_fragment"), ("records", "the records")]
)
def test_a_kind(kind, said):
    assert a_kind(kind) == said


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (Read(RECORDS, "get", ("ann",)), "the record 'ann'"),
        (Read(RECORDS, "count"), "the records (count)"),
        (Read(RECORDS, "items", (None, 10)), "the records (items None, 10)"),
        (Read(OPTIONS, "get", ("theme",)), "the dict 'options' (get 'theme')"),
        (Read(Target("xml_fragment", ("page",)), "tree"), "the xml_fragment 'page' (tree)"),
        (
            Read(Target("counter", ("records", "a", "votes")), "value"),
            "the field 'votes' of record 'a' (value)",
        ),
    ],
)
def test_a_question(read, said):
    assert str(read) == said


def test_a_long_question_is_cut():
    said = str(Read(OPTIONS, "get", ("x" * 1_000,)))
    assert len(said) == len("the dict 'options' ()") + MAX_ASKED_CHARS
    assert said.endswith("...)")
