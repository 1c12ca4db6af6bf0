"""A query that gives the same rows in the same order, with its conditions as near to the records as they go.

Near the records a condition can be answered by an index, and every later step has less to do. A condition is
moved only where that changes nothing:

- past `order_by`; past `distinct`, `unnest` of another field and `group_by` of its own fields only;
- past `select`, said of what was selected;
- past `only`, where all rows keep the fields it is about, or none does: then it is about None;
- past a join, or into the joined query, if it is about one side and the join never adds that side's row to
  rows it knows nothing of. A condition that is false of a missing row first makes an outer join an inner one.
- never past `limit`, `offset`, `traverse`, `union` and `count`;
- never past a condition that guards, which is moved nowhere itself.

The other way round, `only` moves behind `order_by` and `limit`, which an index may answer.

Equal values may still differ as numbers (2**60 and the float of it), so a condition that computes does not
move past what keeps one of several equal values.
"""

from __future__ import annotations

from dataclasses import replace

from protobase_live.errors import LimitExceeded, ValidationError
from protobase_live.query.ast.expressions import (
    ARITHMETIC,
    Call,
    Expr,
    Field,
    Param,
    Value,
    conjuncts,
    fields_of,
    walk,
)
from protobase_live.query.ast.substitution import replace_parts
from protobase_live.query.ast.tree import (
    Distinct,
    GroupBy,
    Join,
    JoinHow,
    Only,
    OrderBy,
    QueryTree,
    Select,
    Slice,
    Step,
    Unnest,
    Where,
    map_step,
)
from protobase_live.query.engine.code import compile_condition
from protobase_live.query.engine.effort import apart
from protobase_live.query.language.canonical import canonical_query, expr_form, text_of

_Steps = list[Step]
_Named = tuple[tuple[str, Expr], ...]

_KEEPS_LEFT: dict[JoinHow, JoinHow] = {"right": "inner", "full": "left"}
"""What a join is when no row without a left one is wanted."""

_KEEPS_RIGHT: dict[JoinHow, JoinHow] = {"left": "inner", "full": "right"}
"""What a join is when no row without a right one is wanted."""


def rewrite(query: QueryTree) -> QueryTree:
    """The same query, conditions moved towards the records. One at its limits stays as it was written."""
    canonical = canonical_query(query)
    try:
        return canonical_query(_rewritten(canonical))
    except LimitExceeded:
        return canonical


def _rewritten(query: QueryTree) -> QueryTree:
    steps: _Steps = []
    for step in query.steps:
        if isinstance(step, Where) and not step.guards:
            for term in conjuncts(step.condition):
                steps = _sunk(steps, term)
        else:
            steps = _followed(steps, step)
    return query.with_steps(map_step(step, lambda each: each, _rewritten) for step in steps)


def _followed(steps: _Steps, step: Step) -> _Steps:
    """``steps`` and then another, before what only leaves out fields if that changes nothing."""
    if steps and isinstance(last := steps[-1], Only):
        if isinstance(step, Slice):
            return [*steps[:-1], step, last]
        if isinstance(step, OrderBy):
            terms = [(_seen_before(last, each), down) for each, down in step.terms]
            known = tuple((each, down) for each, down in terms if each is not None)
            if len(known) == len(terms):
                return [*steps[:-1], OrderBy(known), last]
    return [*steps, step]


def _sunk(steps: _Steps, term: Expr) -> _Steps:
    """``steps`` and then ``term``, as deep as it goes."""
    if not _roots(term) and _holds_for_missing(term) is True:
        return steps
    if not steps:
        return [Where(term)]
    *before, last = steps
    match last:
        case Where(guards=True):
            return steps if _says(last.condition, term) else [*steps, Where(term)]
        case Where() | OrderBy():
            return [*_sunk(before, term), last]
        case Unnest(name=name) if name not in _roots(term):
            return [*_sunk(before, term), last]
        case Distinct() if not _computes(term):
            return [*_sunk(before, term), last]
        case Only():
            inner = _seen_before(last, term)
        case Select(fields=fields):
            inner = _said_of(term, fields)
        case GroupBy(keys=keys) if _can_pass_groups(last, term):
            inner = _said_of(term, keys)
        case Join():
            return _sunk_in_join(before, last, term)
        case _:
            inner = None
    return [*steps, Where(term)] if inner is None else [*_sunk(before, inner), last]


def _says(condition: Expr, term: Expr) -> bool:
    """Whether ``term`` is one of those that ``condition`` says hold, in the same words."""
    text = text_of(expr_form(term))
    return any(text_of(expr_form(each)) == text for each in conjuncts(condition))


def _sunk_in_join(before: _Steps, join: Join, term: Expr) -> _Steps:
    is_right = {root == join.name for root in _roots(term)}
    if len(is_right) == 1 and _holds_for_missing(term) is False:
        changes = _KEEPS_RIGHT if is_right == {True} else _KEEPS_LEFT
        join = replace(join, how=changes.get(join.how, join.how))
    if True not in is_right and join.how in ("inner", "left"):
        return [*_sunk(before, term), join]
    if is_right == {True} and join.how in ("inner", "right"):
        inner = _inside(term, join.name)
        if inner is not None:
            return [*before, replace(join, other=join.other.filtered(inner))]
    return [*before, join, Where(term)]


def _roots(term: Expr) -> set[str]:
    return {field.field_path[0] for field in fields_of(term)}


def _computes(term: Expr) -> bool:
    return any(isinstance(part, Call) and part.op in (*ARITHMETIC, "neg") for part in walk(term))


def _can_pass_groups(step: GroupBy, term: Expr) -> bool:
    return _roots(term).isdisjoint(name for name, _ in step.aggregates) and not _computes(term)


def _said_of(term: Expr, named: _Named) -> Expr | None:
    """The condition about new rows as one about the old; None where it asks for parts of what is computed."""
    parts: dict[tuple[str, ...], Expr] = {(name,): each for name, each in named}
    missing = [field for field in fields_of(term) if field.field_path[:1] not in parts]
    try:
        return replace_parts(term, {**parts, **{field.field_path: Value(None) for field in missing}})
    except ValidationError:
        return None


def _seen_before(step: Only, term: Expr) -> Expr | None:
    """What an expression about the rows behind ``step`` says of those before; None where that depends on
    the row.
    """
    shown = {field.field_path: step.shows(field.field_path[0]) for field in fields_of(term)}
    if None in shown.values():
        return None
    try:
        return replace_parts(term, {path: Value(None) for path, kept in shown.items() if not kept})
    except ValidationError:
        return None


def _inside(term: Expr, name: str) -> Expr | None:
    """The condition about joined rows as one about the other query's; None where it is about a whole row."""
    paths = {field.field_path for field in fields_of(term)}
    if (name,) in paths:
        return None
    return replace_parts(term, {path: Field(path[1:]) for path in paths})


def _holds_for_missing(term: Expr) -> bool | None:
    """Whether the condition is true where all its fields are missing; None while that is up to parameters."""
    if any(isinstance(part, Param) for part in walk(term)):
        return None
    return apart(compile_condition(term))({})
