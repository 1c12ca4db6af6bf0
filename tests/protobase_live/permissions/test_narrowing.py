"""What is hidden decides nothing of a query: nor whether it fails of what its conditions take."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from protobase_live.permissions.grant import ReadScope
from protobase_live.permissions.narrowing import narrow
from protobase_live.permissions.sight import Sight
from protobase_live.query.ast.aggregates import count
from protobase_live.query.ast.expressions import Expr, F, Value
from protobase_live.query.ast.tree import Only
from protobase_live.query.engine import effort
from protobase_live.query.engine.effort import begin_step, spent
from protobase_live.query.engine.index import index_paths
from protobase_live.query.engine.patterns import matcher
from protobase_live.query.engine.plan import plan_fetch, plan_push
from protobase_live.query.engine.table import Table
from protobase_live.query.language.query import Query

Rows = dict[str, dict[str, Any]]

STEPS = 10_000
SMALL, LARGE = "ab" * 10, "ab" * 100_000
"""What may be tried on many rows, and on none."""

SEEN: Rows = {
    f"s{n}": {"owner": "bob", "to": ["bob"], "n": n, "text": SMALL, "list": [n], "ref": f"h{n}"}
    for n in range(5)
}
HIDDEN: Rows = {
    f"h{n}": {"owner": "ann", "to": ["ann"], "n": n, "text": LARGE, "list": [n] * 60, "ref": f"s{n}"}
    for n in range(40)
}
RULES = {"cheap": F.owner == "bob", "costs": F.to.contains("bob")}

TASKS = Query("tasks")
COSTLY = (F.text.like("%_z%")) != True  # noqa: E712 - stands before the rule in the order of texts
QUERIES = {
    "where": TASKS.where(COSTLY),
    "where of an indexed field": TASKS.where(F.n == 3, COSTLY),
    "where of a list": TASKS.where(F.list.contains(3)),
    "behind order_by": TASKS.order_by("-n").where(COSTLY).limit(3),
    "behind unnest": TASKS.unnest("list", "each").where(COSTLY),
    "left of a join": TASKS.join("others", on="n", as_="other").where(COSTLY),
    "right of a join": Query("others").join(TASKS, on="n", as_="t").where(F.t.text.like("%_z%") != True),  # noqa: E712
    "right, with a condition": Query("others").join(TASKS.where(COSTLY), on="n", as_="t", how="left"),
    "keys of a join": Query("others").join(TASKS, on=[(F.list, F.list)], as_="t"),
    "united": Query("others").union(TASKS.where(COSTLY)),
    "on the way": TASKS.where(F._key == "s1").traverse("ref", 3).where(COSTLY),
    "grouped": TASKS.group_by("list", n=count()),
    "sorted": TASKS.where(F.n.in_([1, 2, 3])).order_by("list"),
    "selected": TASKS.select(found=F.list == F.list),
}


def run(condition: Expr, query: Query, records: Rows, indexed: bool) -> list[Any]:
    """The rows of who may read those of which the condition is true."""
    tables = {name: Table(name, records) for name in ("tasks", "others")}
    for fields in (("n", "list"), ("list",), ("text",)) if indexed else ():
        tables["tasks"].declare(index_paths(*fields))
        for _ in tables["tasks"].building():
            pass
    narrowed = narrow(query, {name: Sight([ReadScope(rows=condition)]) for name in tables}.__getitem__)
    return [row for batch in plan_fetch(narrowed, tables).steps() for row in batch]


def keep(condition: Expr, query: Query, records: Rows) -> list[Any]:
    """The same of a live query, to which records come a few at a time."""
    names = ("tasks", "others")
    tree = plan_push(narrow(query, {name: Sight([ReadScope(rows=condition)]) for name in names}.__getitem__))
    held: dict[Any, Any] = {}
    for some in _parts(list(records.items())):
        for name in names:
            begin_step()
            changes = [(key, None, {**row, "_key": key}) for key, row in some]
            for before, after in tree.push({name: changes}):
                held.pop(before and before[0], None)
                held.update({after[0]: after[1:]} if after else {})
    return sorted(held.items(), key=lambda each: (each[1][0], each[0]))


def _parts(records: list[Any]) -> Iterable[list[Any]]:
    return (records[start : start + 8] for start in range(0, len(records), 8))


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch):
    begin_step()
    monkeypatch.setattr(effort, "MAX_STEPS", STEPS)
    yield
    begin_step()


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", QUERIES)
def test_nothing_is_asked_of_what_is_hidden(name: str, rule: str, indexed: bool) -> None:
    condition, query = RULES[rule], QUERIES[name]
    assert run(condition, query, {**HIDDEN, **SEEN}, indexed) == run(condition, query, SEEN, indexed)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", QUERIES)
def test_nor_when_it_is_live(name: str, rule: str) -> None:
    condition, query = RULES[rule], QUERIES[name]
    assert keep(condition, query, {**HIDDEN, **SEEN}) == keep(condition, query, SEEN)


def test_what_the_rule_costs_is_counted_apart() -> None:
    """Else who knows what his own rows cost could see whether others stand beside them."""
    query = TASKS.unnest("list", "each").where(F.each.like("%____z_%"))
    begin_step()
    matcher("%____z_%")("z" * 40)
    mine = {f"s{n}": {"to": ["bob"], "list": ["z" * 40]} for n in range(STEPS // spent() - 1)}
    for others in ({}, {f"h{n}": {"to": ["ann"] * 10} for n in range(9)}):
        assert run(RULES["costs"], query, {**others, **mine}, indexed=False) != []
        assert run(RULES["costs"], query, {**mine, **others}, indexed=False) != []


def test_who_asks_for_fields_does_not_have_it_counted_with_the_rule() -> None:
    """Else he could choose what his own costs, and be told by its failing what the rule does."""
    only = TASKS.with_steps([Only(((F.list.contains(1), None),))])
    assert Query.from_json(only.to_json()) == only
    mine = {"s0": {"to": ["bob"], "list": [2] * 100}}
    for others in ({}, {f"h{n}": {"to": ["ann"] * 12} for n in range(9)}):
        assert run(RULES["costs"], only, {**others, **mine}, indexed=False) != []
        assert run(RULES["costs"], only, {**mine, **others}, indexed=False) != []


def test_it_says_so_where_somebody_else_asks_the_same_of_all() -> None:
    """So a live query of who may see all is not one with his who may not: it tries every row."""
    sight = Sight([ReadScope(rows=F.owner == "bob")])
    narrowed = narrow(TASKS.where(F.n == 1), lambda name: sight)
    assert narrowed != TASKS.where((F.owner == "bob") & (F.n == 1))
    assert narrowed == narrow(TASKS.where(Value(1) == F.n), lambda name: sight)
