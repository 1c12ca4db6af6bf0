"""What nodes say comes back as it was; what cannot be read is told, and what is not known is left out."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.errors import ProtocolError
from protobase_live.model.names import MAX_NODE_BYTES
from protobase_live.protocol.packing import pack
from protobase_live.protocol.peer.messages import (
    MAX_VERSIONS,
    Answer,
    Beat,
    Call,
    Commits,
    Deleted,
    Introduce,
    PeerMessage,
    Presence,
    Prove,
    SnapshotPart,
    Standings,
    Taken,
    decode,
    encode,
)

HISTORY = (2, "h")
MESSAGES: list[PeerMessage] = [
    Introduce("n1", (1, 2), b"n" * 32),
    Prove(b"p" * 32),
    Standings({"a": ((0, ""), {}), "b": (HISTORY, {"n1/t": 7})}, complete=True),
    Commits(3, {"a": (HISTORY, (b"one", b"two"))}),
    Taken(3, {"a": (HISTORY, {"n1/t": 7})}, {"b": ("no room", True)}),
    Deleted("a", b"remains"),
    SnapshotPart("a", HISTORY, {"n1/t": 7}, 1.5, b"part", last=False),
    Beat(("n2", "n3")),
    Presence({"a": b"payload"}),
    Call(4, "transact", b"body"),
    Answer(4, b"body"),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_it_comes_back_as_it_was(message: PeerMessage) -> None:
    assert decode(encode(message)) == message


def test_an_answer_may_be_none() -> None:
    assert decode(encode(Answer(4, None))) == Answer(4, None)


def test_a_kind_that_is_not_known_is_left_out() -> None:
    assert decode(pack([len(MESSAGES), "what a later release says"])) is None


@pytest.mark.parametrize(
    "raw", [None, 7, [], ["a"], {}, [3], [3, -1, {}], [2, {"a": [[0, ""], {"n": -1}]}, True]]
)
def test_what_is_no_message_is_told_so(raw: object) -> None:
    with pytest.raises(ProtocolError):
        decode(pack(raw))


@pytest.mark.parametrize(
    "raw",
    [
        [0, "n", [1] * (MAX_VERSIONS + 1), b"n" * 32],
        [0, "n" * (MAX_NODE_BYTES + 1), [1], b"n" * 32],
        [0, "n", ["1" * 10_000], b"n" * 32],
        [0, "n", [[1] * 10_000], b"n" * 32],
        ["kind" * 10_000],
    ],
)
def test_what_is_told_of_a_long_introduction_is_short(raw: object) -> None:
    with pytest.raises(ProtocolError) as told:
        decode(pack(raw))
    assert len(str(told.value)) < 200
    assert "1, 1" not in str(told.value)


@given(st.sampled_from(MESSAGES), st.data())
def test_whatever_comes_is_a_message_or_a_protocol_error(message: PeerMessage, data: st.DataObject) -> None:
    encoded = bytearray(encode(message))
    for _ in range(data.draw(st.integers(1, 3))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    with suppress(ProtocolError):
        decode(bytes(encoded))
