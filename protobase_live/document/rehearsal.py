"""Finding out what is wrong with a transaction before anything of it is written."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from typing import Any

from protobase_live.document.assigned import Assigned
from protobase_live.document.fitting import merging, require_fit
from protobase_live.document.targets import kind_at, touched_by
from protobase_live.errors import KindMismatch, naming
from protobase_live.model.atoms import Atom
from protobase_live.model.names import RECORDS_NAME
from protobase_live.model.operations import RECORDS, CheckedOp, Op, Target, a_kind
from protobase_live.structures import Kind

REHEARSE_SLICE = 250
"""How many operations are rehearsed without a pause."""


def rehearse(
    ops: Sequence[Op],
    rows: Mapping[str, dict[str, Any]],
    resolve: Callable[[Target], Any],
    require_room: Callable[[Collection[str]], None],
    schema: type[Atom] | None = None,
) -> Generator[None, None, list[Op]]:
    """The operations in their final form; changes nothing. Pauses, in which nothing else may be changed.

    ``rows`` is the plain view of the records, ``resolve`` gives the shared type of a target, ``require_room``
    refuses structures that are too many, ``schema`` is what the records have to fit then. Raises the
    ProtoBaseError that keeps them from being carried out.
    """
    ready_ops: list[Op] = []
    states: dict[Target, Any] = {}
    touched: dict[str, bool] = {}
    roots: dict[str, Kind] = {}
    assigned = Assigned(ops)
    for number, op in enumerate(ops):
        if number % REHEARSE_SLICE == REHEARSE_SLICE - 1:
            yield
        kind = kind_at(op.target)
        ready = _checked(op, kind) if schema is None else merging(schema, _checked(op, kind))
        ready_ops.append(ready)
        if op.target == RECORDS:
            key = ready.args[0]
            existed = touched.get(key, key in rows)
            kind.rehearse(rows, touched, op.action, ready.args)
            assigned.note(op.action, ready.args, existed=existed)
        elif len(op.target.path) == 3:
            assigned.rehearse(kind, ready, resolve, touched)
        else:
            shared = resolve(op.target)
            _require_same(roots, op.target.path[0], kind)
            with naming(op.target):
                states[op.target] = kind.rehearse(shared, states.get(op.target), op.action, ready.args)
    require_room(roots)
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


def _require_same(roots: dict[str, Kind], name: str, kind: Kind) -> None:
    """Raise KindMismatch where an earlier operation makes another kind of a root that nobody has written."""
    if (earlier := roots.setdefault(name, kind)) is not kind:
        made = f"{name!r} is {a_kind(earlier.name)} earlier in the same transaction"
        raise KindMismatch(f"{made}, not {a_kind(kind.name)}")


def _named(target: Target) -> naming:
    """What is wrong with a record's key or fields says so itself."""
    return naming() if target == RECORDS else naming(target)
