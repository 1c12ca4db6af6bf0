"""Only what was shown just so is on the way that a collection has come."""

from __future__ import annotations

import pytest

from protobase_live.live.path import Path


def made(*vectors: dict[str, int], most: int = 9) -> Path:
    path = Path({"a": 1}, most)
    for vector in vectors:
        path.advance(vector)
    return path


WAY = ({"a": 2}, {"a": 3}, {"a": 3, "b": 1}, {"a": 4, "b": 1}, {"a": 4, "b": 4}, {"a": 5, "b": 5})


@pytest.mark.parametrize("vector", [{"a": 1}, *WAY])
def test_it_leads_through_what_was_shown(vector: dict[str, int]) -> None:
    assert made(*WAY).leads_through(vector)


@pytest.mark.parametrize(
    "vector",
    [
        {},
        {"a": 0},
        {"a": 4},  # before what came before it here
        {"a": 2, "b": 1},
        {"a": 4, "b": 2},  # amid what was shown as one
        {"a": 5, "b": 4},
        {"a": 6, "b": 5},
        {"a": 3, "c": 1},
        {"a/elsewhere": 3},
    ],
)
def test_and_through_nothing_else(vector: dict[str, int]) -> None:
    assert not made(*WAY).leads_through(vector)


def test_another_timeline_of_a_node_goes_on_behind_the_last() -> None:
    path = made({"a/later": 2}, {"a/later": 3})
    assert path.leads_through({"a": 1})
    assert path.leads_through({"a/later": 2})
    assert not path.leads_through({"a": 2})


def test_what_is_remembered_is_bounded_and_one_node_in_a_row_is_one() -> None:
    way = [{"a": n} for n in range(2, 50)]
    assert made(*way, most=1).leads_through({"a": 2})
    turns = [{"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 2, "b": 2}]
    path = made(*turns, most=2)
    assert not path.leads_through({"a": 1})
    assert all(map(path.leads_through, turns))
