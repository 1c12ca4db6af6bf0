"""Which fields the rows of a query can have, as far as it is known; a name that cannot exist is an error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

from protobase_live.errors import ValidationError
from protobase_live.model.atoms import Atom, unknown
from protobase_live.model.field_types import FieldType, Mismatch
from protobase_live.model.names import KEY_FIELD
from protobase_live.query.ast.expressions import Expr, Field, fields_of
from protobase_live.query.ast.tree import (
    Count,
    GroupBy,
    Join,
    OrderBy,
    QueryTree,
    Select,
    Step,
    Traverse,
    Union,
    Unnest,
    Where,
    exprs_in,
)

DEPTH_FIELD = "_depth"
"""Where `Query.traverse` puts the length of the way."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a dict may hold: ``fields``, and others unless it is ``closed``. ``what`` names it in messages."""

    what: str = "a row"
    fields: Mapping[str, Shape] = field(default_factory=dict[str, "Shape"])
    closed: bool = False

    def at(self, path: Iterable[str], where: str) -> Shape:
        """The shape of what stands at ``path``. Raises ValidationError where nothing can stand."""
        found = self
        for name in path:
            if name not in found.fields and found.closed:
                raise ValidationError(unknown(f"{where}: {found.what} has no field", name, found.fields))
            found = found.fields.get(name, OPEN)
        return found

    def with_field(self, name: str, shape: Shape) -> Shape:
        """The shape with another field."""
        return replace(self, fields={**self.fields, name: shape})


OPEN = Shape()
"""Of this nothing is known."""


def check_names(query: QueryTree, atoms: Mapping[str, type[Atom]]) -> None:
    """Raises ValidationError for a field that cannot exist, and says which one could be meant.

    ``atoms`` are the classes of collections by name; a query's own class comes first. Rows of a collection
    without a class may have any fields, until `select`, `group_by` or `count` says which.
    """
    shape_of(query, atoms)


def shape_of(query: QueryTree, atoms: Mapping[str, type[Atom]]) -> Shape:
    """The shape of a query's rows. Raises as `check_names`."""
    atom = query.atom or atoms.get(query.collection)
    shape = OPEN if atom is None else _of_atom(atom)
    for step in query.steps:
        shape = _after(step, shape, atoms)
    return shape


def _of_atom(atom: type[Atom]) -> Shape:
    name = atom.__qualname__
    fields = {each.name: _of_type(each.type, f"{name}.{each.name}") for each in atom.fields().values()}
    return Shape(name, {**fields, KEY_FIELD: _scalar(f"{name}.{KEY_FIELD}", "str")}, closed=True)


def _of_type(found: FieldType, name: str) -> Shape:
    try:
        found.convert({})
    except Mismatch:
        return _scalar(name, found.expected)
    return OPEN


def _scalar(name: str, expected: str) -> Shape:
    return Shape(f"{name} ({expected})", closed=True)


def _after(step: Step, shape: Shape, atoms: Mapping[str, type[Atom]]) -> Shape:
    """The shape behind a step; its names are checked."""
    where = _NAMES.get(type(step), "")
    match step:
        case Join():
            return _joined(step, shape, atoms)
        case Union():
            others = [shape_of(other, atoms) for other in step.others]
            return reduce(_either, others, shape)
        case GroupBy():
            keys = _selected(step.keys, shape, where)
            for name, each in step.aggregates:
                if each.over is not None:
                    _check(each.over, shape, f"{where} {name}")
            groups = {**keys, **{name: OPEN for name, _ in step.aggregates}}
            return Shape("a group", groups, closed=True)
        case Select():
            return Shape("the selection", _selected(step.fields, shape, where), closed=True)
        case Count():
            return Shape("the count", {"count": OPEN}, closed=True)
        case _:
            for each in exprs_in(step):
                _check(each, shape, where)
    if isinstance(step, Unnest):
        return shape.with_field(step.name, OPEN)
    return shape.with_field(DEPTH_FIELD, OPEN) if isinstance(step, Traverse) else shape


_NAMES: Mapping[type[Step], str] = {
    Where: "where",
    GroupBy: "group_by",
    Select: "select",
    OrderBy: "order_by",
    Unnest: "unnest",
    Traverse: "traverse",
}


def _joined(step: Join, shape: Shape, atoms: Mapping[str, type[Atom]]) -> Shape:
    other = shape_of(step.other, atoms)
    for left, right in step.on:
        _check(left, shape, f"join {step.name}")
        _check(right, other, f"join {step.name}")
    return shape.with_field(step.name, other)


def _selected(named: Iterable[tuple[str, Expr]], shape: Shape, where: str) -> dict[str, Shape]:
    found: dict[str, Shape] = {}
    for name, each in named:
        _check(each, shape, where)
        found[name] = shape.at(each.field_path, where) if isinstance(each, Field) else OPEN
    return found


def _check(root: Expr, shape: Shape, where: str) -> None:
    for each in fields_of(root):
        shape.at(each.field_path, where)


def _either(one: Shape, other: Shape) -> Shape:
    """What a row of either may hold."""
    fields: dict[str, Shape] = {}
    for name in (*one.fields, *(each for each in other.fields if each not in one.fields)):
        options = [
            each.fields.get(name, OPEN) for each in (one, other) if name in each.fields or not each.closed
        ]
        fields[name] = reduce(_either, options)
    what = one.what if one.what == other.what else f"{one.what} or {other.what}"
    return Shape(what, fields, one.closed and other.closed)
