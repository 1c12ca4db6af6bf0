"""What somebody sees of a live query who is given only the rows that fit: always those, in their order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.handles import Loader
from protobase_live.live.fitting import PARTIAL, Fitting
from protobase_live.live.live_rows import LiveRows
from protobase_live.model.atoms import Atom
from protobase_live.query.result.diff import Diff, RowChange


class Box(Atom):
    n: int


def row(key: int, fits: bool) -> dict[str, Any]:
    return {"_key": str(key), "n": key if fits else "many"}


@st.composite
def histories(draw: Any) -> list[tuple[Diff, list[dict[str, Any]]]]:
    """Differences of a list of rows, each with the rows after it."""
    rows: list[dict[str, Any]] = []
    found = []
    for number in range(draw(st.integers(0, 12))):
        key, fits = number, draw(st.booleans())
        kinds = ["insert", "update", "delete", "move"] if rows else ["insert"]
        kind = draw(st.sampled_from(kinds))
        old = draw(st.integers(0, len(rows) - 1)) if kind != "insert" else 0
        if kind != "insert":
            key = int(rows.pop(old)["_key"])
        at = old if kind in ("update", "delete") else draw(st.integers(0, len(rows)))
        if kind != "delete":
            rows.insert(at, row(key, fits))
        previous = old if kind == "move" else None
        change = RowChange(kind, at, None if kind == "delete" else rows[at], previous)
        reset = draw(st.integers(0, 9)) == 0
        changes = tuple(RowChange("insert", i, each) for i, each in enumerate(rows)) if reset else (change,)
        found.append((Diff(changes, reset, str(number)), list(rows)))
    return found


@given(histories())
def test_what_is_seen_are_the_rows_that_fit(history: list[tuple[Diff, list[dict[str, Any]]]]) -> None:
    fitting = Fitting(Loader("boxes", Box, quiet=True))
    seen = LiveRows(lambda box: box)
    for diff, rows in history:
        told = fitting(diff)
        seen.hear(told)
        assert [box.n for box in seen.rows] == [each["n"] for each in rows if each["n"] != "many"]
        assert told.cursor.startswith(PARTIAL) == any(each["n"] == "many" for each in rows)


def test_a_difference_of_other_rows_is_none_of_these() -> None:
    with pytest.raises(IndexError):
        Fitting(Loader("boxes", Box))(Diff((RowChange("delete", 0),), False, "c"))
