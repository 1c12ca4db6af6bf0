"""What a way costs decides which one is taken."""

from __future__ import annotations

from typing import Any

import pytest

from protobase_live.query.ast.expressions import F, Field
from protobase_live.query.engine.access import Access, Selection
from protobase_live.query.engine.index import index_paths
from protobase_live.query.engine.table import Table

TABLE = Table("t", {f"k{n:04}": {"n": n, "half": n % 2, "tenth": n % 10} for n in range(1000)})
for _name in ("n", "half", "tenth"):
    TABLE.declare(index_paths(_name))
for _ in TABLE.building():
    pass


def access(condition: Any = None, order: str | None = None, reach: int | None = None) -> Access:
    terms = () if order is None else ((Field((order,)), False),)
    return Selection(condition, terms, reach).access(TABLE)


@pytest.mark.parametrize(
    ("condition", "order", "reach", "told", "rows"),
    [
        (None, None, None, "scan", 1000),
        (F.half == 1, None, None, "scan where (half == 1)", 500),
        (F.tenth == 1, None, None, "index on tenth for (tenth == 1), in order", 100),
        (F.n < 10, None, None, "index on n for (n < 10)", 10),
        ((F.half == 1) & (F.n < 10), None, None, "index on n for (n < 10) where (half == 1)", 2),
        (None, "n", 10, "index on n, in order", 10),
        (None, "n", 990, "index on n, in order", 990),
        (F.half == 1, "n", 10, "index on n where (half == 1), in order", 10),
        (F.n < 3, "tenth", 2, "index on n for (n < 3), to be sorted by tenth", 2),
        (F.tenth == 1, "n", 400, "index on tenth for (tenth == 1), to be sorted by n", 100),
        (F.n.in_([5, 6]), "n", 1, "index on n for (n in [5, 6]), in order", 1),
        (F.n.in_([]), None, None, "index on n for (n in []), in order", 0),
    ],
)
def test_the_cheapest_way(condition: Any, order: Any, reach: Any, told: str, rows: int) -> None:
    found = access(condition, order, reach)
    assert (str(found), found.rows) == (told, rows)


def test_a_way_is_chosen_again_when_there_are_other_indexes() -> None:
    table = Table("t", {f"k{n}": {"n": n} for n in range(100)})
    selection = Selection(F.n == 3)
    assert str(selection.access(table)) == "scan where (n == 3)"
    table.declare(index_paths("n"))
    for _ in table.building():
        pass
    assert str(selection.access(table)) == "index on n for (n == 3), in order"
    table.drop(index_paths("n"))
    assert str(selection.access(table)) == "scan where (n == 3)"
