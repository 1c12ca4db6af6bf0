"""A narrowed query gives what it would give if nothing were there but what may be seen."""

from __future__ import annotations

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from protobase_live.errors import ValidationError
from protobase_live.permissions.narrowing import narrow
from protobase_live.query.engine.plan import plan_push
from protobase_live.query.language.query import Query
from tests.fuzz.test_indexes import Declared, costs, fetched, searches, tables_of
from tests.fuzz.test_maintained import Held
from tests.support.query_cases import Case, cases, whole_cases
from tests.support.query_data import Data, Row, after, difference
from tests.support.query_oracle import answer, equal
from tests.support.sights import Scopes, scopes, seen, sights


@cases(400)
@given(whole_cases(), scopes())
def test_it_is_maintained_as_if_what_is_hidden_were_not_there(case: Case, scopes: Scopes) -> None:
    query, data = narrow(case.query.bind(case.params), sights(scopes).__getitem__), case.data
    tree, held, tables = plan_push(query), Held(), tables_of(data, [])
    held.take(tree.push({}))
    for name, rows in data.items():
        held.take(tree.push({name: [(key, None, {**row, "_key": key}) for key, row in rows.items()]}))
    event("something is hidden" if seen(scopes, data) != data else "all is seen")
    assert_as_seen(case, scopes, held.rows(), data)
    for transaction in case.transactions:
        before, data = data, after(data, transaction)
        changed = difference(before, data)
        held.take(tree.push({name: tables[name].apply(changed.get(name, ())) for name in tables}))
        assert_as_seen(case, scopes, held.rows(), data)


@cases(400)
@given(searches(changes=0), scopes(), st.booleans())
def test_it_is_run_so_with_and_without_indexes(
    found: tuple[Case, Declared, Declared], scopes: Scopes, lazy: bool
) -> None:
    case, early, _ = found
    query = narrow(case.query.bind(case.params), sights(scopes).__getitem__)
    with costs(lazy):
        for declared in ([], early):
            assert_as_seen(case, scopes, fetched(query, tables_of(case.data, declared)), case.data)


@cases(200)
@given(whole_cases(changes=0), scopes())
def test_what_stands_for_rules_is_in_no_query_that_somebody_sends(case: Case, scopes: Scopes) -> None:
    query = narrow(case.query, sights(scopes).__getitem__)
    if query == case.query:
        assert Query.from_json(query.to_json()) == query
    else:
        with pytest.raises(ValidationError):
            Query.from_json(query.to_json())


def assert_as_seen(case: Case, scopes: Scopes, rows: list[Row], data: Data) -> None:
    expected = answer(case.query, seen(scopes, data), case.params)
    assert equal(rows, expected), f"narrowed: {rows}\nexpected: {expected}"
