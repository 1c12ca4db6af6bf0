"""Which targets there are, and what an operation on one touches."""

from __future__ import annotations

from collections.abc import Iterable

from protobase_live.errors import ValidationError
from protobase_live.model.names import (
    RECORDS_NAME,
    RESERVED_PREFIX,
    check_field,
    check_structure,
    known_structure,
)
from protobase_live.model.operations import INDEXES, RECORDS, Op, Target, a_kind
from protobase_live.model.values import quoted, short
from protobase_live.structures import KINDS, FieldKind, Kind

REGISTRY = RESERVED_PREFIX + "structures"
"""Root map that keeps the kind of every structure that was ever written from here: name -> kind."""

OPEN = "open"
"""The question, of every kind, whether a structure can be opened as that kind. It changes nothing."""


def kind_at(target: Target) -> Kind:
    """The kind that the target says. Raises ValidationError for a target that cannot be."""
    kind, path = KINDS.get(target.kind), target.path
    if kind is None:
        raise ValidationError(f"there is no kind {target.kind!r}; kinds are {', '.join(KINDS)}")
    if kind.name == RECORDS.kind:
        if target != RECORDS:
            raise ValidationError(f"records live at {RECORDS.path}, not at {short(path)}")
    elif len(path) == 3:
        if path[0] != RECORDS_NAME or not isinstance(kind, FieldKind):
            raise ValidationError(f"{short(path)} is no field of a record that can be {a_kind(kind.name)}")
    elif len(path) != 1:
        raise ValidationError(
            f"{short(path)} is no path; expected [name], or ['records', key, field] for a field of a record"
        )
    elif path[0] == RECORDS_NAME or (path[0].startswith(RESERVED_PREFIX) and target != INDEXES):
        raise ValidationError(f"{path[0]!r} is reserved; choose another name for {a_kind(kind.name)}")
    return kind


def named_structure(text: str) -> Target:
    """The structure that ``KIND:NAME`` says, such as ``text:body``. Raises ValidationError."""
    kind, _, name = text.partition(":")
    if not kind or not name:
        raise ValidationError(f"{quoted(text)} names no structure; write it KIND:NAME, such as text:body")
    target = Target(kind, (known_structure(name),))
    kind_at(target)
    return target


def check_new(target: Target) -> None:
    """Raise InvalidName unless a structure or field that is to be made may be called so."""
    if len(target.path) == 3:
        check_field(target.path[2])
    elif target != INDEXES:
        check_structure(target.path[0])


def touched_by(op: Op) -> tuple[str, str | None]:
    """The structure and, of records, the key."""
    if op.target == RECORDS:
        return "records", op.args[0]
    path = op.target.path
    return (path[0], path[1]) if len(path) == 3 else (path[0], None)


def fields_of(op: Op) -> Iterable[str] | None:
    """The fields that an operation on a record touches; None: all of them."""
    if op.target != RECORDS:
        return (op.target.path[2],)
    return op.args[1] if op.action == "update" else None
