"""Whether somebody may write what a transaction wants to write, by the rows before and after it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from protobase_live.document import Scope, checked, kind_at, obstacle, united
from protobase_live.errors import Forbidden, KindMismatch, RecordExists, RecordMissing
from protobase_live.model.names import RECORDS_NAME
from protobase_live.model.operations import RECORDS, Op, Target
from protobase_live.model.values import quoted
from protobase_live.permissions.reading import no_field
from protobase_live.permissions.replayed_set import ReplayedSet
from protobase_live.permissions.sight import Row, Sight
from protobase_live.structures import RECORDS_KIND, Stored, TwinnedKind

JUDGED = 100
"""How many operations are judged without a pause."""

Rows = Mapping[str, Row]
StoredAt = Callable[[Target], Stored]
"""What is stored of a set in a record; see `TwinnedKind`."""


@dataclass(slots=True)
class _Touched:
    """A record that a transaction writes."""

    old: Row | None
    """What it was before; None: it was not there."""
    row: Row | None
    """What it is after the operations so far."""
    fields: dict[str, None] | None = field(default_factory=dict[str, None])
    """Which fields they touch; None: all."""

    sets: dict[str, ReplayedSet] = field(default_factory=dict[str, ReplayedSet])
    """Fields that are sets to which something was done."""
    given: dict[str, None] | None = field(default_factory=dict[str, None])
    """Fields that were given a value as a whole, so that what was stored of them is no more; None: all."""

    def give(self, fields: Iterable[str] | None) -> None:
        """Some are given a value; None: all."""
        if fields is None:
            self.given, self.sets = None, {}
            return
        if self.given is not None:
            self.given |= dict.fromkeys(fields)
        self.sets = {name: each for name, each in self.sets.items() if name not in fields}

    def touch(self, fields: Iterable[str] | None) -> None:
        """Some more are touched."""
        if self.fields is not None:
            self.fields = None if fields is None else self.fields | dict.fromkeys(fields)


class TransactionJudge:
    """What somebody may write in one collection.

    A record that he may neither read nor write is as if it were not there: it cannot be updated, and deleting
    it does nothing. Only that a key is taken cannot be hidden.
    """

    def __init__(self, scopes: Sequence[Scope], sight: Sight) -> None:
        self._is_whole = any(scope.has_all_records and scope.structures is None for scope in scopes)
        self._structures = united(scope.structures for scope in scopes)
        self._scopes = [scope for scope in scopes if scope.records]
        self._fields = united(scope.fields for scope in self._scopes)
        self._sight = sight

    def judge_in_steps(
        self, ops: Sequence[Op], rows: Rows, stored: StoredAt
    ) -> Generator[None, None, Sequence[Op]]:
        """The operations that are left to be carried out, with pauses in which ``rows`` may not change, nor
        what is ``stored``.

        Raises Forbidden, RecordExists, RecordMissing and ValidationError.
        """
        if self._is_whole:
            return ops
        kept: list[Op] = []
        touched: dict[str, _Touched] = {}
        for number, op in enumerate(ops, 1):
            if self._take(op := checked(op), rows, stored, touched):
                kept.append(op)
            if number % JUDGED == 0:
                yield
        for number, (key, each) in enumerate(touched.items(), 1):
            self._judge(key, each)
            if number % JUDGED == 0:
                yield
        return kept

    def _take(self, op: Op, rows: Rows, stored: StoredAt, touched: dict[str, _Touched]) -> bool:
        """Note what an operation does; whether it is to be carried out."""
        if op.target.path[0] != RECORDS_NAME:
            self._require_structure(op.target.path[0])
            return True
        key = op.args[0] if op.target == RECORDS else op.target.path[1]
        for name in _named(op):  # first: what is said of a field tells nothing of whether the record exists
            self._require_field(key, name)
        each = touched.get(key)
        if each is None:
            old = rows.get(key)
            if old is not None and not self._knows(key, old):
                return _refuse_hidden(op, key)
            each = touched[key] = _Touched(old, old)
        self._write(op, key, each, stored)
        return True

    def _knows(self, key: str, row: Row) -> bool:
        return self._sight.row(key, row) is not None or any(
            scope.lets_old(key, row) for scope in self._scopes
        )

    def _write(self, op: Op, key: str, each: _Touched, stored: StoredAt) -> None:
        """Do to a record's plain value what an operation does. Raises what rehearsing it would raise."""
        if op.target != RECORDS:
            name = op.target.path[2]
            if each.row is None:
                raise RecordMissing(no_field(op.target))
            each.row = {**each.row, name: _replayed(op, each, each.row.get(name), stored)}
            each.touch((name,))
            return
        if op.action == "delete" and each.row is None:
            return
        before = {} if each.row is None else {key: each.row}
        each.touch(op.args[1] if op.action == "update" or each.old is each.row is None else None)
        each.row = RECORDS_KIND.replay(before, op.action, op.args).get(key)
        each.give(op.args[1] if op.action == "update" else None)

    def _judge(self, key: str, each: _Touched) -> None:
        match obstacle(self._scopes, key, each.old, each.row, each.fields):
            case None:
                return
            case ("old", _):
                raise Forbidden(f"record {quoted(key)} may not be written as it is")
            case ("new", _):
                raise Forbidden(f"record {quoted(key)} may not be written so: it would be out of bounds")
            case (_, fields):
                if each.fields is None:
                    raise Forbidden(f"record {quoted(key)} may be written field by field alone, by update")
                raise _no_field(key, next(name for name in each.fields if name not in fields))

    def _require_field(self, key: str, name: str) -> None:
        if self._fields is not None and name not in self._fields:
            raise _no_field(key, name)

    def _require_structure(self, name: str) -> None:
        if self._structures is not None and name not in self._structures:
            raise Forbidden(f"structure {quoted(name)} may not be written")


def _replayed(op: Op, each: _Touched, value: Any, stored: StoredAt) -> Any:
    """What an operation makes of a field that holds a value."""
    kind, (_, key, name) = kind_at(op.target), op.target.path
    try:
        if not isinstance(kind, TwinnedKind):
            return kind.replay(value, op.action, op.args)
        if name not in each.sets:
            is_given = each.old is None or each.given is None or name in each.given
            before = partial(kind.stored_of, value) if is_given else partial(stored, op.target)
            each.sets[name] = ReplayedSet(kind, before)
        return each.sets[name].replay(value, op.action, op.args)
    except KindMismatch:  # its message has the value, which may not be read
        what = f"field {quoted(name)} of record {quoted(key)}"
        raise KindMismatch(f"{what} is no {op.target.kind}") from None


def _named(op: Op) -> Iterable[str]:
    """The fields of a record that an operation names."""
    if op.target != RECORDS:
        return (op.target.path[2],)
    return () if op.action == "delete" else op.args[1]


def _no_field(key: str, name: str) -> Forbidden:
    return Forbidden(f"field {quoted(name)} of record {quoted(key)} may not be written")


def _refuse_hidden(op: Op, key: str) -> bool:
    """What happens to an operation on a record that is there and not known to be."""
    if op.target != RECORDS:
        raise RecordMissing(no_field(op.target))
    if op.action == "update":
        raise RecordMissing(f"there is no record {key!r}")
    if op.action != "delete":
        raise RecordExists(f"there is a record {key!r} already")
    return False
