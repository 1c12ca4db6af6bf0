"""A query as data: a collection, and the steps its rows go through, in order. Steps may hold queries.

A step that exists is in order: each raises ValidationError when it is made with what it cannot mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, Self, TypeVar

from protobase_live.errors import LimitExceeded, ValidationError
from protobase_live.model import values
from protobase_live.model.atoms import Atom, require_atom
from protobase_live.model.names import KEY_FIELD, check_collection, check_field
from protobase_live.query.ast.aggregates import Aggregate
from protobase_live.query.ast.expressions import Expr, Field, both, nodes, params_of

MAX_STEPS = 100
"""Most steps of a query, those of joined and united queries included."""

MAX_NESTING = 16
"""Most queries inside each other."""

MAX_QUERY_NODES = 20_000
"""Most parts of all expressions of a query together, those of joined and united queries included."""

JoinHow = Literal["inner", "left", "right", "full"]
JOIN_HOWS: tuple[JoinHow, ...] = ("inner", "left", "right", "full")

MAX_ROW_FIELDS = 1_000
"""Most fields that `Query.select` and `Query.group_by` make."""

MAX_TRAVERSE_DEPTH = 100
"""Longest way that `Traverse` goes."""

MAX_ROWS = 2**31
"""Largest limit and offset."""


@dataclass(frozen=True, slots=True)
class Where:
    """Keeps the rows of which the condition is true."""

    condition: Expr
    guards: bool = False
    """Whether nothing else is asked of a row before this: one that it leaves out must not tell of itself."""

    def with_other(self, other: Where) -> Where | None:
        """One step instead of this and the next; None where they have to stay apart."""
        if self.guards or other.guards:
            return None
        return Where(both(self.condition, other.condition))


@dataclass(frozen=True, slots=True)
class Only:
    """Keeps of each row its key and those fields that one of ``parts`` names whose condition is true of the
    row; a part with None names all fields. Every row stays.
    """

    parts: tuple[tuple[Expr, frozenset[str] | None], ...]
    guards: bool = False
    """Whether it stands for rules, as `Where.guards`."""

    def shows(self, name: str) -> bool | None:
        """Whether every row keeps a field of this name (True), or none does (False); None: some rows."""
        found = {fields is None or name in fields for _, fields in self.parts}
        return True if name == KEY_FIELD else None if len(found) > 1 else found == {True}


@dataclass(frozen=True, slots=True)
class Join:
    """Puts beside each row those of ``other`` for which every pair of expressions is equal; None equals
    nothing here. The other row stands under ``name``; where ``how`` keeps a row without a partner, the
    fields of a missing left row are missing, and a missing right row is None.
    """

    other: QueryTree
    on: tuple[tuple[Expr, Expr], ...]
    name: str
    how: JoinHow

    def __post_init__(self) -> None:
        check_field(self.name)
        if self.how not in JOIN_HOWS:
            raise ValidationError(f"join: how is {self.how!r}; expected one of {', '.join(JOIN_HOWS)}")
        if not self.on:
            raise ValidationError("join needs at least one equality, such as on={'owner': 'name'}")


@dataclass(frozen=True, slots=True)
class GroupBy:
    """One row for each combination of the values of ``keys``, with aggregates. There are no empty groups."""

    keys: tuple[tuple[str, Expr], ...]
    aggregates: tuple[tuple[str, Aggregate], ...]

    def __post_init__(self) -> None:
        if not self.keys and not self.aggregates:
            raise ValidationError("group_by needs a key or an aggregate")
        _check_names(self.keys)
        _check_names(self.aggregates)
        _check_unique("group_by", [name for name, _ in (*self.keys, *self.aggregates)])


@dataclass(frozen=True, slots=True)
class Select:
    """A new row: each name with what its expression says of the old one."""

    fields: tuple[tuple[str, Expr], ...]

    def __post_init__(self) -> None:
        if not self.fields:
            raise ValidationError("select needs at least one field")
        _check_names(self.fields)
        _check_unique("select", [name for name, _ in self.fields])


@dataclass(frozen=True, slots=True)
class Distinct:
    """Of equal rows only the first."""


@dataclass(frozen=True, slots=True)
class OrderBy:
    """Sorts by the terms, each an expression and whether it descends; rows that tie go by their keys."""

    terms: tuple[tuple[Expr, bool], ...]

    def __post_init__(self) -> None:
        if not self.terms:
            raise ValidationError("order_by needs at least one term, such as 'title' or '-priority'")


@dataclass(frozen=True, slots=True)
class Slice:
    """Skips ``offset`` rows and keeps at most ``limit`` (None: all) of those that follow."""

    offset: int = 0
    limit: int | None = None

    def __post_init__(self) -> None:
        _check_whole("offset", self.offset, MAX_ROWS)
        if self.limit is not None:
            _check_whole("limit", self.limit, MAX_ROWS)


@dataclass(frozen=True, slots=True)
class Union:
    """The rows of this query and the others: equal ones once, unless ``all``."""

    others: tuple[QueryTree, ...]
    all: bool = False

    def __post_init__(self) -> None:
        if not self.others:
            raise ValidationError("union needs another query")


@dataclass(frozen=True, slots=True)
class Unnest:
    """One row for each element of the list or set ``field`` holds; the element stands under ``name``."""

    field: Expr
    name: str

    def __post_init__(self) -> None:
        check_field(self.name)


@dataclass(frozen=True, slots=True)
class Traverse:
    """The rows, and the records of the collection that they refer to, over at most ``depth`` references.

    ``field`` holds the key of a record, or a list or set of keys; ``reverse`` walks from the record that is
    referred to. A record found stands once, with the length of the shortest way to it as ``_depth``.
    ``among`` gives the records that there are for this; None: all of the collection.
    """

    field: Expr
    depth: int
    reverse: bool = False
    among: QueryTree | None = None

    def __post_init__(self) -> None:
        _check_whole("depth", self.depth, MAX_TRAVERSE_DEPTH)
        if self.among is not None and not all(isinstance(each, (Where, Only)) for each in self.among.steps):
            raise ValidationError("traverse goes among records: its query has no step but where and only")


@dataclass(frozen=True, slots=True)
class Count:
    """One row ``{"count": n}``: how many rows there are, also if there are none."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large a query is, with the queries inside."""

    steps: int
    nesting: int
    nodes: int


class QueryTree:
    """A collection, and the steps that its rows go through."""

    def __init__(
        self, collection: str, atom: type[Atom] | None = None, *, steps: Iterable[Step] = ()
    ) -> None:
        """``atom`` is the class of the records: field names are checked, and rows that are whole records are
        Atoms. A database knows it by itself if its collection was opened with a class.

        Raises InvalidName, ValidationError and LimitExceeded.
        """
        self.collection = check_collection(collection)
        if atom is not None:
            require_atom(collection, atom)
        self.atom = atom
        self.steps = tuple(steps)
        _check_order(self.steps)
        self.sizes = _sizes_of(self.steps)

    @cached_property
    def collections(self) -> tuple[str, ...]:
        """The names of all collections that it reads, in order."""
        nested = (other.collections for step in self.steps for other in nested_in(step))
        return tuple(sorted({self.collection}.union(*nested)))

    @cached_property
    def keeps_records(self) -> bool:
        """Whether its rows are whole records."""
        return all(isinstance(step, (Where, OrderBy, Slice, Distinct)) for step in self.steps)

    @cached_property
    def parameters(self) -> frozenset[str]:
        """The names of its parameters."""
        own = {part.name for step in self.steps for each in exprs_in(step) for part in params_of(each)}
        return frozenset(own).union(*(other.parameters for step in self.steps for other in nested_in(step)))

    def with_steps(self, steps: Iterable[Step]) -> Self:
        """The query of the same collection with other steps."""
        return type(self)(self.collection, self.atom, steps=steps)

    def filtered(self, condition: Expr) -> Self:
        """The query with a condition more; next to another it is one with that."""
        return self.with_steps(followed(self.steps, Where(condition)))


Q = TypeVar("Q", bound=QueryTree)

Step = Where | Only | Join | GroupBy | Select | Distinct | OrderBy | Slice | Union | Unnest | Traverse | Count


def followed(steps: Sequence[Step], step: Step) -> list[Step]:
    """``steps`` and then another, which is one with the last if both are conditions that may be."""
    if steps and isinstance(last := steps[-1], Where) and isinstance(step, Where):
        together = last.with_other(step)
        if together is not None:
            return [*steps[:-1], together]
    return [*steps, step]


def nested_in(step: Step) -> tuple[QueryTree, ...]:
    """The queries that a step has inside."""
    match step:
        case Join():
            return (step.other,)
        case Union():
            return step.others
        case Traverse(among=QueryTree() as among):
            return (among,)
        case _:
            return ()


def exprs_in(step: Step) -> tuple[Expr, ...]:
    """The expressions of a step, without those of the queries inside."""
    found: list[Expr] = []

    def note(each: Expr) -> Expr:
        found.append(each)
        return each

    map_step(step, note, lambda query: query)
    return tuple(found)


def map_step(step: Step, change: Callable[[Expr], Expr], nested: Callable[[QueryTree], QueryTree]) -> Step:
    """The step with other expressions, and other queries inside."""
    match step:
        case Where():
            return Where(change(step.condition), step.guards)
        case Only():
            return Only(tuple((change(each), fields) for each, fields in step.parts), step.guards)
        case Join():
            pairs = tuple((change(left), change(right)) for left, right in step.on)
            return replace(step, other=nested(step.other), on=pairs)
        case GroupBy():
            keys = tuple((name, change(each)) for name, each in step.keys)
            return GroupBy(keys, tuple((name, _over(each, change)) for name, each in step.aggregates))
        case Select():
            return Select(tuple((name, change(each)) for name, each in step.fields))
        case OrderBy():
            return OrderBy(tuple((change(each), down) for each, down in step.terms))
        case Union():
            return replace(step, others=tuple(map(nested, step.others)))
        case Unnest():
            return replace(step, field=change(step.field))
        case Traverse(among=among):
            return replace(step, field=change(step.field), among=among and nested(among))
        case _:
            return step


def _sizes_of(steps: Iterable[Step]) -> Sizes:
    """The sizes of a query of these steps. Raises LimitExceeded."""
    steps = tuple(steps)
    nested = [other.sizes for step in steps for other in nested_in(step)]
    size = len(steps) + sum(other.steps for other in nested)
    nesting = 1 + max((other.nesting for other in nested), default=0)
    parts = sum(nodes(each) for step in steps for each in exprs_in(step)) + sum(
        other.nodes for other in nested
    )
    if size > MAX_STEPS:
        raise LimitExceeded(f"a query has at most {MAX_STEPS} steps, not {size}")
    if nesting > MAX_NESTING:
        raise LimitExceeded(f"at most {MAX_NESTING} queries stand inside each other")
    if parts > MAX_QUERY_NODES:
        raise LimitExceeded(f"the expressions of a query have at most {MAX_QUERY_NODES} parts, not {parts}")
    return Sizes(size, nesting, parts)


def _check_order(steps: Iterable[Step]) -> None:
    records = True
    for step in steps:
        if isinstance(step, Traverse) and not records:
            raise ValidationError("traverse starts from records: only where, order_by, limit go before")
        records = records and isinstance(step, (Where, Only, OrderBy, Slice))


def _over(aggregate: Aggregate, change: Callable[[Expr], Expr]) -> Aggregate:
    return aggregate if aggregate.over is None else replace(aggregate, over=change(aggregate.over))


def _check_names(named: Iterable[tuple[str, Any]]) -> None:
    for name, each in named:
        is_key = name == KEY_FIELD and isinstance(each, Field) and each.field_path[-1] == KEY_FIELD
        if not is_key:
            check_field(name)


def _check_unique(where: str, given: list[str]) -> None:
    if len(given) > MAX_ROW_FIELDS:
        raise LimitExceeded(f"{where} makes at most {MAX_ROW_FIELDS} fields, not {len(given)}")
    seen: set[str] = set()
    for name in given:
        if name in seen:
            raise ValidationError(f"{where} has two fields {name!r}; name one of them: other={name!r}")
        seen.add(name)


def _check_whole(what: str, n: Any, most: int) -> None:
    if not isinstance(n, int) or isinstance(n, bool) or not 0 <= n <= most:
        raise ValidationError(f"{what} is {values.short(n)}; expected an int from 0 to {most}")
