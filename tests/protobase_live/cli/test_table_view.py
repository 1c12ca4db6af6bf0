"""Rows for people and for other programs."""

import csv
import io
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from protobase_live.cli.table_view import cell, columns, csv_text, json_text, plain_table, rich_table

ROWS = [
    {"title": "Write", "_key": "t1", "priority": 3, "tags": ["a", {"b": None}]},
    {"_key": "t20", "title": None, "priority": 10, "done": True, "at": date(2026, 5, 1)},
]


def drawn(table, width=80):
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    console.print(table)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_columns_are_all_fields_the_key_first():
    assert columns(ROWS) == ["_key", "at", "done", "priority", "tags", "title"]
    assert columns([{"b": 1, "_key": 2, "a": 3}, {"b": None, "_key": 2, "a": 3}]) == ["_key", "b", "a"]
    assert columns([]) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("a\nb", "a\nb"),
        (True, "true"),
        (12, "12"),
        (1.5, "1.5"),
        (2**60, '{"@":"int","v":"1152921504606846976"}'),
        (date(2026, 5, 1), "2026-05-01"),
        (datetime(2026, 5, 1, 12), "2026-05-01T12:00:00"),
        ({"é": [1, None]}, '{"é":[1,null]}'),
        (b"x", '{"@":"bytes","v":"eA=="}'),
        ({"b", "a"}, '{"@":"set","v":["a","b"]}'),
    ],
)
def test_cells(value, text):
    assert cell(value) == text


def test_plain_table():
    assert plain_table(ROWS).splitlines() == [
        "_key  at          done  priority  tags              title",
        't1                             3  ["a",{"b":null}]  Write',
        "t20   2026-05-01  true        10",
    ]
    assert plain_table([]) == "(no rows)\n"
    assert plain_table([{}]) == "\n\n"


def test_plain_table_measures_what_is_seen():
    assert plain_table([{"a": "日本", "b": "x"}, {"a": "ab", "b": "y"}]).splitlines() == [
        "a     b",
        "日本  x",
        "ab    y",
    ]


def test_tables_show_no_value_a_terminal_would_obey():
    rows = [{"a\x1b[2J": "x\x1b[31m\r\n\x9b[[bold]"}]
    said = "x\\x1b[31m\\r\\n\\x9b[[bold]"
    assert plain_table(rows) == f"a\\x1b[2J\n{said}\n"
    assert [line.strip() for line in drawn(rich_table(rows))] == ["a\\x1b[2J", said]


def test_rich_table():
    assert drawn(rich_table(ROWS)) == [
        " _key  at          done  priority  tags              title",
        ' t1                             3  ["a",{"b":null}]  Write',
        " t20   2026-05-01  true        10",
    ]
    assert drawn(rich_table([])) == ["(no rows)"]


def test_a_rich_table_says_what_it_leaves_out():
    rows = [{"n": n} for n in range(10)]
    assert [line.strip() for line in drawn(rich_table(rows, 3))] == ["n", "0", "1", "2", "and 7 more"]
    assert [line.strip() for line in drawn(rich_table(rows[:3], 3))] == ["n", "0", "1", "2"]


def test_csv():
    rows = [{"_key": "a", "x": 'say "hi", you'}, {"_key": "b", "x": "two\nlines", "y": [1]}]
    assert csv_text(rows) == '_key,x,y\r\na,"say ""hi"", you",\r\nb,"two\nlines",[1]\r\n'
    assert csv_text([]) == ""


@given(st.lists(st.dictionaries(st.text(min_size=1), st.text(), min_size=1), min_size=1))
def test_csv_reads_back(rows):
    read = list(csv.DictReader(io.StringIO(csv_text(rows), newline="")))
    names = columns(rows)
    assert read == [{name: row.get(name, "") for name in names} for row in rows]


def test_json():
    assert json_text({"b": b"x", "a": [1, "é"]}) == '{"a":[1,"é"],"b":{"@":"bytes","v":"eA=="}}'
