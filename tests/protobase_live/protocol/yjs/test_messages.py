import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.errors import ProtocolError
from protobase_live.protocol.yjs.messages import (
    MAX_MARK_BYTES,
    QUERY_AWARENESS_FRAME,
    AwarenessUpdate,
    PermissionDenied,
    QueryAwareness,
    SyncStatus,
    SyncStep1,
    SyncStep2,
    Update,
    decode,
    encode_awareness,
    encode_permission_denied,
    encode_step1,
    encode_step2,
    encode_sync_status,
    encode_update,
    update_of,
)
from protobase_live.protocol.yjs.varint import MAX_VARUINT, read_varuint, varuint


@given(st.binary(max_size=300))
def test_round_trip(payload: bytes):
    assert decode(encode_step1(payload)) == SyncStep1(payload)
    assert decode(encode_step2(payload)) == SyncStep2(payload)
    assert decode(encode_update(payload)) == Update(payload)
    assert decode(encode_awareness(payload)) == AwarenessUpdate(payload)


@given(st.text())
def test_round_trip_of_a_refusal(reason: str):
    assert decode(encode_permission_denied(reason)) == PermissionDenied(reason)


def test_known_frames():
    assert encode_step1(b"\x00") == bytes([0, 0, 1, 0])
    assert encode_step2(b"\x00\x00") == bytes([0, 1, 2, 0, 0])
    assert encode_update(b"\x00\x00") == bytes([0, 2, 2, 0, 0])
    assert encode_awareness(b"\x00") == bytes([1, 1, 0])
    assert decode(QUERY_AWARENESS_FRAME) == QueryAwareness()


@pytest.mark.parametrize("kind", [4, 9, 127, 300])
def test_unknown_message_types_are_ignored(kind: int):
    assert decode(varuint(kind) + b"whatever") is None


@pytest.mark.parametrize(
    "frame",
    [
        b"\x00\x03\x00",  # a sync step that nobody knows
        b"\x01\x05{}",  # awareness that is cut off
        b"\x02\x01\x00",  # a verdict that nobody knows
        b"\x02\x00\x05no",
        b"\x66\x05ab",  # a mark that is cut off
        encode_sync_status(b"x" * (MAX_MARK_BYTES + 1)),
    ],
)
def test_what_is_not_about_the_document_is_ignored_where_it_is_odd(frame: bytes):
    assert decode(frame) is None


def test_what_follows_a_message_about_presence_is_ignored():
    assert decode(b"\x03\x01\x00") == QueryAwareness()
    assert decode(encode_awareness(b"\x00") + b"more") == AwarenessUpdate(b"\x00")


def test_the_mark_of_a_y_sweet_client():
    assert encode_sync_status(b"\x07") == b"\x66\x01\x07"
    assert decode(b"\x66\x01\x07") == SyncStatus(b"\x07")


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (b"", "byte 0 is cut off"),
        (b"\x00", "byte 1 is cut off"),
        (b"\x00\x02\x05abc", "5 bytes announced at byte 2, 3 present"),
        (b"\x00\x02\x01abc", "2 bytes after the message, which ends at byte 4"),
        (b"\xff" * 9, "exceeds"),
    ],
)
def test_malformed_frames_say_what_is_wrong(frame: bytes, words: str):
    with pytest.raises(ProtocolError, match=words):
        decode(frame)


@given(st.binary(max_size=40))
def test_random_frames_decode_or_raise_protocol_error(frame: bytes):
    try:
        message = decode(frame)
    except ProtocolError:
        assert update_of(frame) is None
    else:
        assert update_of(frame) in (None, getattr(message, "update", None))


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16383])
def test_update_of_takes_ordinary_updates(size: int):
    assert update_of(encode_update(b"x" * size)) == b"x" * size


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\x00",
        b"\x00\x02",
        b"\x00\x02\x80",
        b"\x00\x02\x02a",
        b"\x00\x02\x01ab",
        encode_step1(b"a"),
        encode_step2(b"a"),
        encode_awareness(b"a"),
        encode_update(b"x" * 16384),
    ],
)
def test_update_of_leaves_the_rest_to_decode(frame: bytes):
    assert update_of(frame) is None


@given(st.integers(0, MAX_VARUINT))
def test_varuint_round_trip(value: int):
    data = varuint(value)
    assert read_varuint(b"__" + data + b"__", 2) == (value, len(data) + 2)


def test_varuint_limits():
    with pytest.raises(ProtocolError, match="exceeds"):
        read_varuint(b"\xff" * 7 + b"\x10", 0)
    with pytest.raises(ProtocolError, match="exceeds"):
        read_varuint(b"\x80" * 8 + b"\x00", 0)
    with pytest.raises(ValueError, match="between"):
        varuint(-1)
    with pytest.raises(ValueError, match="between"):
        varuint(MAX_VARUINT + 1)
