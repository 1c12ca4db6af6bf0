"""Indexes change how a query is answered, never what the answer is; nor does reopening the data."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from hypothesis import event, given
from hypothesis import strategies as st

import protobase_live as pb
from protobase_live.query.ast.expressions import Field
from protobase_live.query.engine import access, plan
from protobase_live.query.engine.index import Paths
from protobase_live.query.engine.operator import Row
from protobase_live.query.engine.plan import plan_fetch
from protobase_live.query.engine.table import Table
from protobase_live.query.language.query import Query
from tests.support.query_cases import SEARCHES, Case, cases, parts_of, whole_cases
from tests.support.query_data import KINDS, STORED, Data, Dice, after, difference
from tests.support.query_live import play
from tests.support.query_oracle import answer, equal

Declared = list[tuple[str, Paths]]
"""Collections, and what is indexed of them."""


@st.composite
def searches(
    draw: st.DrawFn, kinds: tuple[str, ...] = KINDS, changes: int = 3
) -> tuple[Case, Declared, Declared]:
    """A case, and indexes that are declared before and after there are records."""
    dice = Dice(draw)
    case = draw(whole_cases(kinds, changes, SEARCHES))
    fields = [part.field_path for part in parts_of(case.query) if isinstance(part, Field)]
    fields = [*dict.fromkeys([*fields, ("p",), ("_key",)])]
    names = list(case.query.collections)
    early, late = [
        [(dice.pick(names), index_of(dice, fields)) for _ in range(1 + dice.below(4))] for _ in range(2)
    ]
    return case, early, late


def index_of(dice: Dice, fields: list[tuple[str, ...]]) -> Paths:
    """An index on one to three fields."""
    return tuple(dict.fromkeys(dice.pick(fields) for _ in range(1 + dice.below(3))))


def costs(lazy: bool) -> AbstractContextManager[Any]:
    """The real costs, or such that indexes are used for a few records, too."""
    stack = ExitStack()
    if not lazy:
        stack.enter_context(patch.multiple(access, INDEX_ROW=0, LOOKUP=0))
        stack.enter_context(patch.object(plan, "LOOKUP", 1))
    return stack


def tables_of(data: Data, declared: Declared) -> dict[str, Table]:
    """Tables with indexes."""
    tables = {name: Table(name, dict(rows)) for name, rows in data.items()}
    for name, found in declared:
        if name in tables:
            tables[name].declare(found)
            for _ in tables[name].building():
                pass
    return tables


def fetched(query: Query, tables: dict[str, Table]) -> list[Row]:
    """The rows of a query, run once."""
    found = plan_fetch(query, tables)
    told = str(found.explain())
    event("a join by lookup" if "index join" in told else "an index" if "index on" in told else "none")
    return [row for batch in found.steps() for row in batch]


@cases(150)
@given(searches(), st.booleans())
def test_indexes_change_no_answer(search: tuple[Case, Declared, Declared], lazy: bool) -> None:
    case, early, late = search
    query, data = case.query.bind(case.params), case.data
    tables = tables_of(data, early)
    with costs(lazy):
        assert_same(query, data, tables)
        for name, found in late:
            if name in tables:
                tables[name].declare(found)
        for transaction in case.transactions:
            before, data = data, after(data, transaction)
            for name, changes in difference(before, data).items():
                tables[name].apply(changes)
            assert_same(query, data, tables)
            for table in tables.values():
                for _ in table.building():
                    pass
            assert_same(query, data, tables)


def assert_same(query: Query, data: Data, tables: dict[str, Table]) -> None:
    expected = answer(query, data)
    without = fetched(query, tables_of(data, []))
    assert equal(without, expected), f"without indexes: {without}\nexpected: {expected}"
    found = fetched(query, tables)
    assert equal(found, expected), f"with indexes: {found}\nexpected: {expected}"


@cases(50)
@given(searches(changes=1), st.booleans(), st.integers(0, 2))
def test_a_pinned_answer_is_of_its_moment(
    search: tuple[Case, Declared, Declared], lazy: bool, read: int
) -> None:
    case, declared, _ = search
    query, tables = case.query.bind(case.params), tables_of(case.data, declared)
    with costs(lazy):
        pinned = plan_fetch(query, tables)
        batches = pinned.steps()
        found = [row for _, batch in zip(range(read), batches, strict=False) for row in batch]
        pinned.pin()
        for name, changes in difference(case.data, after(case.data, case.transactions[0])).items():
            tables[name].apply(changes)
        found += [row for batch in batches for row in batch]
    assert equal(found, answer(query, case.data))


@cases(12)
@given(searches(STORED, 2), st.booleans())
def test_indexes_change_no_answer_on_reopened_data(
    search: tuple[Case, Declared, Declared], lazy: bool
) -> None:
    case, declared, _ = search
    with costs(lazy), TemporaryDirectory() as folder:
        asyncio.run(reopen(case, declared, Path(folder)))


async def reopen(case: Case, declared: Declared, folder: Path) -> None:
    """Ask before any index, with them, and again after the database was opened anew."""
    async with pb.open(f"file:{folder}") as db:
        expected = answer(case.query, await play(db, case), case.params)
        assert equal(await db.query(case.query, case.params), expected)
        for name, found in declared:
            collection = await db.collection(name)
            await collection.index(*map(".".join, found))
        assert equal(await db.query(case.query, case.params), expected)
    async with pb.open(f"file:{folder}") as db:
        assert equal(await db.query(case.query, case.params), expected)
        for name, _ in declared:
            await db.build(name)
        assert equal(await db.query(case.query, case.params), expected)
