"""Expressions in which other expressions stand for some fields."""

from __future__ import annotations

from collections.abc import Mapping

from protobase_live.errors import ValidationError
from protobase_live.query.ast.expressions import Call, Expr, Field, short


def replace_parts(root: Expr, parts: Mapping[tuple[str, ...], Expr]) -> Expr:
    """The expression with other expressions for those fields whose path begins with one of ``parts``.

    What follows in the path is looked up in the replacement, if that is a field, and is not allowed else.
    """
    if isinstance(root, Call):
        return Call(root.op, tuple(replace_parts(arg, parts) for arg in root.args))
    if isinstance(root, Field):
        for length in range(len(root.field_path), 0, -1):
            found = parts.get(root.field_path[:length])
            if found is not None:
                return _deeper(found, root.field_path[length:], root)
    return root


def _deeper(found: Expr, rest: tuple[str, ...], asked: Field) -> Expr:
    if not rest:
        return found
    if isinstance(found, Field):
        return Field((*found.field_path, *rest))
    raise ValidationError(f"{asked} asks for a field of {short(found)}, which is computed")
