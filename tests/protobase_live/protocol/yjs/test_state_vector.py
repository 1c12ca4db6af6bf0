import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycrdt import Doc, Text

from protobase_live.errors import ProtocolError
from protobase_live.protocol.yjs.state_vector import (
    STEP_CLIENTS,
    decode_in_steps,
    decode_state_vector,
    encode_state_vector,
)


@given(st.sets(st.integers(0, 2**53 - 1), max_size=4))
def test_reads_what_pycrdt_writes(clients: set[int]):
    doc, expected = Doc(), dict[int, int]()
    for length, client in enumerate(clients, 1):
        writer = Doc(client_id=client)
        writer.get("text", type=Text).insert(0, "x" * length)
        doc.apply_update(writer.get_update())
        expected[client] = length
    assert decode_state_vector(doc.get_state()) == expected


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "cut off"),
        (b"\x01\x05", "cut off"),
        (b"\x00\x00", "1 bytes after"),
        (b"\x02\x05\x01\x05\x02", "names a client twice"),
        (b"\x04\x05\x01", "4 clients, the limit is 3"),
        (b"\x01\x05" + b"\xff" * 7 + b"\x10", "integer at byte 2 exceeds"),
        (b"\x01" + b"\x80" * 8 + b"\x00\x01", "integer at byte 1 exceeds"),
        (b"\x02\x05\x01" + b"\xff" * 2_000_000, "integer at byte 3 exceeds"),
        (b"\x01\x05\x01" + b"\xff" * 9, "9 bytes after"),
        (b"\x02\x05\x01\x06", "2 clients is cut off"),
    ],
)
def test_malformed_vectors_say_what_is_wrong(data: bytes, words: str):
    with pytest.raises(ProtocolError, match=words):
        decode_state_vector(data, max_clients=3)


@given(st.dictionaries(st.integers(0, 2**53 - 1), st.integers(0, 2**53 - 1)))
def test_what_is_written_is_read(state: dict[int, int]):
    assert decode_state_vector(encode_state_vector(state)) == state


@given(st.binary(max_size=40))
def test_random_bytes_only_raise_protocol_errors(data: bytes):
    with contextlib.suppress(ProtocolError):
        decode_state_vector(data)


def test_a_long_one_is_read_in_steps():
    state = dict.fromkeys(range(3 * STEP_CLIENTS + 1), 1)
    encoded = encode_state_vector(state)
    assert sum(1 for _ in decode_in_steps(encoded)) == 3
    assert decode_state_vector(encoded) == state


@pytest.mark.parametrize("end", [b"\x80" * 8 + b"\x00\x01", b"\x05" + b"\xff" * 9])
def test_what_is_wrong_with_a_long_one_is_looked_for_in_steps(end: bytes):
    count = 3 * STEP_CLIENTS
    encoded = encode_state_vector(dict.fromkeys(range(count), 1))[: -len(end)] + end
    steps = decode_in_steps(encoded)
    next(steps)
    next(steps)
    with pytest.raises(ProtocolError, match="exceeds"):
        next(steps)
