"""What somebody may see of one collection; all else is as if it were not there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from protobase_live.document import united
from protobase_live.model.change import Change
from protobase_live.model.names import KEY_FIELD, RECORDS_NAME
from protobase_live.model.values import digest, same
from protobase_live.permissions.grant import ReadScope
from protobase_live.query.ast.expressions import Call, Expr, Value
from protobase_live.query.ast.tree import Only, QueryTree, Step, Where
from protobase_live.query.engine.code import compile_condition
from protobase_live.query.engine.effort import apart
from protobase_live.query.engine.mask import mask
from protobase_live.query.language.form import to_form

Row = dict[str, Any]


class Sight:
    """The union of scopes, cell by cell: a field of a record is seen if one scope lets both be seen."""

    def __init__(self, scopes: Sequence[ReadScope]) -> None:
        self._structures = united(scope.structures for scope in scopes)
        self._scopes = [scope for scope in scopes if scope.records]
        self._condition = self._any_row()
        self._only = self._any_field()

    def _any_row(self) -> Expr | None:
        """The condition of the rows; None: all."""
        rows = [scope.rows for scope in self._scopes]
        some = tuple(each for each in rows if each is not None)
        if len(some) < len(rows):
            return None
        return some[0] if len(some) == 1 else Call("or", some) if some else Value(False)

    def _any_field(self) -> Only | None:
        """The fields of these rows; None: all."""
        fields = {scope.fields for scope in self._scopes}
        if len(fields) == 1:
            return None if None in fields else Only(((Value(True), self._scopes[0].fields),), guards=True)
        parts = ((Value(True) if each.rows is None else each.rows, each.fields) for each in self._scopes)
        return Only(tuple(parts), guards=True) if fields else None

    @property
    def shows_all(self) -> bool:
        """Whether nothing is hidden, be it by one scope or by several together."""
        return self.shows_records and self._structures is None

    # queries

    @property
    def steps(self) -> tuple[Step, ...]:
        """What a query of the collection has to begin with; nothing, if all records are seen."""
        where = () if self._condition is None else (Where(self._condition, guards=True),)
        return where if self._only is None else (*where, self._only)

    def __eq__(self, other: object) -> bool:
        """Whether the same is seen, as far as it is said in the same words."""
        return isinstance(other, Sight) and self._words == other._words

    __hash__ = None  # pyright: ignore[reportAssignmentType] - nobody keeps one by what it shows

    @cached_property
    def _words(self) -> tuple[object, frozenset[str] | None]:
        return to_form(QueryTree("any", steps=self.steps)), self._structures

    @cached_property
    def part(self) -> str:
        """What stands for what is seen, in a cursor: the same where the same is seen, as far as it is said in
        the same words.
        """
        form, structures = self._words
        return digest([form, None if structures is None else sorted(structures)]).hex()

    # records

    @property
    def shows_records(self) -> bool:
        """Whether all records are seen, and all of their fields."""
        return self._condition is None and self._only is None

    @cached_property
    def _test(self):
        return None if self._condition is None else apart(compile_condition(self._condition))

    @cached_property
    def _mask(self):
        return None if self._only is None else apart(mask(self._only))

    def row(self, key: str, row: Row | None) -> Row | None:
        """What is seen of a record; None if nothing is."""
        if row is None or self.shows_records:
            return row
        whole = {**row, KEY_FIELD: key}
        if self._test is not None and not self._test(whole):
            return None
        return row if self._mask is None else {n: v for n, v in self._mask(whole).items() if n in row}

    # structures

    def shows(self, structure: str) -> bool:
        """Whether a structure beside the records is seen."""
        return self._structures is None or structure in self._structures

    # changes

    def change(self, change: Change) -> Change | None:
        """What is seen of a change; None if that is nothing.

        A record that comes into sight is inserted, one that leaves it is deleted.
        """
        if change.kind == "reset" or self.shows_all:
            return change
        if change.structure != RECORDS_NAME:
            return change if self.shows(change.structure) else None
        before, after = self.row(change.key, change.before), self.row(change.key, change.after)
        if before is change.before and after is change.after:
            return change
        if same(before, after):
            return None
        kind = "insert" if before is None else "delete" if after is None else "update"
        return replace(change, kind=kind, before=before, after=after)
