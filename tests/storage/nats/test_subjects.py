"""Names of collections as subjects."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_storage.contract import MAX_NAME_BYTES
from protobase_storage.errors import InvalidName
from protobase_storage.nats.subjects import Subjects, collection_of, token_of


@given(st.text(min_size=1, max_size=100))
def test_a_name_is_one_token_and_comes_back(name: str) -> None:
    if not any(0xD800 <= ord(each) < 0xE000 for each in name):
        token = token_of(name)
        assert set(token).isdisjoint(" .*>\t\r\n")
        assert collection_of(token) == name


def test_the_longest_name_fits_a_line_of_the_protocol() -> None:
    assert len(Subjects("s" * 64).pieces("é" * (MAX_NAME_BYTES // 2), "0" * 26)) < 2_000


def test_names_are_plain_where_they_may_be() -> None:
    assert token_of("boards/42_a-b") == "boards=2F42_a-b"
    assert Subjects("s").log("tasks") == "s.log.tasks"
    assert Subjects.collection("s.log.boards=2F42") == "boards/42"


def test_what_is_no_name_is_refused() -> None:
    with pytest.raises(InvalidName):
        token_of("")
