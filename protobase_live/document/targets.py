"""Which targets there are, and what an operation on one touches."""

from __future__ import annotations

from protobase_live.errors import ValidationError
from protobase_live.operations import RECORDS, Op, Target
from protobase_live.structures import KINDS, FieldKind, Kind

REGISTRY = "structures"
"""Root map that keeps the kind of every structure that was ever written: name -> kind."""

OPEN = "open"
"""Names what `Document.read` and `Document.write` know of every kind: opening a structure registers it, and
from then on its changes are told, whoever makes them."""


def kind_at(target: Target) -> Kind:
    """The kind that the target says. Raises ValidationError for a target that cannot be."""
    kind = KINDS.get(target.kind)
    if kind is None:
        raise ValidationError(f"there is no kind {target.kind!r}; kinds are {', '.join(KINDS)}")
    if len(target.path) == 3 and (target.path[0] != "records" or not isinstance(kind, FieldKind)):
        raise ValidationError(f"{target.path} is no field of a record that can be a {target.kind}")
    if target.kind == "records" and target != RECORDS:
        raise ValidationError(f"records live at {RECORDS.path}, not at {target.path}")
    if target.kind != "records" and target.path[0] in (REGISTRY, "records") and len(target.path) != 3:
        raise ValidationError(f"{target.path[0]!r} is reserved; choose another name for a {target.kind}")
    return kind


def touched_by(op: Op) -> tuple[str, str | None]:
    """The structure and, of records, the key."""
    if op.target == RECORDS:
        return "records", op.args[0]
    path = op.target.path
    return (path[0], path[1]) if len(path) == 3 else (path[0], None)
