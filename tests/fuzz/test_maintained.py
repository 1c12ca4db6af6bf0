"""A maintained result is what running the query again gives, and what the oracle says."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from itertools import islice, pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from protobase_live.model.values import same
from protobase_live.query.engine.operator import Changes, Delta, Item, Row, alike, place
from protobase_live.query.engine.plan import plan_fetch, plan_push
from protobase_live.query.engine.table import Table
from protobase_live.query.language.query import Query
from tests.support.query_cases import Case, cases, whole_cases
from tests.support.query_data import Data, after, difference
from tests.support.query_oracle import answer, equal


class Held:
    """What all deltas of an operator add up to; checks what `operator` says about deltas."""

    def __init__(self) -> None:
        self._items: dict[Any, Item] = {}
        self._copies: dict[Any, Item] = {}

    def take(self, delta: Delta) -> None:
        """Take a delta over."""
        told = [(before or now)[0] for before, now in delta]
        assert len(set(told)) == len(told), "an identity has one pair in a delta"
        for identity, (before, now) in zip(told, delta, strict=True):
            assert now is None or now[0] == identity
            assert alike(before, self._items.get(identity)), "before is what was told last"
            assert not alike(before, now), "a pair says that something changed"
        for identity, (_, now) in zip(told, delta, strict=True):
            self._items.pop(identity, None)
            self._copies.pop(identity, None)
            if now is not None:
                self._items[identity], self._copies[identity] = now, deepcopy(now)

    def rows(self) -> list[Row]:
        """All rows, in order."""
        assert all(alike(item, self._copies[identity]) for identity, item in self._items.items()), (
            "a row is never changed once it was passed on"
        )
        found = sorted(self._items.values(), key=place)
        assert all(place(one) < place(other) for one, other in pairwise(found))
        return [row for _, _, row in found]


def tables_of(query: Query, data: Data) -> dict[str, Table]:
    """Tables with the data."""
    return {name: Table(name, dict(data.get(name, {}))) for name in query.collections}


def fetched(query: Query, tables: dict[str, Table]) -> list[Row]:
    """The result of running a query once."""
    return [row for batch in plan_fetch(query, tables).steps() for row in batch]


def portions(data: Data, size: int, backwards: bool) -> Iterator[Changes]:
    """All records as inserts, ``size`` at a time."""
    found = [(name, change) for name, rows in data.items() for change in Table(name).apply(rows.items())]
    records = iter(found[::-1] if backwards else found)
    while some := list(islice(records, size)):
        yield {name: [change for each, change in some if each == name] for name, _ in some}


@cases(150)
@given(whole_cases(), st.integers(1, 20), st.booleans())
def test_maintained_is_recomputed_is_the_oracles(case: Case, size: int, backwards: bool) -> None:
    query = case.query.bind(case.params)
    tree, held, data = plan_push(query), Held(), case.data
    tables = tables_of(query, data)
    held.take(tree.push({}))
    for portion in portions(data, size, backwards):
        held.take(tree.push(portion))
    assert_same(held.rows(), fetched(query, tables), answer(case.query, data, case.params))
    for transaction in case.transactions:
        before, data = data, after(data, transaction)
        changed = difference(before, data)
        held.take(tree.push({name: tables[name].apply(changed.get(name, ())) for name in tables}))
        assert_same(held.rows(), fetched(query, tables), answer(case.query, data, case.params))


def assert_same(maintained: list[Row], recomputed: list[Row], expected: list[Row]) -> None:
    assert equal(recomputed, expected), f"recomputed: {recomputed}\nexpected: {expected}"
    assert equal(maintained, expected), f"maintained: {maintained}\nexpected: {expected}"
    assert same(maintained, recomputed), f"maintained: {maintained}\nrecomputed: {recomputed}"
