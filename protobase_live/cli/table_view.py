"""Rows for people and for other programs: aligned text, CSV, JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from protobase_live.model.names import KEY_FIELD
from protobase_live.model.values import to_json

Row = Mapping[str, Any]

GAP = "  "
"""What stands between the columns of plain text."""

NO_ROWS = "(no rows)"
"""What a table says instead of nothing."""


def columns(rows: Iterable[Row]) -> list[str]:
    """The names of all fields that the rows have, the key first.

    The others are in the order they have if it is the same in all rows, such as those of a `select`, else
    sorted: columns stay where they are when rows come and go.
    """
    orders = {tuple(row) for row in rows}
    names = [*orders.pop()] if len(orders) == 1 else sorted({name for order in orders for name in order})
    return sorted(names, key=lambda name: name != KEY_FIELD)


def cell(value: Any) -> str:
    """A value as text: None as nothing, lists, dicts and the like as compact JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, date):
        return value.isoformat()
    return json_text(value)


def json_text(value: Any) -> str:
    """A value as compact JSON (see `protobase_live.model.values`)."""
    return json.dumps(to_json(value), ensure_ascii=False, separators=(",", ":"))


def csv_text(rows: Sequence[Row]) -> str:
    """The rows as CSV (RFC 4180), the names of the fields first."""
    names, out = columns(rows), io.StringIO()
    writer = csv.writer(out)
    if names:
        writer.writerow(names)
    writer.writerows([cell(row.get(name)) for name in names] for row in rows)
    return out.getvalue()


def plain_table(rows: Sequence[Row]) -> str:
    """The rows as lines of aligned text, the names of the fields first."""
    if not rows:
        return f"{NO_ROWS}\n"
    numeric = _numeric(rows)
    lines = [list(map(_printable, numeric)), *([_shown(row.get(name)) for name in numeric] for row in rows)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    aligned = ([*map(_pad, line, widths, numeric.values())] for line in lines)
    return "".join(f"{GAP.join(line).rstrip()}\n" for line in aligned)


def rich_table(rows: Sequence[Row], most: int | None = None) -> RenderableType:
    """The rows for a terminal; beyond ``most`` it says only how many there are."""
    if not rows:
        return Text(NO_ROWS)
    shown = rows[:most]
    numeric = _numeric(shown)
    table = Table(box=None)
    for name, is_number in numeric.items():
        table.add_column(Text(_printable(name)), justify="right" if is_number else "left")
    for row in shown:
        table.add_row(*(Text(_shown(row.get(name))) for name in numeric))
    hidden = len(rows) - len(shown)
    return Group(table, Text(f" and {hidden} more")) if hidden else table


def _numeric(rows: Sequence[Row]) -> dict[str, bool]:
    """The columns, and whether only numbers stand there."""
    return {name: all(_is_number(row.get(name)) for row in rows) for name in columns(rows)}


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


def _shown(value: Any) -> str:
    return _printable(cell(value))


def _printable(text: str) -> str:
    """The text without line ends and without what a terminal would obey."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _pad(text: str, width: int, right: bool) -> str:
    blanks = " " * (width - cell_len(text))
    return blanks + text if right else text + blanks
