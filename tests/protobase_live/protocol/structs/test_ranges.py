"""Ranges against a set of integers."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from protobase_live.protocol.structs.ranges import Ranges

pairs = st.tuples(st.integers(0, 40), st.integers(1, 12)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def numbers(ranges) -> set[int]:
    return {number for start, end in ranges for number in range(start, end)}


@given(st.lists(pairs, max_size=20))
def test_adding_is_what_adding_to_a_set_is(added: list[tuple[int, int]]) -> None:
    ranges, model = Ranges(), set[int]()
    for start, end in added:
        new = ranges.add(start, end)
        wanted = set(range(start, end)) - model
        assert numbers(new) == wanted
        assert sum(end - start for start, end in new) == len(wanted)
        model |= wanted
        assert numbers(ranges) == model
        assert [number in ranges for number in range(60)] == [number in model for number in range(60)]


@given(st.lists(pairs, max_size=20))
def test_no_range_touches_the_next(added: list[tuple[int, int]]) -> None:
    ranges = Ranges()
    for start, end in added:
        ranges.add(start, end)
    kept = list(ranges)
    assert all(start < end for start, end in kept)
    assert all(one[1] < other[0] for one, other in pairwise(kept))


def test_nothing_new_changes_nothing() -> None:
    ranges = Ranges()
    assert ranges.add(3, 9) == [(3, 9)]
    assert ranges.add(4, 9) == []
    assert list(ranges) == [(3, 9)]
    assert ranges.add(9, 11) == [(9, 11)]
    assert ranges.add(0, 3) == [(0, 3)]
    assert list(ranges) == [(0, 11)]
