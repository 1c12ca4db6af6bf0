from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.errors import ProtocolError
from protobase_live.presence.node_words import Links, decode_nodes, decode_parts, encode_nodes, new_part
from protobase_live.protocol.yjs.awareness import MAX_RELAYED_CLOCK, Entry

numbers = st.integers(0, 2**53 - 1)
entries = st.lists(st.builds(Entry, numbers, st.integers(0, MAX_RELAYED_CLOCK), st.none() | st.just("{}")))
parts = st.builds(new_part, numbers, numbers, st.booleans(), entries, st.lists(st.tuples(numbers, numbers)))
links = st.builds(Links, numbers, numbers, st.lists(numbers).map(tuple))


@given(st.lists(parts, max_size=3))
def test_parts(said):
    heard = list(decode_parts(b"".join(part.data for part in said)))
    assert heard == said
    assert [part.entries() for part in heard] == [part.entries() for part in said]


@given(numbers, st.lists(links, max_size=3))
def test_nodes(sender, known):
    assert decode_nodes(encode_nodes(sender, known)) == (sender, known)


@given(st.binary(max_size=40))
def test_anything_else_is_a_protocol_error(payload):
    for decode in (decode_nodes, lambda data: [part.entries() for part in decode_parts(data)]):
        with suppress(ProtocolError):
            decode(payload)


def test_clocks_leave_something_to_count_on_from():
    part = new_part(1, 1, False, [Entry(5, MAX_RELAYED_CLOCK + 1, "{}")])
    with pytest.raises(ProtocolError, match="of client 5, the limit is"):
        part.entries()
