"""What transactions make of records, before anything of them is written, for schemas."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any

from protobase_live.document.judge import Effect, Effects, Judge
from protobase_live.document.scopes import Row
from protobase_live.document.targets import fields_of, kind_at, touched_by
from protobase_live.errors import ValidationError
from protobase_live.model.atoms import Atom
from protobase_live.model.names import RECORDS_NAME
from protobase_live.model.operations import RECORDS, Op

FIT_SLICE = 250
"""How many operations are looked at without a pause."""


def require_fit(
    schema: type[Atom], ops: Sequence[Op], rows: Mapping[str, Row]
) -> Generator[None, None, None]:
    """Raise ValidationError for operations, in their final form, that make a record of what is none.

    ``rows`` is the plain view of the records. Pauses, in which nothing else may be changed.
    """
    made: dict[str, Row | None] = {}
    fields: dict[str, frozenset[str] | None] = {}
    for number, op in enumerate(ops, 1):
        structure, key = touched_by(op)
        if structure == RECORDS_NAME and key is not None:
            made[key] = _carried_out(op, made[key] if key in made else rows.get(key))
            fields[key] = _joined(fields.get(key, frozenset()), fields_of(op))
        if number % FIT_SLICE == 0:
            yield
    judge = Judge(schema=schema)
    for number, (key, after) in enumerate(made.items(), 1):
        effect = Effect(key, rows.get(key), after, fields[key])
        if refusal := judge.refusal(Effects((effect,), ())):
            raise ValidationError(refusal)
        if number % FIT_SLICE == 0:
            yield


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
