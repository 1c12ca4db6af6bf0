"""The index on keys gives what a declared one gives, and costs nothing before it is used."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from protobase_live.query.ast.expressions import F, Field
from protobase_live.query.ast.ordering import sort_key
from protobase_live.query.engine.access import Selection
from protobase_live.query.engine.index import END, Index, after, behind
from protobase_live.query.engine.key_index import KEY_PATHS, KeyIndex
from protobase_live.query.engine.table import Table

KEYS = ["", "a", "aa", "b", "c"]
ROWS = {key: {"_key": key} for key in KEYS}
VALUES = [None, True, 0, "", "a", "ab", "c", "d", b"a", [], {}]
BOUNDS: list[Any] = [(), END, *((sort_key(value),) for value in VALUES)]
BOUNDS += [((sort_key(value)[0],),) for value in VALUES]
BOUNDS += [(after(sort_key(value)),) for value in VALUES] + [behind((sort_key(value),)) for value in VALUES]


@pytest.mark.parametrize("walk", ["up", "down", "back"])
def test_as_a_declared_index(walk: Any) -> None:
    declared, implied = Index(KEY_PATHS, ROWS), KeyIndex(ROWS)
    for _ in declared.build(ROWS):
        pass
    for low, high in product(BOUNDS, repeat=2):
        stretch = declared.stretch(low, high)
        assert implied.stretch(low, high) == stretch
        assert list(implied.keys(*stretch, walk)) == list(declared.keys(*stretch, walk))


@pytest.mark.parametrize(
    ("condition", "down", "reach", "told"),
    [
        (F._key > "k5", False, 30, "index on _key for (_key > 'k5'), in order"),
        (F._key > "k5", True, 30, "index on _key for (_key > 'k5'), in order"),
        (None, False, 30, "index on _key, in order"),
        (F._key.starts_with("k99"), False, None, "index on _key for (_key starts_with 'k99'), in order"),
        (F._key == "k5", False, 30, "by key for (_key == 'k5'), in order"),
        (None, False, None, "index on _key, in order"),
    ],
)
def test_a_page_costs_what_it_gives(condition: Any, down: bool, reach: int | None, told: str) -> None:
    table = Table("t", {f"k{n}": {"n": n} for n in range(1000)})
    found = Selection(condition, ((Field(("_key",)), down),), reach).access(table)
    assert str(found) == told
    if found.sorted and condition is None:
        assert [row["_key"] for row in found.read()] == sorted(table.rows)


def test_the_order_is_kept_up_by_changes() -> None:
    table = Table("t", {"b": {}, "d": {}})
    assert list(table.by_key.keys(0, 9)) == ["b", "d"]
    table.apply([("a", {}), ("b", {"n": 1}), ("c", {}), ("d", None), ("e", None)])
    assert list(table.by_key.keys(0, 9)) == ["a", "b", "c"]
