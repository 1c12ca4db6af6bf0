"""The patterns of like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.query.engine.patterns import MAX_PATTERN_CHARS, matcher
from tests.support.query_oracle import like

letters = st.text(alphabet="ab%_\\.*(\n", max_size=10)


@pytest.mark.parametrize(
    ("pattern", "fitting", "others"),
    [
        ("", [""], ["a"]),
        ("a%", ["a", "ab"], ["", "ba", "A"]),
        ("%a", ["a", "ba", "\na"], ["ab"]),
        ("%a%", ["a", "bab"], ["b"]),
        ("a%a", ["aa", "aba"], ["a"]),
        ("a_c", ["abc", "a\nc"], ["ac", "abbc"]),
        ("%_%", ["a", "ab"], [""]),
        (r"100\%", ["100%"], ["1000"]),
        (r"a\_b", ["a_b"], ["axb"]),
        (r"a\\%", ["a\\", "a\\b"], ["a%"]),
        (r"a\b", [r"a\b"], ["ab"]),
        ("a\\", ["a\\"], ["a"]),
        ("%ab%abc", ["ababc", "ab abc"], ["abc"]),
    ],
)
def test_what_fits(pattern: str, fitting: list[str], others: list[str]) -> None:
    assert all(matcher(pattern)(text) for text in fitting)
    assert not any(matcher(pattern)(text) for text in others)


@given(letters, letters)
def test_as_backtracking_says(text: str, pattern: str) -> None:
    assert matcher(pattern)(text) == like(text, pattern)


@pytest.mark.parametrize("piece", ["%a", "%_", "%a_", "%_a"])
def test_hostile_patterns_end(piece: str) -> None:
    pattern = piece * (MAX_PATTERN_CHARS // len(piece) - 1) + "b"
    assert not matcher(pattern)("a" * 20_000)
