"""Cursors travel as text."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.errors import ValidationError
from protobase_live.model.cursor import MAX_CURSOR_CHARS, START, Cursor, Half, opaque

vectors = st.dictionaries(
    st.text("0123456789abcdef", min_size=1, max_size=12), st.integers(0, 2**53), max_size=4
)


halves = st.builds(Half, st.text(max_size=9), st.integers(1, 2**53), st.integers(1, 1000))


@given(vectors, st.none() | halves)
def test_there_and_back(vector: dict[str, int], half: Half | None) -> None:
    cursor = Cursor(vector, half)
    assert Cursor.decode(cursor.encode()) == cursor


@given(vectors, st.none() | halves, st.text("abcAB019-_", max_size=12))
def test_behind_it_stands_what_part_was_seen(vector: dict[str, int], half: Half | None, part: str) -> None:
    whole, cursor = Cursor(vector, half), Cursor(vector, half, part)
    assert cursor.encode() == f"{whole.encode()}~{part}"
    assert Cursor.decode(cursor.encode()) == cursor != whole
    assert cursor.reach == whole.reach
    assert cursor.is_start == (whole == Cursor())


def test_a_cursor_of_an_earlier_version_means_the_next_commit_of_its_node() -> None:
    assert Cursor.decode(opaque([{"n/1": 4}, 2, "n/2"])) == Cursor({"n/1": 4}, Half("n/2", 5, 2))
    assert Cursor.decode(opaque([{"n/1": 4}, 0])) == Cursor({"n/1": 4})
    assert Cursor.decode(opaque([{"n": 4}, 2])) == Cursor({"n": 4}, Half("", 1, 2))


@given(vectors)
def test_equal_cursors_have_equal_texts(vector: dict[str, int]) -> None:
    assert Cursor(vector).encode() == Cursor(dict(reversed(vector.items()))).encode()


@given(st.text(max_size=50))
def test_anything_else_is_refused(text: str) -> None:
    with contextlib.suppress(ValidationError):
        assert Cursor.decode(text)


@pytest.mark.parametrize("seen", [False, "", [], -1, 1.5])
def test_a_count_of_changes_is_a_whole_number(seen: object) -> None:
    with pytest.raises(ValidationError, match="not a cursor"):
        Cursor.decode(opaque([{"n/1": 4}, seen]))


def test_a_cursor_is_bounded() -> None:
    with pytest.raises(ValidationError, match="at most"):
        Cursor.decode("x" * (MAX_CURSOR_CHARS + 1))


def test_the_start_has_seen_nothing() -> None:
    assert Cursor.decode(START) == Cursor()


def test_it_reaches_as_far_as_the_commit_that_was_begun() -> None:
    assert Cursor({"n/t": 2, "m": 1}).reach == {"n/t": 2, "m": 1}
    assert Cursor({"n/t": 2, "m": 1}, Half("n/later", 3, 1)).reach == {"n/later": 3, "m": 1}
