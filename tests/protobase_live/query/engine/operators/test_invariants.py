"""Every operator keeps to the invariants, and what it maintains is what it fetches."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as options

from protobase_live.query.ast.aggregates import avg, collect, count, count_distinct, max, min, sum
from protobase_live.query.ast.expressions import Expr, F
from protobase_live.query.ast.tree import JOIN_HOWS, GroupBy, Join, OrderBy, Select, Slice, Traverse, Unnest
from protobase_live.query.engine.operator import Operator
from protobase_live.query.engine.operators.concatenation import Concatenation
from protobase_live.query.engine.operators.counting import Counting
from protobase_live.query.engine.operators.filter import Filter
from protobase_live.query.engine.operators.grouping import Grouping
from protobase_live.query.engine.operators.hash_join import HashJoin
from protobase_live.query.engine.operators.ordering import Ordering
from protobase_live.query.engine.operators.projection import Projection
from protobase_live.query.engine.operators.sorting import Sorting
from protobase_live.query.engine.operators.traversal import Traversal
from protobase_live.query.engine.operators.unique import Unique
from protobase_live.query.engine.operators.unnesting import Unnesting
from protobase_live.query.engine.operators.window import Window
from tests.support.operator_trees import Make, Records, Tables, Turn, equal_histories, histories, run

AGGREGATES = (
    ("n", count()),
    ("some", count("n")),
    ("total", sum("n")),
    ("mean", avg("n")),
    ("first", min("n")),
    ("last", max("n")),
    ("all", collect("n")),
    ("kinds", count_distinct("n")),
)


def one(tables: Tables) -> Operator:
    return Records(tables)


def ordered(tables: Tables) -> Operator:
    return Ordering(Records(tables, in_order=False), OrderBy(((F.a, True), (F.n, False))))


def selected(input: Operator) -> Operator:
    return Projection(input, Select((("a", F.a), ("b", F.b))))


def grouped(input: Operator, *keys: tuple[str, Expr]) -> Operator:
    return Grouping(input, GroupBy(keys, AGGREGATES))


def joined(left: Operator, right: Operator, how: str, *on: tuple[Expr, Expr]) -> Operator:
    return HashJoin(left, right, Join(None, on, "other", how))  # type: ignore[arg-type]


def joins(how: str) -> dict[str, Make]:
    return {
        f"{how} join": lambda t: joined(one(t), Records(t, "two"), how, (F.a, F.b)),
        f"{how} join on two": lambda t: joined(one(t), Records(t, "two"), how, (F.a, F.a), (F.b, F.b)),
        f"{how} self-join": lambda t: joined(ordered(t), one(t), how, (F.a, F.b)),
        f"{how} join of joins": lambda t: joined(
            joined(one(t), Records(t, "two"), how, (F.a, F.a)), one(t), how, (F.other.b, F.b)
        ),
    }


TREES: dict[str, Make] = {
    "filter": lambda t: Filter(one(t), F.a == 1),
    "projection": lambda t: selected(one(t)),
    "ordering": ordered,
    "sorting": lambda t: Sorting(ordered(t)),
    "unnesting": lambda t: Unnesting(one(t), Unnest(F.t, "t")),
    "unnesting in order": lambda t: Unnesting(Sorting(ordered(t)), Unnest(F.t, "e")),
    "window": lambda t: Window(one(t), Slice(1, 2)),
    "window in order": lambda t: Window(ordered(t), Slice(2, 3)),
    "empty window": lambda t: Window(ordered(t), Slice(1, 0)),
    "open window": lambda t: Window(ordered(t), Slice(2)),
    "window of unnested": lambda t: Window(Unnesting(one(t), Unnest(F.t, "t")), Slice(1, 4)),
    "grouping": lambda t: grouped(one(t), ("a", F.a)),
    "grouping by two": lambda t: grouped(ordered(t), ("x", F.a), ("y", F.b)),
    "one group": lambda t: grouped(ordered(t)),
    "grouping of unnested": lambda t: grouped(Unnesting(one(t), Unnest(F.t, "n")), ("a", F.a)),
    "unique": lambda t: Unique(selected(one(t))),
    "unique in order": lambda t: Unique(selected(ordered(t))),
    "concatenation": lambda t: Concatenation([ordered(t), Filter(one(t), F.b == "x"), Records(t, "two")]),
    "union": lambda t: Unique(Concatenation([selected(one(t)), selected(Records(t, "two"))])),
    "traversal": lambda t: Traversal(Filter(one(t), F.a == 1), one(t), Traverse(F.r, 3)),
    "reverse traversal": lambda t: Traversal(Filter(one(t), F.a == 1), one(t), Traverse(F.r, 3, True)),
    "counting": lambda t: Counting(Filter(one(t), F.a == 1)),
    "filter, join, group, sort": lambda t: Window(
        Ordering(
            grouped(
                joined(Filter(one(t), F.b != "x"), Records(t, "two"), "left", (F.a, F.a)), ("b", F.other.b)
            ),
            OrderBy(((F.n, True), (F.total, False))),
        ),
        Slice(0, 2),
    ),
    **{name: tree for how in JOIN_HOWS for name, tree in joins(how).items()},
}


@pytest.mark.parametrize("name", TREES)
@options(max_examples=40)
@given(history=histories)
def test_maintains_what_it_fetches(name: str, history: list[Turn]) -> None:
    run(TREES[name], history)


@pytest.mark.parametrize("name", TREES)
@options(max_examples=40)
@given(history=equal_histories)
def test_maintains_what_it_fetches_of_equal_values(name: str, history: list[Turn]) -> None:
    run(TREES[name], history)
