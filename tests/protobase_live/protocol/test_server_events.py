"""Server-sent events: what is written is read, however it is cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.errors import ProtocolError
from protobase_live.protocol.server_events import BEAT, Event, EventReader, event

datas = st.binary(min_size=1, max_size=20).filter(lambda data: not {10, 13} & {*data})
events = st.lists(st.tuples(st.sampled_from(["open", "message"]), datas, st.booleans()), max_size=5)


@given(events, st.lists(st.integers(0, 300)))
def test_what_is_written_is_read(told: list[tuple[str, bytes, bool]], cuts: list[int]) -> None:
    sent = b"".join(event(kind, data) + (BEAT if beats else b"") for kind, data, beats in told)
    ends = sorted({0, len(sent), *(cut for cut in cuts if cut < len(sent))})
    reader, found = EventReader(1_000), []
    for start, end in pairwise(ends):
        found += reader.feed(sent[start:end])
    assert found == [Event(kind, data) for kind, data, _ in told]


def test_other_fields_and_several_lines() -> None:
    assert EventReader(100).feed(b": a comment\nid: 7\nretry: 1\ndata:a\ndata: b\n\n") == [
        Event("message", b"a\nb")
    ]
    assert event("change", b"1", "c") == b"id: c\nevent: change\ndata: 1\n\n"


def test_an_event_that_does_not_end() -> None:
    reader = EventReader(10)
    assert reader.feed(b"data: 12") == []
    with pytest.raises(ProtocolError, match="more than 10 bytes"):
        reader.feed(b"345")
