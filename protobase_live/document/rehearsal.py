"""Finding out what is wrong with a transaction before anything of it is written."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, cast

from protobase_live.document.fitting import merging, require_fit
from protobase_live.document.targets import kind_at, touched_by
from protobase_live.errors import RecordMissing, naming
from protobase_live.model.atoms import Atom
from protobase_live.model.names import RECORDS_NAME
from protobase_live.model.operations import RECORDS, CheckedOp, Op, Target
from protobase_live.structures import Kind

REHEARSE_SLICE = 250
"""How many operations are rehearsed without a pause."""

Assigned = dict[str, dict[str, tuple[str, Any]]]
"""By record and field: which kind a transaction has made of it, and of what value."""


def rehearse(
    ops: Sequence[Op],
    rows: Mapping[str, dict[str, Any]],
    resolve: Callable[[Target], Any],
    schema: type[Atom] | None = None,
) -> Generator[None, None, list[Op]]:
    """The operations in their final form; changes nothing. Pauses, in which nothing else may be changed.

    ``rows`` is the plain view of the records, ``resolve`` gives the shared type of a target, ``schema`` is
    what the records have to fit then. Raises the ProtoBaseError that keeps them from being carried out.
    """
    ready_ops: list[Op] = []
    states: dict[Target, Any] = {}
    assigned: Assigned = {}
    for number, op in enumerate(ops):
        if number % REHEARSE_SLICE == REHEARSE_SLICE - 1:
            yield
        kind = kind_at(op.target)
        ready = _checked(op, kind) if schema is None else merging(schema, _checked(op, kind))
        args = ready.args
        ready_ops.append(ready)
        if op.target == RECORDS:
            states[RECORDS] = kind.rehearse(rows, states.get(RECORDS), op.action, args)
            _assign(assigned, op.action, args)
            continue
        shared, state = None, states.get(op.target)
        found = _assigned_to(op.target, assigned)
        if found is not None and found[0] == kind.name:
            state = _length(found[1]) if state is None else state
        elif len(op.target.path) == 1 or not _is_new(op.target.path[1], rows, states.get(RECORDS)):
            shared = resolve(op.target)
        with naming(op.target):
            states[op.target] = kind.rehearse(shared, state, op.action, args)
    if schema is not None:
        yield from require_fit(schema, ready_ops, rows)
    return ready_ops


def require_whole(schema: type[Atom] | None, ops: Sequence[Op]) -> Generator[None, None, None]:
    """Raise ValidationError where `rehearse` would for a record that the operations give as a whole. Pauses.

    What is stored does not matter for that, so whoever wrote them may be told, whatever he may read.
    """
    if schema is None:
        return
    whole: set[str | None] = set()
    given: list[Op] = []
    for number, op in enumerate(map(checked, ops), 1):
        structure, key = touched_by(op)
        if op.target == RECORDS and op.action in ("insert", "put"):
            whole.add(key)
        if structure == RECORDS_NAME and key in whole:
            given.append(merging(schema, op))
        if number % REHEARSE_SLICE == 0:
            yield
    yield from require_fit(schema, given, {})


def checked(op: Op) -> CheckedOp:
    """An operation with its arguments in their final form. Raises ValidationError."""
    return _checked(op, kind_at(op.target))


def _checked(op: Op, kind: Kind) -> CheckedOp:
    if isinstance(op, CheckedOp):
        return op
    with _named(op.target):
        return CheckedOp(op.target, op.action, kind.check(op.action, op.args))


def _named(target: Target) -> naming:
    """What is wrong with a record's key or fields says so itself."""
    return naming() if target == RECORDS else naming(target)


def _is_new(key: str, rows: Mapping[str, Any], touched: Mapping[str, bool] | None) -> bool:
    """Whether the transaction itself makes the record. Raises RecordMissing if it deletes it."""
    if touched is None or key not in touched:
        return False
    if not touched[key]:
        raise RecordMissing(f"the record {key!r} is deleted earlier in the same transaction")
    return key not in rows


def _assigned_to(target: Target, assigned: Assigned) -> tuple[str, Any] | None:
    """What the transaction has made of a field of a record so far."""
    if len(target.path) == 1:
        return None
    _, key, field = target.path
    return assigned.get(key, {}).get(field)


def _assign(assigned: Assigned, action: str, args: tuple[Any, ...]) -> None:
    """Note which merging fields an operation on a record sets, and to what."""
    key = args[0]
    if action != "update":
        assigned.pop(key, None)
    if action != "delete":
        _, fields, merges = args
        made = assigned.setdefault(key, {})
        made.update({field: (kind, fields[field]) for field, kind in merges.items()})


def _length(value: Any) -> int | None:
    """The length of a list or text that is assigned, which is what rehearsing it needs to know."""
    return len(cast("str | list[Any]", value)) if isinstance(value, (str, list)) else None
