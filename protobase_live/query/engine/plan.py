"""Plans: a query made into a tree of operators, to be fetched once or to be kept up by pushing changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from protobase_live.query.ast.expressions import Field
from protobase_live.query.ast.tree import (
    Count,
    Distinct,
    GroupBy,
    Join,
    Only,
    OrderBy,
    QueryTree,
    Select,
    Slice,
    Step,
    Traverse,
    Union,
    Unnest,
    Where,
    nested_in,
)
from protobase_live.query.engine.access import LOOKUP, Selection
from protobase_live.query.engine.effort import Budget, begin_step
from protobase_live.query.engine.estimates import estimate, explain
from protobase_live.query.engine.guard import split
from protobase_live.query.engine.operator import Operator, Row
from protobase_live.query.engine.operators.concatenation import Concatenation
from protobase_live.query.engine.operators.counting import Counting
from protobase_live.query.engine.operators.filter import Filter
from protobase_live.query.engine.operators.grouping import Grouping
from protobase_live.query.engine.operators.hash_join import HashJoin
from protobase_live.query.engine.operators.index_join import IndexJoin, lookup_for
from protobase_live.query.engine.operators.masking import Masking
from protobase_live.query.engine.operators.ordering import Ordering
from protobase_live.query.engine.operators.projection import Projection
from protobase_live.query.engine.operators.sorting import Sorting
from protobase_live.query.engine.operators.source import Source
from protobase_live.query.engine.operators.traversal import Traversal
from protobase_live.query.engine.operators.unique import Unique
from protobase_live.query.engine.operators.unnesting import Unnesting
from protobase_live.query.engine.operators.window import Window
from protobase_live.query.engine.rewrite import rewrite
from protobase_live.query.engine.table import Table
from protobase_live.query.explanation import Explanation

MAX_PREPARED = 1_024
"""Queries whose preparation is kept for the next time they are asked."""

MAX_LOOKED_UP = 1000
"""Most rows, as estimated, for each of which a join looks its partners up."""


def operator_for(
    step: Step, input: Operator, tree: Callable[[QueryTree], Operator], records: Callable[[], Source]
) -> Operator:
    """The operator of a step. ``tree`` makes that of a query inside the step, ``records`` a source of all
    records of the collection.
    """
    match step:
        case Where():
            return Filter(input, step.condition)
        case Only():
            return Masking(input, step)
        case Select():
            return Projection(input, step)
        case OrderBy():
            return Ordering(input, step)
        case Slice():
            return Window(input, step)
        case Join():
            return HashJoin(input, tree(step.other), step)
        case GroupBy():
            return Grouping(input, step)
        case Distinct():
            return Unique(input)
        case Union():
            every = Concatenation((input, *map(tree, step.others)))
            return every if step.all else Unique(every)
        case Unnest():
            return Unnesting(input, step)
        case Traverse():
            return Traversal(input, tree(step.among) if step.among else records(), step)
        case Count():
            return Counting(input)


def sources(operator: Operator) -> list[Source]:
    """The sources of a tree."""
    return [each for each in _operators(operator) if isinstance(each, Source)]


def makes_values(tree: Operator) -> bool:
    """Whether rows of a tree may hold more than what was read: texts joined, or values collected."""
    return any(each.makes_values for each in _operators(tree))


def _operators(root: Operator) -> Iterator[Operator]:
    yield root
    for input in root.inputs:
        yield from _operators(input)


# live


def plan_push(query: QueryTree) -> Operator:
    """The tree that keeps up the result of a query; every parameter has to have its value."""
    return _pushed(rewrite(query))


def _pushed(query: QueryTree) -> Operator:
    asked, steps = split(query.steps)
    found: Operator = Source(query.collection, asked.rest, guard=asked.guard)
    for step in steps:
        found = operator_for(step, found, _pushed, lambda: Source(query.collection))
    return found


# once


def plan_fetch(query: QueryTree, tables: Mapping[str, Table]) -> Plan:
    """How to answer a query from these tables, which are those of its ``collections``, as they are now."""
    return prepare(query).plan(tables)


class Plan:
    """An answer under way. See `pin` for when the tables may change."""

    def __init__(self, root: Operator) -> None:
        self.root = root if root.sorted else Sorting(root)

    def steps(self, budget: Budget | None = None) -> Iterator[list[Row]]:
        """The rows, in order and in batches; an empty batch only gives a chance to pause.

        Raises LimitExceeded when more is made than ``budget`` allows.
        """
        batches = self.root.fetch()
        begin_step(budget)
        while (batch := next(batches, None)) is not None:
            yield [row for _, _, row in batch]
            begin_step(budget)

    def pin(self) -> None:
        """Keep what is still to be read. The tables may change from now on; until now they may not."""
        for operator in _operators(self.root):
            if isinstance(operator, (Source, IndexJoin)):
                operator.pin()

    def explain(self) -> Explanation:
        """What will be done."""
        return explain(self.root)


class Prepared:
    """A query, with all done that needs no tables. It may be planned many times."""

    def __init__(self, query: QueryTree) -> None:
        """``query`` was simplified already."""
        self._collection = query.collection
        asked, self._steps = split(query.steps)
        self._ordering = _field_order(self._steps)
        terms = () if self._ordering is None else self._ordering.terms
        self._selection = Selection(asked.rest, terms, _reach(self._steps), asked.guard)
        self._everything = Selection(None)
        self._inner = {other: Prepared(other) for step in query.steps for other in nested_in(step)}

    def plan(self, tables: Mapping[str, Table]) -> Plan:
        """A plan for the tables as they are now."""
        return Plan(self._tree(tables))

    def _tree(self, tables: Mapping[str, Table]) -> Operator:
        source = self._source(self._selection, tables)
        found: Operator = source
        for step in self._steps:
            if step is self._ordering:
                continue  # the source gives the ranks
            found = self._joined(step, found, tables) or operator_for(
                step,
                found,
                lambda query: self._inner[query]._tree(tables),
                lambda: self._source(self._everything, tables),
            )
        return found

    def _joined(self, step: Step, left: Operator, tables: Mapping[str, Table]) -> Operator | None:
        if not isinstance(step, Join):
            return None
        table = tables[step.other.collection]
        if estimate(left) > min(MAX_LOOKED_UP, len(table.rows) // LOOKUP):
            return None
        lookup = lookup_for(table, step)
        return None if lookup is None else IndexJoin(left, table, step, lookup)

    def _source(self, selection: Selection, tables: Mapping[str, Table]) -> Source:
        table = tables[self._collection]
        return Source(self._collection, selection.condition, selection.access(table), selection.guard)


def _field_order(steps: tuple[Step, ...]) -> OrderBy | None:
    """The order that an index may give: of fields, before anything else."""
    step = steps[0] if steps else None
    if isinstance(step, OrderBy) and all(isinstance(term, Field) for term, _ in step.terms):
        return step
    return None


def _reach(steps: tuple[Step, ...]) -> int | None:
    """How many of the records, in order, the steps look at; None: all."""
    for number, step in enumerate(steps):
        if isinstance(step, Slice):
            return None if step.limit is None else step.offset + step.limit
        if not isinstance(step, Select) and (number or not isinstance(step, OrderBy)):
            return None
    return None


@lru_cache(MAX_PREPARED)
def prepare(query: QueryTree) -> Prepared:
    """The query, prepared. Every parameter has to have its value."""
    return Prepared(rewrite(query))
