"""Ranges against a set of integers."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.protocol.yjs.ranges import Ranges

MAX_CLOCK = 2**31 - 1

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


def made(added: list[tuple[int, int]]) -> Ranges:
    ranges = Ranges()
    for start, end in added:
        ranges.add(start, end)
    return ranges


@given(st.lists(st.lists(pairs, max_size=20), max_size=4))
def test_merging_is_adding_one_by_one(lists: list[list[tuple[int, int]]]) -> None:
    merged, added = Ranges(), Ranges()
    for other in map(made, lists):
        new = merged.merge(other)
        one_by_one = [part for start, end in other for part in added.add(start, end)]
        assert list(new) == one_by_one
        assert list(merged) == list(added)
        assert merged.encode() == added.encode() == made(list(added)).encode()


@given(st.lists(pairs, max_size=20), st.integers(0, 60))
def test_a_split_leaves_nothing_out(added: list[tuple[int, int]], clock: int) -> None:
    ranges = made(added)
    before, behind = ranges.split(clock)
    assert numbers(before) == {number for number in numbers(ranges) if number < clock}
    assert numbers(behind) == {number for number in numbers(ranges) if number >= clock}


@given(st.lists(pairs, max_size=20), st.integers(1, 8))
def test_portions_are_the_whole(added: list[tuple[int, int]], size: int) -> None:
    ranges = made(added)
    portions = list(ranges.portions(size))
    assert [each for portion in portions for each in portion] == list(ranges)
    assert all(len(portion) <= size for portion in portions)


def test_what_is_encoded_is_kept_until_something_is_added() -> None:
    ranges = made([(0, 1), (300, 302)])
    encoded = ranges.encode()
    assert encoded == b"\x02\x00\x01\xac\x02\x02"
    ranges.add(300, 301)
    ranges.merge(made([(0, 1), (301, 302)]))
    assert ranges.encode() is encoded, "nothing was new"
    ranges.add(2, 3)
    assert ranges.encode() == b"\x03\x00\x01\x02\x01\xac\x02\x02"


def test_knows_its_own_bytes() -> None:
    ranges = made([(0, 1), (2, 3)])
    assert ranges.size_at(b"..\x02\x00\x01\x02\x01.", 2) == 5
    for other in (b"\x02\x00\x01\x02\x02", b"\x01\x00\x01\x02\x01", b"\x02\x00\x01\x02", b""):
        assert ranges.size_at(other, 0) == 0


@pytest.mark.parametrize(
    ("starts", "lengths"),
    [([9], [0]), ([8], [1]), ([7], [1]), ([10, 11], [1, 1]), ([12, 10], [1, 1]), ([MAX_CLOCK], [1])],
)
def test_only_what_is_in_order_and_apart_extends(starts: list[int], lengths: list[int]) -> None:
    ranges = made([(4, 8)])
    assert not ranges.extend(starts, lengths, MAX_CLOCK)
    assert list(ranges) == [(4, 8)]
    assert ranges.extend([9, 12], [2, 1], MAX_CLOCK)
    assert list(ranges) == [(4, 8), (9, 11), (12, 13)]


def test_nothing_new_changes_nothing() -> None:
    ranges = Ranges()
    assert ranges.add(3, 9) == [(3, 9)]
    assert ranges.add(4, 9) == []
    assert list(ranges) == [(3, 9)]
    assert ranges.add(9, 11) == [(9, 11)]
    assert ranges.add(0, 3) == [(0, 3)]
    assert list(ranges) == [(0, 11)]


@given(st.lists(pairs, max_size=20), st.lists(pairs, max_size=20))
def test_what_it_covers_adds_nothing(added: list[tuple[int, int]], asked: list[tuple[int, int]]) -> None:
    ranges, others = Ranges(), Ranges()
    for start, end in added:
        ranges.add(start, end)
    for start, end in asked:
        others.add(start, end)
    assert ranges.covers(others) == (numbers(others) <= numbers(ranges))
