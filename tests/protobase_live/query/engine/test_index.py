"""Indexes keep all records in order, while they are built and afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.errors import LimitExceeded, ValidationError
from protobase_live.query.ast.expressions import F
from protobase_live.query.ast.ordering import sort_key
from protobase_live.query.engine.functions import deep
from protobase_live.query.engine.index import (
    BUILD_STEP,
    END,
    MAX_INDEX_FIELDS,
    Index,
    after,
    behind,
    index_paths,
    named,
)

Row = dict[str, Any]

ROWS: dict[str, Row] = {
    "a": {"owner": "ann", "priority": 2},
    "b": {"owner": "bob", "priority": 1},
    "c": {"owner": "ann", "priority": 1},
    "d": {"priority": 2},
    "e": {"owner": None, "priority": None},
    "f": {"owner": "ann", "priority": 2},
}


def built(*fields: Any, rows: dict[str, Row] = ROWS) -> Index:
    index = Index(index_paths(*fields), rows)
    for _ in index.build(rows):
        pass
    return index


def found(index: Index, low: tuple[Any, ...], high: tuple[Any, ...], walk: Any = "up") -> str:
    return "".join(index.keys(*index.stretch(low, high), walk))


def test_every_record_has_an_entry_and_a_missing_field_counts_as_none() -> None:
    index = built("owner", "priority")
    assert len(index) == len(ROWS)
    assert found(index, (), END) == "edcafb"


def test_equality_on_the_first_fields_is_one_stretch() -> None:
    index = built("owner", "priority")
    ann = (sort_key("ann"),)
    assert found(index, ann, behind(ann)) == "caf"
    both = (*ann, sort_key(2))
    assert found(index, both, behind(both)) == "af"
    nobody = (sort_key("nobody"),)
    assert found(index, nobody, behind(nobody)) == ""


def test_a_range_follows_the_equal_fields() -> None:
    index = built("owner", "priority")
    ann = sort_key("ann")
    assert found(index, (ann, sort_key(2)), (ann, after(sort_key(2)))) == "af"
    assert found(index, (ann, sort_key(1)), (ann, sort_key(2))) == "c"
    assert found(index, (ann, sort_key(5)), (ann, sort_key(2))) == ""


def test_ties_go_by_ascending_key_when_values_descend() -> None:
    index = built("priority")
    assert found(index, (), END) == "ebcadf"
    assert found(index, (), END, "back") == "fdacbe"
    assert found(index, (), END, "down") == "adfbce"


def test_a_descending_walk_stays_in_its_stretch() -> None:
    index = built("priority")
    assert found(index, (sort_key(1),), (sort_key(2),), "down") == "bc"
    assert found(index, (sort_key(2),), END, "down") == "adf"


def test_the_key_may_be_indexed_too() -> None:
    rows = {key: {**row, "_key": key} for key, row in ROWS.items()}
    assert found(built("_key", rows=rows), (sort_key("b"),), (sort_key("d"),)) == "bc"
    assert found(built("priority", "_key", rows=rows), (), END, "down") == "adfbce"


def test_nested_fields() -> None:
    rows: dict[str, Row] = {"a": {"at": {"city": "Rome"}}, "b": {"at": {"city": "Bern"}}, "c": {"at": 3}}
    assert found(built(F.at.city, rows=rows), (), END) == "cba"


def test_changes_move_entries() -> None:
    index = built("priority")
    index.change("b", ROWS["b"], {"priority": 9})
    index.change("c", ROWS["c"], None)
    index.change("g", None, {"priority": 0})
    index.change("a", ROWS["a"], {**ROWS["a"], "owner": "somebody else"})
    assert found(index, (), END) == "egadfb"


def test_building_takes_steps_and_ends() -> None:
    rows: dict[str, Row] = {f"k{n}": {"n": n} for n in range(BUILD_STEP * 2 + 1)}
    index = Index(index_paths("n"), rows)
    assert not index.ready
    assert sum(1 for _ in index.build(rows)) == 3
    assert index.ready
    assert len(index) == len(rows)


def test_an_index_of_nothing_is_ready() -> None:
    assert Index(index_paths("n")).ready


CHANGES = st.lists(
    st.tuples(st.sampled_from([f"k{n}" for n in range(8)]), st.none() | st.integers(0, 3)), max_size=5
)


@given(st.dictionaries(st.sampled_from([f"k{n}" for n in range(8)]), st.integers(0, 3)), st.lists(CHANGES))
def test_changes_between_the_steps_of_building_are_taken_over(
    numbers: dict[str, int], commits: list[list[tuple[str, int | None]]]
) -> None:
    rows: dict[str, Row] = {key: {"n": n} for key, n in numbers.items()}
    others: dict[str, Row] = {f"other{n}": {"n": n % 3} for n in range(BUILD_STEP)}
    rows |= others
    index = Index(index_paths("n"), rows)
    steps = index.build(rows)
    for commit in commits:
        for key, number in commit:
            after = None if number is None else {"n": number}
            index.change(key, rows.get(key), after)
            if after is None:
                rows.pop(key, None)
            else:
                rows[key] = after
        next(steps, None)
    for _ in steps:
        pass
    assert index.ready
    expected = sorted(rows, key=lambda key: (sort_key(deep(rows[key], ("n",))), key))
    assert list(index.keys(0, len(index))) == expected


def test_limits_and_names() -> None:
    assert named(index_paths("owner", F.address.city)) == "owner, address.city"
    with pytest.raises(ValidationError, match="at least one field"):
        index_paths()
    with pytest.raises(ValidationError, match="twice: a, a"):
        index_paths("a", "a")
    with pytest.raises(ValidationError, match="on fields, not on"):
        index_paths(F.a + 1)  # pyright: ignore[reportArgumentType]
    with pytest.raises(LimitExceeded, match=f"at most {MAX_INDEX_FIELDS}"):
        index_paths(*(f"f{n}" for n in range(MAX_INDEX_FIELDS + 1)))


@given(st.lists(st.integers(0, 6), max_size=200), st.integers(0, 7), st.integers(0, 7))
def test_a_walk_down_is_the_order_of_values_in_reverse_and_of_keys(
    numbers: list[int], low: int, high: int
) -> None:
    rows: dict[str, Row] = {f"k{n:03}": {"n": number} for n, number in enumerate(numbers)}
    index = built("n", rows=rows)
    keys = index.keys(*index.stretch((sort_key(low),), (sort_key(high),)), "down")
    expected = [key for key in rows if low <= rows[key]["n"] < high]
    assert list(keys) == sorted(expected, key=lambda key: (-rows[key]["n"], key))
