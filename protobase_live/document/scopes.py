"""Parts of a collection that somebody may write. Of several, the union counts, record by record.

A record may be written if some scope lets it be written as it is *and* as it becomes; of its fields, those
that any of these scopes names. So limits of rows, and those of fields, are not united apart from each other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from protobase_live.model.names import KEY_FIELD

Row = Mapping[str, Any]
Condition = Callable[[dict[str, Any]], bool]
"""Whether a record, its key among its fields, is one that may be written; an error that it raises refuses."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What may be written by one rule. Without arguments: everything."""

    records: bool = True
    """Whether it lets any record be written."""
    fields: frozenset[str] | None = None
    """The fields of records; None: all. Who replaces or deletes a record writes all of them."""
    structures: frozenset[str] | None = None
    """The names of the structures beside the records; None: all."""
    old: Condition | None = None
    """Which records may be changed or deleted, as they were before."""
    new: Condition | None = None
    """Which records may be made or left, as they are then."""

    @property
    def has_all_records(self) -> bool:
        """Whether it lets each record be written, in whatever way."""
        return self.has_each_record and self.fields is None

    @property
    def has_each_record(self) -> bool:
        """Whether it lets something of each record be written, whatever it is and becomes."""
        return self.records and self.old is None and self.new is None

    def lets_old(self, key: str, row: Row | None) -> bool:
        """Whether a record that is so may be written."""
        return _holds(self.old, key, row)

    def lets_new(self, key: str, row: Row | None) -> bool:
        """Whether a record may be written so."""
        return _holds(self.new, key, row)


class Obstacle(NamedTuple):
    """What keeps a record from being written."""

    part: Literal["old", "new", "fields"]
    """The record as it is, as it would be, or the fields that would be written."""
    fields: frozenset[str] = frozenset()
    """Those that may be written of a record that is so, and becomes so."""


def obstacle(
    scopes: Sequence[Scope], key: str, old: Row | None, new: Row | None, touched: Collection[str] | None
) -> Obstacle | None:
    """What keeps a record from being written so, if anything does. A row that is not there is None.

    ``touched`` are the fields that are written, None: all. ``scopes`` are those that let records be written.
    """
    before = [scope for scope in scopes if scope.lets_old(key, old)]
    if not before:
        return Obstacle("old")
    after = [scope for scope in before if scope.lets_new(key, new)]
    if not after:
        return Obstacle("new")
    fields = united(scope.fields for scope in after)
    if fields is None or (touched is not None and fields.issuperset(touched)):
        return None
    return Obstacle("fields", fields)


def united(names: Iterable[frozenset[str] | None]) -> frozenset[str] | None:
    """The union of sets of names, of which None is the one of all."""
    found = list(names)
    return None if None in found else frozenset[str]().union(*filter(None, found))


def _holds(condition: Condition | None, key: str, row: Row | None) -> bool:
    if condition is None or row is None:
        return True
    try:
        return condition({**row, KEY_FIELD: key})
    except Exception:
        return False
