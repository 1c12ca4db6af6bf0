"""Cursors travel as text."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.cursor import MAX_CURSOR_CHARS, START, Cursor
from protobase_live.errors import ValidationError

vectors = st.dictionaries(
    st.text("0123456789abcdef", min_size=1, max_size=12), st.integers(0, 2**53), max_size=4
)


@given(vectors, st.integers(0, 1000), st.text(max_size=9))
def test_there_and_back(vector: dict[str, int], skip: int, origin: str) -> None:
    cursor = Cursor(vector, skip, origin if skip else "")
    assert Cursor.decode(cursor.encode()) == cursor


@given(vectors)
def test_equal_cursors_have_equal_texts(vector: dict[str, int]) -> None:
    assert Cursor(vector).encode() == Cursor(dict(reversed(vector.items()))).encode()


@given(st.text(max_size=50))
def test_anything_else_is_refused(text: str) -> None:
    with contextlib.suppress(ValidationError):
        assert Cursor.decode(text)


def test_a_cursor_is_bounded() -> None:
    with pytest.raises(ValidationError, match="at most"):
        Cursor.decode("x" * (MAX_CURSOR_CHARS + 1))


def test_the_start_has_seen_nothing() -> None:
    assert Cursor.decode(START) == Cursor()
