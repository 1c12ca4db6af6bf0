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
from typing import TYPE_CHECKING, Any, cast

from protobase_live import values
from protobase_live.errors import LimitExceeded, ValidationError
from protobase_live.names import check_collection, check_field
from protobase_live.query.aggregates import Aggregate
from protobase_live.query.expressions import (
    Call,
    Expr,
    Field,
    both,
    condition,
    expr,
    field_or_expr,
    fields_of,
    replace_parts,
)
from protobase_live.query.steps import (
    JOIN_HOWS,
    Count,
    Distinct,
    GroupBy,
    Join,
    JoinHow,
    OrderBy,
    Select,
    Slice,
    Step,
    Traverse,
    Union,
    Unnest,
    Where,
)

if TYPE_CHECKING:
    from protobase_live.atoms import Atom

MAX_STEPS = 100
"""Most steps of a query, those of joined and united queries included."""

MAX_NESTING = 16
"""Most queries inside each other."""

MAX_TRAVERSE_DEPTH = 100
"""Longest way that `Query.traverse` goes."""

MAX_ROWS = 2**31
"""Largest limit and offset."""


class Query:
    """What to ask of a collection, once (``db.query``) or live (``db.live``)."""

    def __init__(
        self, collection: str, atom: type[Atom] | None = None, *, steps: Iterable[Step] = ()
    ) -> None:
        """``atom`` is the class of the records: field names are checked, and rows that are whole records are
        Atoms. A database knows it by itself if its collection was opened with a class.

        Raises InvalidName, ValidationError and LimitExceeded.
        """
        self.collection = check_collection(collection)
        self.atom = atom
        self.steps = tuple(steps)
        if self._size() > MAX_STEPS:
            raise LimitExceeded(f"a query has at most {MAX_STEPS} steps")
        if self._nesting() > MAX_NESTING:
            raise LimitExceeded(f"at most {MAX_NESTING} queries stand inside each other")

    # rows

    def where(self, *conditions: Expr | bool) -> Query:
        """Keep the rows of which all ``conditions`` are true."""
        found = both(*map(condition, conditions or (True,)))
        if self.steps and isinstance(last := self.steps[-1], Where):
            return self._with(Where(both(last.condition, found)), instead=True)
        return self._with(Where(found))

    def having(self, *conditions: Expr | bool) -> Query:
        """`where`, for groups. Raises ValidationError without a `group_by` before."""
        if not any(isinstance(step, GroupBy) for step in self.steps):
            raise ValidationError("having says which groups to keep: put it after group_by, or use where")
        return self.where(*conditions)

    def order_by(self, *terms: str | Expr) -> Query:
        """Sort: by ``"title"`` or an expression; ``"-title"`` and ``-F.title`` sort the other way round.

        After `select` a term may also name what select left out.
        """
        if not terms:
            raise ValidationError("order_by needs at least one term, such as 'title' or '-priority'")
        step = OrderBy(tuple(map(_term, terms)))
        if self.steps and isinstance(last := self.steps[-1], Select):
            named = {(name,): found for name, found in last.fields}
            if any(field.field_path[:1] not in named for each, _ in step.terms for field in fields_of(each)):
                terms_before = tuple((replace_parts(each, named), down) for each, down in step.terms)
                return self._with(OrderBy(terms_before), last, instead=True)
        return self._with(step)

    def limit(self, n: int) -> Query:
        """Keep the first ``n`` rows. Next to `offset` it counts what is behind that, in whichever order."""
        n = _whole("limit", n, MAX_ROWS)
        if self.steps and isinstance(last := self.steps[-1], Slice):
            return self._with(
                replace(last, limit=n if last.limit is None else min(n, last.limit)), instead=True
            )
        return self._with(Slice(limit=n))

    def offset(self, n: int) -> Query:
        """Leave out the first ``n`` rows."""
        n = _whole("offset", n, MAX_ROWS)
        if self.steps and isinstance(last := self.steps[-1], Slice) and not last.offset:
            return self._with(replace(last, offset=n), instead=True)
        return self._with(Slice(offset=n))

    def distinct(self) -> Query:
        """Of equal rows keep the first."""
        return self._with(Distinct())

    # shapes

    def select(self, *fields: str | Expr, **named: Any) -> Query:
        """Rows with these fields only: ``select("title", team=F.user.team)``."""
        found = [(_name_of(given), field_or_expr(given)) for given in fields]
        found += [(check_field(name), expr(given)) for name, given in named.items()]
        if not found:
            raise ValidationError("select needs at least one field")
        _unique("select", [name for name, _ in found])
        return self._with(Select(tuple(found)))

    def group_by(self, *keys: str | Expr, **named: Aggregate | Expr) -> Query:
        """One row a group: its keys, and aggregates by name: ``group_by("owner", n=pb.count())``.

        A named expression is a key, too. Without keys all rows are one group, if there are any.
        """
        found = [(_name_of(key), field_or_expr(key)) for key in keys]
        found += [(check_field(name), each) for name, each in named.items() if isinstance(each, Expr)]
        aggregates = [(check_field(n), each) for n, each in named.items() if isinstance(each, Aggregate)]
        if len(found) + len(aggregates) != len(keys) + len(named):
            wrong = next(name for name, each in named.items() if not isinstance(each, (Expr, Aggregate)))
            raise ValidationError(
                f"group_by: {wrong} is no aggregate or expression; write {wrong}=pb.count()"
            )
        if not found and not aggregates:
            raise ValidationError("group_by needs a key or an aggregate")
        _unique("group_by", [name for name, _ in (*found, *aggregates)])
        return self._with(GroupBy(tuple(found), tuple(aggregates)))

    def count(self) -> Query:
        """One row, ``{"count": n}``."""
        return self._with(Count())

    def unnest(self, field: str | Expr, name: str | None = None) -> Query:
        """One row for each element of a list or set; the element stands under ``name`` (as the field)."""
        found = field_or_expr(field)
        return self._with(Unnest(found, _name_of(found) if name is None else check_field(name)))

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
        if how not in JOIN_HOWS:
            raise ValidationError(f"join: how is {how!r}; expected one of {', '.join(JOIN_HOWS)}")
        pairs = _pairs(on)
        return self._with(Join(joined, pairs, check_field(as_ or joined.collection), how))

    def union(self, *others: Query, all: bool = False) -> Query:
        """The rows of all, equal ones once; with ``all`` as often as they come."""
        if not others:
            raise ValidationError("union needs another query")
        return self._with(Union(others, all))

    def traverse(self, field: str | Expr, depth: int, *, reverse: bool = False) -> Query:
        """Add the records of the collection that are reached over at most ``depth`` references in ``field``.

        ``field`` holds a key, or a list or set of keys: ``traverse("parent", 5)`` goes up to the ancestors.
        ``reverse`` finds who refers: ``traverse("parent", 5, reverse=True)`` goes down to the descendants.
        Rows have the length of the shortest way as ``_depth``.
        """
        if not all(isinstance(step, (Where, OrderBy, Slice)) for step in self.steps):
            raise ValidationError("traverse starts from records: before it only where, order_by and limit")
        found = field_or_expr(field)
        return self._with(Traverse(found, _whole("depth", depth, MAX_TRAVERSE_DEPTH), reverse))

    # as a value

    @property
    def collections(self) -> frozenset[str]:
        """The names of all collections that it reads."""
        nested = (other.collections for step in self.steps for other in nested_in(step))
        return frozenset({self.collection}).union(*nested)

    @property
    def keeps_records(self) -> bool:
        """Whether its rows are whole records."""
        return all(isinstance(step, (Where, OrderBy, Slice, Distinct)) for step in self.steps)

    def to_json(self) -> dict[str, Any]:
        """The canonical form, which JSON can say; `from_json` reads it."""
        from protobase_live.query.form import to_json

        return to_json(self)

    @staticmethod
    def from_json(form: Any) -> Query:
        """The query of a form. Raises ValidationError, which says what is wrong and where."""
        from protobase_live.query.form import from_json

        return from_json(form)

    @cached_property
    def canonical(self) -> str:
        """The canonical form as text: the same for queries that say the same."""
        return json.dumps(self.to_json(), ensure_ascii=False, separators=(",", ":"))

    def bind(self, params: Mapping[str, Any]) -> Query:
        """The query with values for its parameters. Raises ValidationError for one without."""
        from protobase_live.query.binding import bind_query

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
        return Query(self.collection, self.atom, steps=(*kept, *steps))

    def _size(self) -> int:
        return sum(1 + sum(other._size() for other in nested_in(step)) for step in self.steps)

    def _nesting(self) -> int:
        return 1 + max((other._nesting() for step in self.steps for other in nested_in(step)), default=0)


def nested_in(step: Step) -> tuple[Query, ...]:
    """The queries that a step has inside."""
    return (step.other,) if isinstance(step, Join) else step.others if isinstance(step, Union) else ()


def _term(given: str | Expr) -> tuple[Expr, bool]:
    if isinstance(given, str):
        return field_or_expr(given.removeprefix("-")), given.startswith("-")
    if isinstance(given, Call) and given.op == "neg":
        return given.args[0], True
    return given, False


def _name_of(given: str | Expr) -> str:
    found = field_or_expr(given)
    if not isinstance(found, Field):
        raise ValidationError(f"{found} needs a name: write name={found}")
    return found.field_path[-1]


def _unique(where: str, given: list[str]) -> None:
    for name in given:
        if given.count(name) > 1:
            raise ValidationError(f"{where} has two fields {name!r}; name one of them: other={name!r}")


def _whole(what: str, n: Any, most: int) -> int:
    if not isinstance(n, int) or isinstance(n, bool) or not 0 <= n <= most:
        raise ValidationError(f"{what} is {values.short(n)}; expected an int from 0 to {most}")
    return n


def _pairs(on: Any) -> tuple[tuple[Expr, Expr], ...]:
    if isinstance(on, str):
        on = {on: on}
    given = cast("Mapping[Any, Any]", on).items() if isinstance(on, Mapping) else on
    pairs = tuple((_side(left), _side(right)) for left, right in given)
    if not pairs:
        raise ValidationError("join needs at least one equality, such as on={'owner': 'name'}")
    return pairs


def _side(given: Any) -> Expr:
    if not isinstance(given, (str, Expr)):
        raise ValidationError(f"join: on holds names of fields or expressions, not {values.short(given)}")
    return field_or_expr(given)
