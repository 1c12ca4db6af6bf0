from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.errors import ProtocolError
from protobase_live.presence.node_words import new_part
from protobase_live.presence.own_words import Word
from protobase_live.presence.spoken import Alive, Ask, Still, decode_spoken, encode_spoken
from protobase_live.protocol.yjs.awareness import Entry

numbers = st.integers(0, 2**53 - 1)
entries = st.lists(st.builds(Entry, numbers, st.integers(0, 100), st.none() | st.just("{}")))
parts = st.builds(new_part, numbers, numbers, st.booleans(), entries, st.lists(st.tuples(numbers, numbers)))
words = st.builds(Word, parts, numbers, st.tuples(numbers, numbers))
spoken = st.one_of(
    st.builds(Alive, numbers), st.builds(Ask, numbers, numbers), st.builds(Still, numbers, numbers), words
)


@given(spoken)
def test_what_is_said_is_heard(said):
    heard = decode_spoken(encode_spoken(said))
    assert (type(heard), heard) == (type(said), said)


@given(st.binary(max_size=40))
def test_anything_else_is_a_protocol_error(data):
    with suppress(ProtocolError):
        decode_spoken(data)


def test_a_word_has_one_part():
    part = new_part(1, 2, False, [])
    with pytest.raises(ProtocolError, match="one part, not 2"):
        decode_spoken(encode_spoken(Word(part._replace(data=2 * part.data), 0)))


def test_a_later_kind_is_not_understood():
    with pytest.raises(ProtocolError, match="no message of kind 9"):
        decode_spoken(b"\x09")
