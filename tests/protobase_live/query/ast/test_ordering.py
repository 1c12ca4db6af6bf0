"""The order of values."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.model import values
from protobase_live.query.ast.expressions import F
from protobase_live.query.ast.ordering import LARGE, descending, has_forms, sort_key
from protobase_live.query.engine.code import compile_keys
from protobase_live.query.engine.functions import downward
from tests.support.query_oracle import compare

zones = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-3, 3)
atoms = st.one_of(
    st.none(),
    st.booleans(),
    numbers,
    st.text(max_size=3),
    st.binary(max_size=3),
    st.dates(),
    st.datetimes(timezones=st.none() | zones),
)
anything = st.recursive(
    atoms,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(alphabet="ab", max_size=2), inner, max_size=3)
        | st.sets(atoms, max_size=3)
    ),
    max_leaves=6,
)

IN_ORDER: list[Any] = [
    None,
    False,
    True,
    -(10**400),
    -1.5,
    0,
    0.5,
    1,
    10**400,
    "",
    "A",
    "a",
    "ab",
    "b",
    "\uffff",
    "\U0001f600",
    b"",
    b"a",
    date(1, 1, 1),
    date(9999, 12, 31),
    datetime(9999, 12, 31),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(2025, 1, 1, 13, tzinfo=timezone(timedelta(hours=2))),
    datetime(2025, 1, 1, 12, tzinfo=UTC),
    [],
    [None],
    [0],
    [0, 0],
    [1],
    {},
    {"a": 0},
    {"a": 0, "b": 0},
    {"a": 1},
    {"b": 0},
    set(),
    {0},
    {0, "a"},
    {1},
]


def test_the_stated_order() -> None:
    keys = list(map(sort_key, IN_ORDER))
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


@given(anything, anything)
def test_keys_compare_as_values_do(one: Any, other: Any) -> None:
    a, b = sort_key(one), sort_key(other)
    assert (a > b) - (a < b) == compare(one, other)
    assert (a == b) == (hash(a) == hash(b) and not a < b and not b < a)


@given(anything, anything)
def test_descending_is_the_exact_reverse(one: Any, other: Any) -> None:
    a, b = sort_key(one), sort_key(other)
    down_a, down_b = descending(a), descending(b)
    assert (a < b, a == b, a > b) == (down_a > down_b, down_a == down_b, down_a < down_b)
    assert downward(one) == down_a


@given(anything, anything)
def test_what_is_the_same_is_equal(one: Any, other: Any) -> None:
    if values.same(one, other):
        assert sort_key(one) == sort_key(other)
    assert sort_key(one) == sort_key(values.from_json(values.to_json(one)))


def test_numbers_are_equal_by_amount() -> None:
    assert sort_key(1) == sort_key(1.0) != sort_key(True)
    assert sort_key(0.0) == sort_key(-0.0) == sort_key(0) != sort_key(False)
    assert sort_key(2**53 + 1) != sort_key(float(2**53))
    assert sort_key([1, {"a": 2}]) == sort_key((1.0, {"a": 2.0}))


@pytest.mark.parametrize("value", ["ab" * 5_000, b"ab" * 5_000, ["ab" * 5_000], {"a": "ab" * 5_000}])
def test_sorting_downwards_takes_no_more_memory_than_the_values(value: Any) -> None:
    key = sort_key(value)
    tracemalloc.start()
    reversed_key = descending(key)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert reversed_key < descending(sort_key(None))
    assert held < 25_000


@pytest.mark.parametrize(
    ("shorter", "longer"),
    [("", "\0"), ("a", "a\0"), ("a", "a\U0010ffff"), (b"", b"\0"), (b"a", b"a\xff"), ([], [None])],
)
def test_downwards_what_is_longer_comes_before_what_begins_it(shorter: Any, longer: Any) -> None:
    assert descending(sort_key(longer)) < descending(sort_key(shorter))


@given(st.integers(LARGE // 2, 2**200) | st.integers(-(2**200), -LARGE // 2))
def test_numbers_that_are_equal_have_one_hash(number: int) -> None:
    for value in (number, float(number), int(float(number))):
        assert (sort_key(value) == sort_key(number)) == (value == number)
        if value == number:
            assert hash(sort_key(value)) == hash(sort_key(number))
    assert sort_key(number - 1) < sort_key(number) < sort_key(number + 1)
    assert descending(sort_key(number + 1)) < descending(sort_key(number))


def test_keys_of_numbers_do_not_hash_alike() -> None:
    """Thousands of them would be grouped or joined in minutes."""
    numbers = [LARGE * n for n in range(-100, 100) if n]
    assert len(set(map(hash, numbers))) < 3
    assert len({hash(sort_key(number)) for number in numbers}) == len(numbers)
    assert len({hash(sort_key([number])) for number in numbers}) == len(numbers)
    key = compile_keys([F.n])
    assert len({hash(key({"n": number})) for number in numbers}) == len(numbers)


def test_which_keys_values_have_that_need_not_be_alike() -> None:
    one_form = [
        None,
        True,
        1,
        1.5,
        -3,
        "0",
        b"0",
        date(1970, 1, 1),
        datetime(1970, 1, 1),
        [],
        [1, ["a"]],
        {"a": 1},
    ]
    assert not any(has_forms(sort_key(value)) for value in one_form)
    forms = [0, -0.0, 2**60, float(2**60), -(2**60), datetime(2025, 1, 1, tzinfo=UTC)]
    for value in forms:
        for each in (value, [1, [value]], {"a": {"b": value}}, {"a", value}):
            assert has_forms(sort_key(each))
