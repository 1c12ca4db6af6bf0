from __future__ import annotations

import random

import pytest

from protobase_live.query.ast.expressions import F
from protobase_live.query.ast.tree import OrderBy
from protobase_live.query.engine.operator import items_of
from protobase_live.query.engine.operators import sorting
from protobase_live.query.engine.operators.ordering import Ordering
from protobase_live.query.engine.operators.sorting import Sorting
from tests.support.operator_trees import Records, Tables


def test_merges_sorted_runs_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "RUN_ROWS", 7)
    draw = random.Random(1)
    tables: Tables = {"one": {f"k{n:03}": {"a": draw.randrange(9)} for n in range(100)}}
    batches = list(Sorting(Ordering(Records(tables), OrderBy(((F.a, True),)))).fetch())
    rows = [row for _, _, row in items_of(batches)]
    assert [(-row["a"], row["_key"]) for row in rows] == sorted((-row["a"], row["_key"]) for row in rows)
    assert len(rows) == 100
    assert batches[:100] == [[]] * 100


def test_passes_on_what_is_in_order_as_it_comes() -> None:
    tree = Records({"one": {"x": {}, "y": {}}})
    batches = Sorting(tree).fetch()
    assert [item[0] for item in next(batches)] == ["x"]
    assert tree.fetched == 1


def test_gives_nothing_of_nothing() -> None:
    assert list(items_of(Sorting(Records({}, in_order=False)).fetch())) == []
