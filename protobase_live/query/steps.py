"""The steps of a query, as data. A query is a collection and the steps its rows go through, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from protobase_live.query.aggregates import Aggregate
from protobase_live.query.expressions import Expr

if TYPE_CHECKING:
    from protobase_live.query.query import Query

JoinHow = Literal["inner", "left", "right", "full"]
JOIN_HOWS: tuple[JoinHow, ...] = ("inner", "left", "right", "full")


@dataclass(frozen=True, slots=True)
class Where:
    """Keeps the rows of which the condition is true."""

    condition: Expr


@dataclass(frozen=True, slots=True)
class Join:
    """Puts beside each row those of ``other`` for which every pair of expressions is equal; None equals
    nothing here. The other row stands under ``name``; where ``how`` keeps a row without a partner, the
    fields of a missing left row are missing, and a missing right row is None.
    """

    other: Query
    on: tuple[tuple[Expr, Expr], ...]
    name: str
    how: JoinHow


@dataclass(frozen=True, slots=True)
class GroupBy:
    """One row for each combination of the values of ``keys``, with aggregates. There are no empty groups."""

    keys: tuple[tuple[str, Expr], ...]
    aggregates: tuple[tuple[str, Aggregate], ...]


@dataclass(frozen=True, slots=True)
class Select:
    """A new row: each name with what its expression says of the old one."""

    fields: tuple[tuple[str, Expr], ...]


@dataclass(frozen=True, slots=True)
class Distinct:
    """Of equal rows only the first."""


@dataclass(frozen=True, slots=True)
class OrderBy:
    """Sorts by the terms, each an expression and whether it descends; rows that tie go by their keys."""

    terms: tuple[tuple[Expr, bool], ...]


@dataclass(frozen=True, slots=True)
class Slice:
    """Skips ``offset`` rows and keeps at most ``limit`` (None: all) of those that follow."""

    offset: int = 0
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Union:
    """The rows of this query and the others: equal ones once, unless ``all``."""

    others: tuple[Query, ...]
    all: bool = False


@dataclass(frozen=True, slots=True)
class Unnest:
    """One row for each element of the list or set ``field`` holds, with the element in its place."""

    field: Expr
    name: str


@dataclass(frozen=True, slots=True)
class Traverse:
    """The rows, and the records of the collection that they refer to, over at most ``depth`` references.

    ``field`` holds the key of a record, or a list or set of keys; ``reverse`` walks from the record that is
    referred to. A record found stands once, with the length of the shortest way to it as ``_depth``.
    """

    field: Expr
    depth: int
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class Count:
    """One row ``{"count": n}``: how many rows there are, also if there are none."""


Step = Where | Join | GroupBy | Select | Distinct | OrderBy | Slice | Union | Unnest | Traverse | Count
