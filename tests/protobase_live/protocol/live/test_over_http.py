"""Frames as lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.errors import ProtocolError
from protobase_live.protocol.live.over_http import (
    MAX_FRAMES,
    Closing,
    Opened,
    frame_of,
    frames_of,
    line_bytes,
    line_of,
)
from protobase_live.protocol.server_events import EventReader

MSGPACK, JSON = "protobase-live.v1.msgpack", "protobase-live.v1.json"


@given(st.lists(st.binary(min_size=1), max_size=5))
def test_frames_of_bytes(frames: list[bytes]) -> None:
    lines = [line_of(frame) for frame in frames]
    assert frames_of(b"\n".join(lines), MSGPACK) == frames
    assert [len(line) for line in lines] == [line_bytes(len(frame)) for frame in frames]


def test_frames_of_text() -> None:
    assert frames_of(line_of('{"a":"ä"}') + b"\n\n" + line_of("{}") + b"\n", JSON) == ['{"a":"ä"}', "{}"]


@pytest.mark.parametrize(
    ("line", "subprotocol"),
    [(b"\xff", JSON), (b"no base64!", MSGPACK), (b"YQ", MSGPACK), (b"YQ==YQ==", MSGPACK)],
)
def test_what_is_no_frame(line: bytes, subprotocol: str) -> None:
    with pytest.raises(ProtocolError, match="no frame of protobase-live"):
        frame_of(line, subprotocol)


def test_too_many_frames() -> None:
    assert len(frames_of(b"\n".join([b"YQ=="] * MAX_FRAMES), MSGPACK)) == MAX_FRAMES
    with pytest.raises(ProtocolError, match=f"more than {MAX_FRAMES} lines"):
        frames_of(b"\n" * MAX_FRAMES, MSGPACK)


def test_the_first_event_and_the_last() -> None:
    reader = EventReader(1_000)
    opened, closing = Opened("id", 1.5), Closing(4400, 'a "reason"')
    first, last = reader.feed(opened.event() + closing.event())
    assert (first.kind, Opened.parse(first.data)) == ("open", opened)
    assert (last.kind, Closing.parse(last.data)) == ("close", closing)


@pytest.mark.parametrize(
    "data", [b"{", b"[]", b"\xff", b'{"connection":"a"}', b'{"connection":"a","post_seconds":0}']
)
def test_what_is_no_first_event(data: bytes) -> None:
    with pytest.raises(ProtocolError, match="open"):
        Opened.parse(data)
