"""What an identity may do with a collection: plain data, in which no claim is left to look up.

Each rule that allows reading or writing gives a *scope*. What may be read is the union of the scopes, cell by
cell: a field of a record may be read if some scope lets both this row and this field be read. So ``rows`` and
``fields`` of several scopes must not be united apart from each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from protobase_live.query.ast.expressions import Expr

Action = Literal["read", "write", "presence", "admin"]
"""What may be done: see ``docs/permissions.md`` for what each covers."""

ACTIONS: tuple[Action, ...] = ("read", "write", "presence", "admin")

SERVER = ""
"""Stands for what belongs to no collection, such as the cluster's status; the pattern ``*`` names it."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The part of a collection that a scope is about.

    Conditions are compared by nobody: they have no truth of their own.
    """

    records: bool = True
    """Whether it lets any record at all."""
    fields: frozenset[str] | None = None
    """The fields of records; None: all."""
    structures: frozenset[str] | None = None
    """The names of the structures beside the records; None: all."""


@dataclass(frozen=True, slots=True, eq=False)
class ReadScope(Part):
    """What one rule lets be read."""

    rows: Expr | None = None
    """The condition of the rows; None: all."""

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the collection."""
        return _is_whole(self) and self.rows is None


@dataclass(frozen=True, slots=True, eq=False)
class WriteScope(Part):
    """What one rule lets be written."""

    old: Expr | None = None
    """The condition of a row before it is written; it does not count for one that is inserted. None: all."""
    new: Expr | None = None
    """The condition of a row after that; it does not count for one that is deleted. None: all."""

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the collection."""
        return _is_whole(self) and self.old is None and self.new is None


@dataclass(frozen=True, slots=True, eq=False)
class Grant:
    """The union of what rules allow."""

    reads: tuple[ReadScope, ...] = ()
    writes: tuple[WriteScope, ...] = ()
    presence: bool = False
    admin: bool = False

    def allows(self, action: Action) -> bool:
        """Whether something of the collection may be done so; for all of it see `is_whole`."""
        match action:
            case "read":
                return bool(self.reads)
            case "write":
                return bool(self.writes)
            case "presence":
                return self.presence
            case "admin":
                return self.admin

    def is_whole(self, action: Action) -> bool:
        """Whether all of the collection may be done so."""
        match action:
            case "read":
                return any(scope.is_whole for scope in self.reads)
            case "write":
                return any(scope.is_whole for scope in self.writes)
            case _:
                return self.allows(action)

    def without(self, *actions: Action) -> Grant:
        """The same without these actions."""
        return Grant(
            () if "read" in actions else self.reads,
            () if "write" in actions else self.writes,
            self.presence and "presence" not in actions,
            self.admin and "admin" not in actions,
        )


NOTHING = Grant()
"""Of who may do nothing."""

EVERYTHING = Grant((ReadScope(),), (WriteScope(),), presence=True, admin=True)
"""Of everybody, at a collection that no rule is about."""


def _is_whole(part: Part) -> bool:
    return part.records and part.fields is None and part.structures is None
