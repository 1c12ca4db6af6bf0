import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.errors import ProtocolError
from protobase_live.protocol.yjs import awareness
from protobase_live.protocol.yjs.awareness import (
    Entry,
    decode_entries,
    encode_entries,
    gone_last,
    readable_entries,
)
from protobase_live.protocol.yjs.varint import prefixed, varuint

ids = st.integers(0, 2**53 - 1)
clocks = st.integers(0, 2**53 - 2)
json_values = st.recursive(
    st.booleans() | st.integers(-(2**31), 2**31) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
entries = st.lists(st.builds(Entry, ids, clocks, st.none() | json_values.map(json.dumps)), max_size=5)


def update(*items: tuple[int, int, str | None]) -> bytes:
    return encode_entries(Entry(*item) for item in items)


@given(entries)
def test_round_trip(items: list[Entry]):
    assert decode_entries(encode_entries(items)) == items


def test_known_bytes():
    assert update((5, 1, "{}"), (200, 2, None)) == b"\x02\x05\x01\x02{}\xc8\x01\x02\x04null"


@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda tail: b"\x01\x05\x01" + tail))
def test_random_bytes_only_raise_protocol_errors(payload: bytes):
    try:
        items = decode_entries(payload)
    except ProtocolError:
        return
    assert [entry.client_id for entry in decode_entries(encode_entries(items))] == [
        e.client_id for e in items
    ]


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"", "cut off"),
        (b"\x01\x05\x01\x02{", "announced"),
        (b"\x01\x05\x01\x02{}x", "after the awareness update"),
        (b"\x01\x05\x01\x02{x", "client 5 is not JSON"),
        (b"\x01\x05\x01\x03NaN", "NaN is not JSON"),
        (b"\x01\x05\x01\x01\xff", "client 5 is not JSON"),
        (varuint(awareness.MAX_ENTRIES + 1), "the limit is 4096"),
        (b"\x01\x05\x01" + varuint(20000) + b" " * 20000, "the limit is 16384"),
        (b"\x01\x05\x01" + varuint(16000) + b"[" * 16000, "nested too deeply|not JSON"),
        (b"\x01\x05\x01" + varuint(400) + b"[" * 200 + b"]" * 200, "deeper than 100"),
    ],
)
def test_malformed_updates_say_what_is_wrong(payload: bytes, words: str):
    with pytest.raises(ProtocolError, match=words):
        decode_entries(payload)


def raw_update(*items: tuple[int, int, bytes]) -> bytes:
    entries = [varuint(client) + varuint(clock) + prefixed(state) for client, clock, state in items]
    return varuint(len(entries)) + b"".join(entries)


@pytest.mark.parametrize(
    "odd",
    [
        (5, 1, b"{x"),
        (5, 1, b"NaN"),
        (5, 1, b"1e999"),
        (5, 1, b"[" * 200 + b"]" * 200),
        (5, 1, b" " * 20_000),
        (5, awareness.MAX_CLOCK + 1, b"{}"),
        (5, 2**53 - 1, b"null"),
    ],
)
def test_entries_that_cannot_be_used_are_left_out(odd: tuple[int, int, bytes]):
    update = raw_update((4, 1, b"{}"), odd, (6, 1, b"{}"))
    assert [entry.client_id for entry in readable_entries(update)] == [4, 6]


@pytest.mark.parametrize(
    ("state", "repaired"),
    [
        (rb'{"initial":"\ud83d"}', {"initial": "\ufffd"}),
        (rb'["\udc00\ud83d","\ud83d\ude00"]', ["\ufffd\ufffd", "😀"]),
        (b'"\xff"', "\ufffd"),
        (b"9223372036854775808", 9223372036854775808.0),
    ],
)
def test_what_javascript_writes_and_others_cannot_read_is_repaired(state: bytes, repaired: object):
    (entry,) = readable_entries(raw_update((5, 1, state)))
    assert json.loads(entry.state or "") == repaired


def test_what_comes_before_something_malformed_counts():
    whole = raw_update((4, 1, b"{}"), (5, 1, b"{}"))
    assert [entry.client_id for entry in readable_entries(whole[:-1])] == [4]
    assert readable_entries(b"") == []
    assert readable_entries(varuint(awareness.MAX_ENTRIES + 1)) == []
    assert readable_entries(whole + bytes(awareness.MAX_UPDATE_BYTES)) == []


NUMBERS = st.integers(0, 300) | st.integers(0, 2**53 - 1)


@given(st.lists(st.builds(Entry, NUMBERS, NUMBERS, st.sampled_from([None, "{}", '"null"', '"\u00e9"', "7"]))))
def test_whose_leave_is_last_is_read_from_the_end(entries: list[Entry]):
    last = entries[-1] if entries else Entry(0, 0, "{}")
    assert gone_last(encode_entries(entries)) == (last.client_id if last.state is None else None)
