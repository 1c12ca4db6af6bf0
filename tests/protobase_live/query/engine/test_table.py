"""Tables keep records and indexes together."""

from __future__ import annotations

from typing import Any

import pytest

from protobase_live.errors import LimitExceeded, ValidationError
from protobase_live.query.engine.index import BUILD_STEP, index_paths
from protobase_live.query.engine.table import MAX_INDEXES, Table

OWNER, PRIORITY = index_paths("owner"), index_paths("priority")


def keys(table: Table, paths: Any) -> str:
    index = table.indexes[paths]
    return "".join(index.keys(0, len(index)))


def test_changes_reach_rows_and_indexes() -> None:
    table = Table("tasks")
    table.declare(OWNER)
    z, y, x = ({"owner": owner, "_key": key} for owner, key in ("za", "yb", "xa"))
    assert table.apply([("a", {"owner": "z"}), ("b", {"owner": "y"})]) == [("a", None, z), ("b", None, y)]
    assert keys(table, OWNER) == "ba"
    changes = table.apply([("a", {"owner": "x"}), ("b", None), ("c", None)])
    assert changes == [("a", z, x), ("b", y, None), ("c", None, None)]
    assert keys(table, OWNER) == "a"
    assert table.rows == {"a": x}


def test_an_index_is_usable_once_it_is_built() -> None:
    table = Table("tasks", {f"k{n}": {"owner": n} for n in range(BUILD_STEP + 1)})
    table.declare(OWNER)
    building = table.building()
    next(building)
    assert table.usable == ()
    table.declare(PRIORITY)
    for _ in building:
        pass
    assert table.usable == (table.indexes[OWNER], table.indexes[PRIORITY])


def test_an_index_of_an_empty_table_is_usable_at_once() -> None:
    table = Table("tasks")
    index = table.declare(OWNER)
    assert table.declare(OWNER) is index
    assert table.usable == (index,)
    assert list(table.building()) == []


def test_a_dropped_index_is_gone_also_while_it_is_built() -> None:
    table = Table("tasks", {"a": {"owner": "ann"}})
    table.declare(OWNER)
    building = table.building()
    next(building)
    table.drop(OWNER)
    assert list(building) == []
    assert table.usable == ()
    assert table.indexes == {}


def test_dropping_what_is_not_there_says_what_is() -> None:
    table = Table("tasks")
    table.declare(index_paths("owner", "priority"))
    with pytest.raises(ValidationError, match="no index on owner; it has: owner, priority"):
        table.drop(OWNER)


def test_indexes_are_limited() -> None:
    table = Table("tasks")
    for n in range(MAX_INDEXES):
        table.declare(index_paths(f"f{n}"))
    with pytest.raises(LimitExceeded, match=str(MAX_INDEXES)):
        table.declare(OWNER)
