"""Finding out what is wrong with a transaction before anything of it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from protobase_live.document.targets import kind_at
from protobase_live.errors import RecordMissing
from protobase_live.operations import RECORDS, Op, Target


def rehearse(
    ops: Sequence[Op], rows: Mapping[str, dict[str, Any]], resolve: Callable[[Target], Any]
) -> list[Op]:
    """The operations in their final form; changes nothing.

    ``rows`` is the plain view of the records, ``resolve`` gives the shared type of a target. Raises the
    ProtoBaseError that keeps the operations from being carried out, if any.
    """
    checked: list[Op] = []
    states: dict[Target, Any] = {}
    assigned: dict[tuple[str, ...], tuple[str, Any]] = {}
    for op in ops:
        kind = kind_at(op.target)
        args = kind.check(op.action, op.args)
        checked.append(Op(op.target, op.action, args))
        if op.target == RECORDS:
            states[RECORDS] = kind.rehearse(rows, states.get(RECORDS), op.action, args)
            _assign(assigned, op.action, args)
            continue
        shared, state = None, states.get(op.target)
        found = assigned.get(op.target.path[1:])
        if found is not None and found[0] == kind.name:
            state = _length(found[1]) if state is None else state
        elif len(op.target.path) == 1 or not _is_new(op.target.path[1], rows, states.get(RECORDS)):
            shared = resolve(op.target)
        states[op.target] = kind.rehearse(shared, state, op.action, args)
    return checked


def _is_new(key: str, rows: Mapping[str, Any], touched: Mapping[str, bool] | None) -> bool:
    """Whether the transaction itself makes the record. Raises RecordMissing if it deletes it."""
    if touched is None or key not in touched:
        return False
    if not touched[key]:
        raise RecordMissing(f"the record {key!r} is deleted earlier in the same transaction")
    return key not in rows


def _assign(assigned: dict[tuple[str, ...], tuple[str, Any]], action: str, args: tuple[Any, ...]) -> None:
    """Note which merging fields an operation on a record sets, and to what."""
    key = args[0]
    if action != "update":
        for path in [path for path in assigned if path[0] == key]:
            del assigned[path]
    if action != "delete":
        _, fields, merges = args
        assigned.update({(key, field): (kind, fields[field]) for field, kind in merges.items()})


def _length(value: Any) -> int | None:
    """The length of a list or text that is assigned, which is what rehearsing it needs to know."""
    return len(cast("str | list[Any]", value)) if isinstance(value, (str, list)) else None
