"""Texts count code points, whatever pycrdt counts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycrdt import Doc
from pycrdt import Text as SharedText

from protobase_live.structures import KINDS

TEXT = KINDS["text"]
FAMILY = "👨\u200d👩\u200d👧"


def written(*actions, embed=()):
    """A text after the actions; ``embed`` are pycrdt positions at which an editor puts an object first."""
    shared = Doc().get("it", type=SharedText)
    for action, *args in actions:
        TEXT.write(shared, action, TEXT.check(action, args), "r")
    for position in embed:
        shared.insert_embed(position, {"image": "x"})
    return shared


@pytest.mark.parametrize("text", ["abc", "é", "e\u0301", "😀", FAMILY, "日本", "a😀é\u0301b"])
def test_every_position_of_a_text(text):
    for index in range(len(text) + 1):
        shared = written(("replace", text), ("insert", index, "😀-"))
        assert str(shared) == text[:index] + "😀-" + text[index:]
        assert TEXT.read(shared, "count", ()) == len(text) + 2
        for count in range(len(text) - index + 1):
            assert (
                str(written(("replace", text), ("delete", index, count)))
                == text[:index] + text[index + count :]
            )


def test_the_end():
    assert str(written(("insert", None, "é"), ("insert", None, "😀"), ("insert", None, "b"))) == "é😀b"


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_what_is_embedded_has_no_index(data):
    text = data.draw(st.text(st.sampled_from("ab😀é"), min_size=1, max_size=6))
    ends = [len(text[:index].encode()) for index in range(len(text) + 1)]
    shared = written(("replace", text), embed=sorted(data.draw(st.sets(st.sampled_from(ends))), reverse=True))
    shared.format(0, ends[1], {"bold": True})
    embedded = len(shared) - len(text.encode())
    index = data.draw(st.integers(0, len(text)))
    TEXT.write(shared, "insert", (index, "é"), "r")
    assert str(shared) == text[:index] + "é" + text[index:]
    assert len(shared) - len(str(shared).encode()) == embedded
    count = data.draw(st.integers(0, len(text) + 1 - index))
    TEXT.write(shared, "delete", (index, count), "r")
    after = text[:index] + "é" + text[index:]
    assert str(shared) == after[:index] + after[index + count :]


def test_replacing_keeps_what_stays():
    shared = written(("replace", "Hello brave world"))
    other = Doc()
    other.apply_update(shared.doc.get_update())
    other.get("it", type=SharedText).insert(0, ">> ")
    TEXT.write(shared, "replace", ("Hello world",), "r")
    shared.doc.apply_update(other.get_update())
    assert str(shared) == ">> Hello world"


def test_rehearsing_follows_the_length():
    shared = written(("replace", "é😀"))
    state = TEXT.rehearse(shared, None, "delete", (0, 1))
    assert state == 1
    state = TEXT.rehearse(shared, state, "insert", (1, "abc"))
    assert TEXT.rehearse(shared, state, "delete", (0, 4)) == 0
    assert TEXT.rehearse(None, None, "insert", (None, "ab")) == 2
