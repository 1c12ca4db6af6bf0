"""Sources convert changes, and read what their access leads to."""

from __future__ import annotations

from typing import Any

from protobase_live.query.ast.expressions import F, Field
from protobase_live.query.ast.ordering import descending, sort_key
from protobase_live.query.engine.access import FIRST_BATCH, Selection
from protobase_live.query.engine.index import index_paths
from protobase_live.query.engine.operator import BATCH_ROWS, items_of
from protobase_live.query.engine.operators.source import Source
from protobase_live.query.engine.table import Table

BY_N = ((Field(("n",)), True),)


def item(key: str, **fields: Any) -> Any:
    return key, (), {**fields, "_key": key}


def change(key: str, *values: Any) -> Any:
    return key, *(None if n is None else {"n": n, "_key": key} for n in values)


def test_a_change_comes_and_goes_with_the_condition() -> None:
    source = Source("t", F.n > 1)
    changes = [
        change("stays out", 0, 1),
        change("comes in", 0, 2),
        change("goes out", 2, 0),
        change("changes", 2, 3),
        change("is the same", 2, 2),
        change("is new", None, 2),
        change("is gone", 2, None),
    ]
    assert source.push({"t": changes, "other": [change("x", None, 2)]}) == [
        (None, item("comes in", n=2)),
        (item("goes out", n=2), None),
        (item("changes", n=2), item("changes", n=3)),
        (None, item("is new", n=2)),
        (item("is gone", n=2), None),
    ]
    assert source.push({"other": changes}) == []


def test_true_is_another_value_than_one() -> None:
    delta = Source("t").push({"t": [change("a", 1, True)]})
    assert delta == [(item("a", n=1), item("a", n=True))]


def test_a_source_tells_what_it_reads() -> None:
    assert Source("t").detail == "t"
    assert Source("t", F.n > 1).detail == "t where (n > 1)"
    assert Source("t", (F.n > 1) & (F.a == "x")).equalities == {("a",): sort_key("x")}


def reading(rows: dict[str, Any], *indexes: str, **selection: Any) -> tuple[Source, Table]:
    table = Table("t", rows)
    for each in indexes:
        table.declare(index_paths(each))
    for _ in table.building():
        pass
    chosen = Selection(selection.pop("condition", None), **selection)
    return Source("t", chosen.condition, chosen.access(table)), table


def test_a_scan_takes_batches() -> None:
    source, _ = reading({f"k{n}": {"n": n} for n in range(2 * BATCH_ROWS + 1)}, condition=F.n > 0)
    assert not source.sorted
    assert [len(batch) for batch in source.fetch()] == [BATCH_ROWS - 1, BATCH_ROWS, 1]


def test_an_index_gives_items_with_their_ranks_in_small_batches_first() -> None:
    rows = {f"k{n}": {"n": n % 3} for n in range(1000)}
    source, _ = reading(rows, "n", terms=BY_N, reach=3)
    assert source.sorted
    batches = source.fetch()
    first = next(batches)
    assert len(first) == FIRST_BATCH
    assert first[0] == ("k101", (descending(sort_key(2)),), {"n": 2, "_key": "k101"})
    places = [(rank, key) for key, rank, _ in [*first, *items_of(batches)]]
    assert places == sorted(places)
    assert len(places) == 1000


def test_what_is_pinned_does_not_change() -> None:
    for indexes in ((), ("n",)):
        for begun in (False, True):
            rows = {f"k{n:04}": {"n": n % 3} for n in range(2000)}
            source, table = reading(rows, *indexes, terms=BY_N)
            expected = {key: {**row, "_key": key} for key, row in rows.items()}
            batches = source.fetch()
            found = next(batches) if begun else []
            source.pin()
            table.apply([(key, None) for key in list(rows)[::2]])
            table.apply([("new", {"n": 1}), ("k0001", {"n": 9})])
            assert {key: row for key, _, row in [*found, *items_of(batches)]} == expected
