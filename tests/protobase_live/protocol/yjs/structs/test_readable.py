"""Whether bytes are an update."""

from __future__ import annotations

import pytest
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
