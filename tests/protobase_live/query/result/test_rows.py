"""Rows become Arrow tables, whatever is in them."""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.errors import ValidationError
from protobase_live.model import values
from protobase_live.model.atoms import Atom
from protobase_live.query.result.rows import MAX_STRUCT_FIELDS, Rows


class Task(Atom):
    title: str
    done: bool = False


def column(*found: Any) -> Any:
    return Rows([{"x": value} for value in found]).to_arrow().column("x")


def test_columns_are_the_fields_in_the_order_they_first_come() -> None:
    table = Rows([{"b": 1, "a": "x"}, {"c": None, "a": "y"}]).to_arrow()
    assert table.column_names == ["b", "a", "c"]
    assert table.to_pylist() == [{"b": 1, "a": "x", "c": None}, {"b": None, "a": "y", "c": None}]


def test_no_rows_are_an_empty_table() -> None:
    table = Rows().to_arrow()
    assert (table.num_rows, table.num_columns) == (0, 0)


def test_atoms_are_their_fields() -> None:
    table = Rows([Task(title="Write"), Task(title="Read", done=True)]).to_arrow()
    assert table.to_pylist() == [{"title": "Write", "done": False}, {"title": "Read", "done": True}]


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        ([1, None, 2], "int64"),
        ([1, 2.5], "double"),
        ([True, None], "bool"),
        (["a"], "string"),
        ([b"a"], "binary"),
        ([date(2026, 1, 2)], "date32[day]"),
        ([datetime(2026, 1, 2)], "timestamp[us]"),
        ([datetime(2026, 1, 2, tzinfo=UTC)], "timestamp[us, tz=UTC]"),
        ([[1], [], [None]], "list<item: int64>"),
        ([{"a": 1}, {"b": "x"}, {}], "struct<a: int64, b: string>"),
    ],
)
def test_values_of_one_kind_keep_it(found: list[Any], kind: str) -> None:
    assert str(column(*found).type) == kind


def test_sets_are_sorted_lists() -> None:
    assert column({3, 1, 2}, {1}).to_pylist() == [[1, 2, 3], [1]]


def test_moments_are_those_of_utc() -> None:
    east = datetime(2026, 1, 2, 5, tzinfo=timezone(timedelta(hours=5)))
    assert column(east).to_pylist() == [datetime(2026, 1, 2, tzinfo=UTC)]


@pytest.mark.parametrize(
    "found",
    [
        [1, "a"],
        [1.5, True],
        ["a", b"a"],
        [date(2026, 1, 2), datetime(2026, 1, 2)],
        [datetime(2026, 1, 2), datetime(2026, 1, 2, tzinfo=UTC)],
        [datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5)))],
        [2**70],
        [2**60 + 1, 0.5],
        [[1], 2],
        [[1], ["a"]],
        [{"a": 1}, {"a": "x"}],
        [{(1, 2): 3}],
        [{f"k{n}": n for n in range(MAX_STRUCT_FIELDS + 1)}],
    ],
)
def test_what_does_not_fit_into_one_column_is_its_json_text(found: list[Any]) -> None:
    texts = column(None, *found).to_pylist()
    assert texts[0] is None
    assert [values.from_json(json.loads(text)) for text in texts[1:]] == found


SCALARS: Any = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()
)
ANY = SCALARS | st.recursive(
    SCALARS | st.binary(max_size=3) | st.dates() | st.datetimes(timezones=st.none() | st.just(UTC)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), ANY)))
def test_every_answer_has_a_table(rows: list[dict[str, Any]]) -> None:
    table = Rows(rows).to_arrow()
    assert table.num_rows == len(rows) or not table.num_columns
    for name in table.column_names:
        nulls = [each is None for each in table.column(name).to_pylist()]
        assert nulls == [row.get(name) is None for row in rows]


def test_without_pyarrow_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ValidationError, match=r"pip install 'protobase-live\[arrow\]'"):
        Rows([{"a": 1}]).to_arrow()
