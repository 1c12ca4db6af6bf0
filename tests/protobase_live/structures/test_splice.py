"""The smallest single splice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.structures.splice import splice

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
