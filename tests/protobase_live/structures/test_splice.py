"""The smallest single splice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.structures.splice import splice, splice_of, splice_text

few = st.lists(st.sampled_from("ab"), max_size=8)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "", (0, 0, "")),
        ("abc", "abc", (3, 0, "")),
        ("abc", "abxc", (2, 0, "x")),
        ("aaa", "aa", (2, 1, "")),
        ("abab", "ab", (2, 2, "")),
        ("xay", "xby", (1, 1, "b")),
        ([1, 2], [], (0, 2, [])),
    ],
)
def test_examples(old, new, expected):
    assert splice(old, new) == expected


@given(few, few)
def test_it_leads_to_the_new_and_none_is_smaller(old, new):
    start, deleted, inserted = splice(old, new)
    assert old[:start] + inserted + old[start + deleted :] == new
    smallest = min(
        (stop - first) + len(new) - len(old) + (stop - first)
        for first in range(len(old) + 1)
        for stop in range(first, len(old) + 1)
        if len(new) >= len(old) - (stop - first)
        and new[:first] == old[:first]
        and (stop == len(old) or new[stop - len(old) :] == old[stop:])
    )
    assert deleted + len(inserted) == smallest


def test_equality_may_be_given():
    assert splice([1], [True], lambda one, other: one is other) == (0, 1, [True])


@given(st.text("ab", max_size=30), st.text("ab", max_size=30))
def test_texts_are_compared_in_parts_and_not_otherwise(old, new):
    assert splice_text(old, new) == splice(old, new)


def test_only_an_update_of_a_text_has_a_splice():
    assert splice_of(None, "abc", "axc") == (1, 1, "x")
    assert splice_of("k", "abc", "axc") is None
    assert splice_of(None, None, "abc") is None
    assert splice_of(None, [1], [2]) is None
