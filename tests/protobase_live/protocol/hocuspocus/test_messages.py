from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.errors import ProtocolError
from protobase_live.protocol.hocuspocus.messages import (
    READ_ONLY,
    READ_WRITE,
    Auth,
    Broadcast,
    Close,
    SyncReply,
    decode,
    document_of,
    encode_authenticated,
    encode_close,
    encode_permission_denied,
    encode_stateless,
    encode_sync_status,
    split,
)
from protobase_live.protocol.yjs.messages import AwarenessUpdate, SyncStep1, Update
from protobase_live.protocol.yjs.varint import prefixed

UPDATE = bytes.fromhex("01010700280101 6d016b017d0100".replace(" ", ""))

SAID = {
    "2 and 3": [
        ("056e6f746573020006736563726574", Auth("secret")),
        ("056e6f74657300000100", SyncStep1(b"\x00")),
        ("056e6f7465730106010700027b7d", AwarenessUpdate(b"\x01\x07\x00\x02{}")),
        ("056e6f74657300020e010107002801016d016b017d0100", Update(UPDATE)),
        ("056e6f74657305026869", None),  # a stateless message
        ("056e6f7465730108010701046e756c6c", AwarenessUpdate(b"\x01\x07\x01\x04null")),
        ("056e6f74657307", Close()),
    ],
    "4, with a session": [
        ("086e6f74657300733102000673656372657405342e382e30", Auth("secret")),
        ("086e6f74657300733100000100", SyncStep1(b"\x00")),
        ("086e6f7465730073310106010700027b7d", AwarenessUpdate(b"\x01\x07\x00\x02{}")),
        ("086e6f74657300733100020e010107002801016d016b017d0100", Update(UPDATE)),
        ("086e6f74657300733107", Close()),
    ],
}
"""What stock providers of 2.15.3, 3.4.4 and 4.8.0 write when they open a document `notes` with the token
`secret`, set a key, send `hi`, and are destroyed."""


@pytest.mark.parametrize("version", SAID)
def test_what_stock_providers_write(version: str):
    name, session = ("notes", b"s1") if version.startswith("4") else ("notes", b"")
    for frame, meaning in SAID[version]:
        key, message = split(bytes.fromhex(frame))
        assert document_of(key) == (name, session)
        assert decode(message) == meaning


def test_what_a_provider_without_a_token_says():
    assert decode(b"\x02\x00\x00") == Auth(None)


def test_what_is_not_a_client_s_to_say():
    assert decode(b"\x06\x02hi") == Broadcast()
    assert decode(b"\x02\x02\x08readonly") is None
    assert decode(b"\x08\x01") is None
    assert decode(b"\x7fwhatever") is None


def test_a_sync_reply_is_a_sync_message():
    assert decode(b"\x04\x00\x01\x00") == SyncReply(SyncStep1(b"\x00"))
    assert decode(b"\x04\x07\x00") == SyncReply(None)


def test_what_is_told_to_clients():
    assert encode_authenticated(READ_WRITE) == b"\x02\x02\x0aread-write"
    assert encode_authenticated(READ_ONLY) == b"\x02\x02\x08readonly"
    assert encode_permission_denied("no") == b"\x02\x01\x02no"
    assert encode_close("no") == b"\x07\x02no"
    assert encode_sync_status() == b"\x08\x01"
    assert encode_stateless("hello") == b"\x05\x05hello"


@pytest.mark.parametrize("frame", [b"", b"\x05note", b"\x80", b"\x05notes", b"\x00"])
def test_frames_without_a_key_or_a_message(frame: bytes):
    with pytest.raises(ProtocolError):
        split(frame)


@pytest.mark.parametrize(
    "message",
    [b"\x02", b"\x02\x00\x05no", b"\x02\x00\x01\xff", b"\x00\x00", b"\x00\x02\x05x", b"\x04\x00\x02x"],
)
def test_malformed_messages(message: bytes):
    with pytest.raises(ProtocolError):
        decode(message)


@pytest.mark.parametrize("key", [b"\xff", b"notes\x00" + b"s" * 129])
def test_keys_that_stand_for_no_document(key: bytes):
    with pytest.raises(ProtocolError):
        document_of(key)


@given(st.binary(max_size=50))
def test_whatever_comes_is_a_message_or_a_protocol_error(frame: bytes):
    try:
        key, message = split(frame)
        decode(message)
        document_of(key)
    except ProtocolError:
        pass


@given(st.text(max_size=20), st.binary(min_size=1, max_size=20))
def test_a_key_is_split_off(name: str, message: bytes):
    assert split(prefixed(name.encode()) + message) == (name.encode(), message)


def test_a_key_is_no_longer_than_those_of_collections():
    assert split(prefixed(b"x" * 1024) + b"\x07") == (b"x" * 1024, b"\x07")
    with pytest.raises(ProtocolError, match="1024 bytes"):
        split(prefixed(b"x" * 1025) + b"\x07")
