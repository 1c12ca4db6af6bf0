"""Whether bytes are an update."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycrdt import Doc, Map, Text

from protobase_live.errors import MalformedUpdate
from protobase_live.protocol.steps import at_once
from protobase_live.protocol.yjs.structs import check_in_steps, is_common


def updates() -> list[bytes]:
    """Typing, a record, a deletion, and all of it."""
    doc, made = Doc(client_id=7), list[bytes]()
    subscription = doc.observe(lambda event: made.append(event.update))
    text, records = doc.get("text", type=Text), doc.get("records", type=Map)
    for at, letter in enumerate("abc"):
        text.insert(at, letter)
    records["k"] = Map({"title": "x" * 200, "n": 7})
    del text[0:2]
    doc.unobserve(subscription)
    return [*made, doc.get_update()]


@pytest.mark.parametrize("update", updates(), ids=len)
def test_what_is_one_is_taken_and_what_is_cut_off_is_not(update: bytes) -> None:
    at_once(check_in_steps(update))
    for wrong in (update[:-1], update + b"\x00", b"nonsense", b""):
        with pytest.raises(MalformedUpdate):
            at_once(check_in_steps(wrong))
        assert not is_common(wrong)


def test_most_need_no_walker() -> None:
    *edits, whole = updates()
    assert [is_common(each) for each in edits] == [True, True, True, False, True]
    assert not is_common(whole)


NUMBERS = st.sampled_from([b"\x00", b"\x01", b"\x02", b"\x05", b"\x81\x00", b"\x81\x01", b"\xff\xff\xff\x7f"])
"""Some small ones, one of them in a longer form, and the largest clock that is common."""
IDS = st.tuples(NUMBERS, NUMBERS).map(b"".join)
STRINGS = st.sampled_from([b"\x01a", b"\x02ab", b"\x00", b"\x02a"])


@st.composite
def typed(draw: st.DrawFn) -> bytes:
    """A text behind something, and perhaps before something, that is there, comes later, or is itself."""
    own, left, string = draw(IDS), draw(IDS), draw(STRINGS)
    right = draw(st.none() | IDS)
    return (
        b"\x01\x01" + own + (b"\x84" + left if right is None else b"\xc4" + left + right) + string + b"\x00"
    )


@given(typed())
def test_what_is_read_at_once_is_an_update(update: bytes) -> None:
    """So what is stored for a collection that is not in memory can be loaded."""
    if is_common(update):
        at_once(check_in_steps(update))


def test_what_is_typed_behind_itself_is_none() -> None:
    assert is_common(b"\x01\x01\x01\x05\x84\x01\x04\x01a\x00")
    assert not is_common(b"\x01\x01\x01\x05\x84\x01\x05\x01a\x00")
