from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.query.ast.expressions import F
from protobase_live.query.ast.tree import Traverse
from protobase_live.query.engine.operator import Operator
from protobase_live.query.engine.operators.filter import Filter
from protobase_live.query.engine.operators.traversal import Traversal
from tests.support.operator_trees import KEYS, Records, Tables, Turn, Watch, fetch, histories, run


def tree(tables: Tables, depth: int, reverse: bool = False) -> Operator:
    start = Filter(Records(tables), (F.a == 1) | (F.a == "x"))
    return Traversal(start, Records(tables), Traverse(F.r, depth, reverse))


def naive(tables: Tables, depth: int, reverse: bool) -> list[dict[str, Any]]:
    rows = {row["_key"]: row for row in fetch(Records(tables))}
    edges = {(key, target) for key, row in rows.items() for target in referred(row.get("r"))}
    if reverse:
        edges = {(target, key) for key, target in edges}
    level = {key for key, row in rows.items() if row.get("a") in (1, "x") and row["a"] is not True}
    found: dict[str, int] = {}
    for number in range(depth + 1):
        found = {**dict.fromkeys(level, number), **found}
        level = {target for key, target in edges if key in level}
    return [{**rows[key], "_depth": found[key]} for key in sorted(found) if key in rows]


def referred(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


@given(history=histories, depth=st.integers(0, len(KEYS)), reverse=st.booleans())
def test_is_what_walking_says(history: list[Turn], depth: int, reverse: bool) -> None:
    run(lambda t: tree(t, depth, reverse), history, lambda t: naive(t, depth, reverse))


@pytest.fixture(params=[False, True])
def chain(request: pytest.FixtureRequest) -> Watch:
    """a → b → c → d, with the references in either direction, walked from a to at most depth 2."""
    reverse = request.param
    watch = Watch(lambda t: tree(t, 2, reverse))
    records = {
        key: {"r": target}
        for key, target in (
            (("b", "a"), ("c", "b"), ("d", "c")) if reverse else (("a", "b"), ("b", "c"), ("c", "d"))
        )
    }
    watch.push({"one": {**{key: {} for key in "abcd"}, **records, "a": {**records.get("a", {}), "a": 1}}})
    return watch


def depths(watch: Watch) -> dict[str, int]:
    watch.check()
    return {row["_key"]: row["_depth"] for row in watch.rows()}


def test_goes_as_far_as_the_depth_allows(chain: Watch) -> None:
    assert depths(chain) == {"a": 0, "b": 1, "c": 2}


def test_a_link_that_goes_takes_with_it_what_it_led_to(chain: Watch) -> None:
    chain.push({"one": {"b": {}, "c": {}}})
    assert set(depths(chain)) <= {"a", "b"}


def test_a_start_that_goes_takes_everything_with_it(chain: Watch) -> None:
    chain.push({"one": {"a": None}})
    assert depths(chain) == {}


def test_a_circle_is_left_when_nothing_leads_into_it_any_more() -> None:
    watch = Watch(lambda t: tree(t, 5))
    watch.push({"one": {"a": {"a": 1, "r": "b"}, "b": {"r": "c"}, "c": {"r": "b"}}})
    assert depths(watch) == {"a": 0, "b": 1, "c": 2}
    watch.push({"one": {"a": {"a": 1}}})
    assert depths(watch) == {"a": 0}


def test_a_record_that_comes_is_found_where_it_was_missed() -> None:
    watch = Watch(lambda t: tree(t, 2))
    watch.push({"one": {"a": {"a": 1, "r": ["gone", "gone"]}}})
    assert depths(watch) == {"a": 0}
    watch.push({"one": {"gone": {"r": {"z"}}, "z": {}}})
    assert depths(watch) == {"a": 0, "gone": 1, "z": 2}


def test_what_two_ways_lead_to_stays_when_one_goes() -> None:
    watch = Watch(lambda t: tree(t, 2))
    watch.push({"one": {"a": {"a": 1, "r": ["b", "c"]}, "b": {"r": "d"}, "c": {"r": "d"}, "d": {}}})
    watch.push({"one": {"b": {}}})
    assert depths(watch) == {"a": 0, "b": 1, "c": 1, "d": 2}
    watch.push({"one": {"c": {}}})
    assert depths(watch) == {"a": 0, "b": 1, "c": 1}


def test_a_shorter_way_changes_the_depth_alone() -> None:
    watch = Watch(lambda t: tree(t, 3))
    watch.push({"one": {"a": {"a": 1, "r": "b"}, "b": {"r": "c"}, "c": {}}})
    watch.push({"one": {"a": {"a": 1, "r": ["b", "c"]}}})
    assert depths(watch) == {"a": 0, "b": 1, "c": 1}


def test_what_is_no_key_refers_to_nothing() -> None:
    tables: Tables = {
        "one": {"a": {"a": 1, "r": 7}, "b": {"a": 1, "r": {"b": 1}}, "c": {"a": 1, "r": [1, None]}}
    }
    assert [row["_depth"] for row in fetch(tree(tables, 3))] == [0, 0, 0]
