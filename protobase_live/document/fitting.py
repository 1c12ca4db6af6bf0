"""What schemas make of what transactions write, and whether that fits, before anything of it is written."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any

from protobase_live.document.scopes import Row
from protobase_live.document.targets import fields_of, kind_at, touched_by
from protobase_live.errors import ValidationError
from protobase_live.model.atoms import Atom, merges, misfits
from protobase_live.model.names import RECORDS_NAME
from protobase_live.model.operations import RECORDS, CheckedOp, Op
from protobase_live.model.values import quoted
from protobase_live.structures import FIELD_KINDS

FIT_SLICE = 250
"""How many operations are looked at without a pause."""


def merging(schema: type[Atom], op: CheckedOp) -> CheckedOp:
    """An operation with those fields of a record that the schema says merge as what they are there: a number
    as a counter, a list as a set.

    Who writes without a class, such as over REST, does not say so. What does not fit stays as it is. Raises
    ValidationError for what fits and cannot be stored, such as too many elements.
    """
    if op.target != RECORDS or op.action == "delete":
        return op
    key, fields, given = op.args
    kinds = {
        name: kind
        for name, kind in merges(schema).items()
        if name in fields and given.get(name) != kind and schema.__fields__[name].type.fits(fields[name])
    }
    if not kinds:
        return op
    where = f"record {quoted(key)}"
    made = {n: FIELD_KINDS[k].check_value(fields[n], f"{where}[{n!r}]") for n, k in kinds.items()}
    return CheckedOp(op.target, op.action, (key, {**fields, **made}, {**given, **kinds}))


def require_fit(
    schema: type[Atom], ops: Sequence[Op], rows: Mapping[str, Row]
) -> Generator[None, None, None]:
    """Raise ValidationError for operations, in their final form, that make a record of what is none.

    ``rows`` is the plain view of the records. Pauses, in which nothing else may be changed.
    """
    written: dict[str, _Written] = {}
    for number, op in enumerate(ops, 1):
        structure, key = touched_by(op)
        if structure == RECORDS_NAME and key is not None:
            if key not in written:
                written[key] = _Written(rows.get(key))
            written[key].write(op)
        if number % FIT_SLICE == 0:
            yield
    for number, (key, each) in enumerate(written.items(), 1):
        each.require(schema, key)
        if number % FIT_SLICE == 0:
            yield


class _Written:
    """What a transaction makes of one record."""

    def __init__(self, row: Row | None) -> None:
        self._row = row
        self._fields: frozenset[str] | None = frozenset()
        """Which fields it touches; None: all."""
        self._given: set[str] = set()
        """Those that hold what the transaction says: its author may be shown it."""

    def write(self, op: Op) -> None:
        """Carry out an operation."""
        self._fields = _joined(self._fields, fields_of(op))
        self._row = _carried_out(op, self._row)
        if op.target != RECORDS:
            self._given.discard(op.target.path[2])
        elif op.action != "delete":
            self._given.update(op.args[1])

    def require(self, schema: type[Atom], key: str) -> None:
        """Raise ValidationError if what was touched is none of the schema."""
        for field, wrong in misfits(schema, self._row, self._given) if self._row is not None else ():
            if self._fields is None or field in self._fields:
                raise ValidationError(f"record {quoted(key)} would be no {schema.__qualname__}: {wrong}")


def _carried_out(op: Op, row: Row | None) -> Row | None:
    """What an operation makes of a record."""
    if op.target != RECORDS:
        _, _, field = op.target.path
        kind = kind_at(op.target)
        return {**(row or {}), field: kind.replay((row or {}).get(field), op.action, op.args)}
    if op.action == "delete":
        return None
    given: dict[str, Any] = op.args[1]
    return {**(row or {}), **given} if op.action == "update" else given


def _joined(known: frozenset[str] | None, more: Iterable[str] | None) -> frozenset[str] | None:
    return None if known is None or more is None else known.union(more)
