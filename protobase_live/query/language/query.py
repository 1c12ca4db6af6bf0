"""Queries: a collection, and the steps that its rows go through, in the order they are written.

::

    Query("tasks").where((F.priority >= 3) & ~F.done).order_by("-priority", "title").limit(5)

A row is a dict of a record's fields and its key, ``_key``. A query is a value: each method
returns another one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, cast

from protobase_live.errors import ValidationError
from protobase_live.model import values
from protobase_live.model.atoms import unknown
from protobase_live.model.names import check_field
from protobase_live.query.ast.aggregates import Aggregate
from protobase_live.query.ast.expressions import (
    Call,
    Expr,
    Field,
    both,
    condition,
    expr,
    field_or_expr,
    fields_of,
    short,
)
from protobase_live.query.ast.substitution import replace_parts
from protobase_live.query.ast.tree import (
    Count,
    Distinct,
    GroupBy,
    Join,
    JoinHow,
    OrderBy,
    QueryTree,
    Select,
    Slice,
    Step,
    Traverse,
    Union,
    Unnest,
    map_step,
)
from protobase_live.query.language import form
from protobase_live.query.language.binding import bind_query


class Query(QueryTree):
    """What to ask of a collection, once (``db.query``) or live (``db.live``)."""

    # rows

    def where(self, *conditions: Expr | bool) -> Query:
        """Keep the rows of which all ``conditions`` are true."""
        return self.filtered(both(*map(condition, conditions or (True,))))

    def having(self, *conditions: Expr | bool) -> Query:
        """`where`, for groups. Raises ValidationError without a `group_by` before."""
        if not any(isinstance(step, GroupBy) for step in self.steps):
            raise ValidationError("having says which groups to keep: put it after group_by, or use where")
        return self.where(*conditions)

    def order_by(self, *terms: str | Expr) -> Query:
        """Sort: by ``"title"`` or an expression; ``"-title"`` and ``-F.title`` sort the other way round.

        After `select` a term may also name what select left out.
        """
        step = OrderBy(tuple(map(_term, terms)))
        if self.steps and isinstance(last := self.steps[-1], Select):
            named = {(name,): found for name, found in last.fields}
            if any(field.field_path[:1] not in named for each, _ in step.terms for field in fields_of(each)):
                terms_before = tuple((replace_parts(each, named), down) for each, down in step.terms)
                return self._with(OrderBy(terms_before), last, instead=True)
        return self._with(step)

    def limit(self, n: int) -> Query:
        """Keep the first ``n`` rows. Next to `offset` it counts what is behind that, in whichever order."""
        step = Slice(limit=n)
        if self.steps and isinstance(last := self.steps[-1], Slice):
            return self._with(
                replace(last, limit=n if last.limit is None else min(n, last.limit)), instead=True
            )
        return self._with(step)

    def offset(self, n: int) -> Query:
        """Leave out the first ``n`` rows."""
        step = Slice(offset=n)
        if self.steps and isinstance(last := self.steps[-1], Slice) and not last.offset:
            return self._with(replace(last, offset=n), instead=True)
        return self._with(step)

    def distinct(self) -> Query:
        """Of equal rows keep the first."""
        return self._with(Distinct())

    # shapes

    def select(self, *fields: str | Expr, **named: Any) -> Query:
        """Rows with these fields only: ``select("title", team=F.user.team)``."""
        found = [(_name_of(given), field_or_expr(given)) for given in fields]
        found += [(check_field(name), expr(given)) for name, given in named.items()]
        return self._with(Select(tuple(found)))

    def group_by(self, *keys: str | Expr, **named: Aggregate | Expr) -> Query:
        """One row a group: its keys, and aggregates by name: ``group_by("owner", n=pb.count())``.

        A named expression is a key, too. Without keys all rows are one group, if there are any.
        """
        found = [(_name_of(key), field_or_expr(key)) for key in keys]
        aggregates: list[tuple[str, Aggregate]] = []
        for name, each in cast("dict[str, Any]", named).items():
            if isinstance(each, Aggregate):
                aggregates.append((name, each))
            elif isinstance(each, Expr):
                found.append((name, each))
            else:
                raise ValidationError(
                    f"group_by: {name} is {values.short(each)}; expected an aggregate, {name}=pb.count()"
                )
        return self._with(GroupBy(tuple(found), tuple(aggregates)))

    def count(self) -> Query:
        """One row, ``{"count": n}``."""
        return self._with(Count())

    def unnest(self, field: str | Expr, name: str | None = None) -> Query:
        """One row for each element of a list or set; the element stands under ``name`` (as the field)."""
        found = field_or_expr(field)
        return self._with(Unnest(found, _name_of(found) if name is None else name))

    # several collections

    def join(
        self,
        other: str | Query,
        on: str | Mapping[Any, Any] | Iterable[tuple[Any, Any]],
        as_: str | None = None,
        how: JoinHow = "inner",
    ) -> Query:
        """Put the rows of ``other`` beside those of this query, under the name ``as_`` (the collection's).

        ``on`` says what is equal: ``{"owner": "name"}``, this row's field and the other's, or expressions;
        one name stands for the same field of both. ``how``: ``"inner"``, ``"left"``, ``"right"``, ``"full"``.
        """
        joined = other if isinstance(other, Query) else Query(other)
        return self._with(Join(joined, _pairs(on), joined.collection if as_ is None else as_, how))

    def union(self, *others: Query, all: bool = False) -> Query:
        """The rows of all, equal ones once; with ``all`` as often as they come."""
        for other in cast("tuple[Any, ...]", others):
            if not isinstance(other, Query):
                raise ValidationError(f"union is given {values.short(other)}; expected pb.Query('users')")
        return self._with(Union(others, all))

    def traverse(self, field: str | Expr, depth: int, *, reverse: bool = False) -> Query:
        """Add the records of the collection that are reached over at most ``depth`` references in ``field``.

        ``field`` holds a key, or a list or set of keys: ``traverse("parent", 5)`` goes up to the ancestors.
        ``reverse`` finds who refers: ``traverse("parent", 5, reverse=True)`` goes down to the descendants.
        Rows have the length of the shortest way as ``_depth``.
        """
        return self._with(Traverse(field_or_expr(field), depth, reverse))

    # as a value

    def to_json(self) -> dict[str, Any]:
        """The canonical form, which JSON can say; `from_json` reads it."""
        return form.to_json(self)

    @staticmethod
    def from_json(given: Any) -> Query:
        """The query of a form. Raises ValidationError, which says what is wrong and where."""
        return Query.of(form.from_json(given))

    @staticmethod
    def of(tree: QueryTree) -> Query:
        """The same query, to go on with."""
        if isinstance(tree, Query):
            return tree
        steps = [map_step(step, lambda each: each, Query.of) for step in tree.steps]
        return Query(tree.collection, tree.atom, steps=steps)

    @cached_property
    def canonical(self) -> str:
        """The canonical form as text: the same for queries that say the same."""
        return json.dumps(self.to_json(), ensure_ascii=False, separators=(",", ":"))

    def bind(self, params: Mapping[str, Any]) -> Query:
        """The query with values for its parameters.

        Raises ValidationError for a parameter without a value and a value without a parameter.
        """
        if not isinstance(cast(Any, params), Mapping):
            raise ValidationError(f"params are a dict such as {{'name': value}}, not {values.short(params)}")
        if wrong := params.keys() - self.parameters:
            first = min(wrong, key=str)
            raise ValidationError(unknown("the query has no parameter", first, sorted(self.parameters)))
        if not self.parameters:
            return self
        return bind_query(self, params)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Query) and self.atom is other.atom and self.canonical == other.canonical

    def __hash__(self) -> int:
        return hash(self.canonical)

    def __repr__(self) -> str:
        return f"Query.from_json({self.canonical})"

    # inside

    def _with(self, *steps: Step, instead: bool = False) -> Query:
        kept = self.steps[:-1] if instead else self.steps
        return self.with_steps((*kept, *steps))


def _term(given: str | Expr) -> tuple[Expr, bool]:
    if isinstance(given, str):
        return field_or_expr(given.removeprefix("-")), given.startswith("-")
    if isinstance(given, Call) and given.op == "neg":
        return given.args[0], True
    return field_or_expr(given), False


def _name_of(given: str | Expr) -> str:
    found = field_or_expr(given)
    if not isinstance(found, Field):
        raise ValidationError(f"{short(found)} needs a name: write name={short(found)}")
    return found.field_path[-1]


def _pairs(on: Any) -> tuple[tuple[Expr, Expr], ...]:
    if isinstance(on, str):
        on = {on: on}
    given: Any = cast("Mapping[Any, Any]", on).items() if isinstance(on, Mapping) else on
    try:
        pairs = [(left, right) for left, right in given]
    except (TypeError, ValueError):
        found = short(on) if isinstance(on, Expr) else values.short(on)
        raise ValidationError(f"join: on is {found}; expected fields, such as {{'owner': 'name'}}") from None
    return tuple((field_or_expr(left), field_or_expr(right)) for left, right in pairs)
