"""The canonical form of queries: what travels, what is shared, and what messages print.

::

    {"from": "tasks", "steps": [
        {"where": ["and", ["==", ["field", "done"], false], [">=", ["field", "priority"], 3]]},
        {"join": {"query": {"from": "users", "steps": []},
                  "on": [[["field", "owner"], ["field", "name"]]], "as": "user", "how": "left"}},
        {"order_by": [[["field", "priority"], "desc"]]},
        {"slice": {"offset": 0, "limit": 5}}]}

The other steps::

    {"group_by": {"keys": [[name, E] ...], "aggregates": [[name, aggregate, E or null] ...]}}
    {"select": [[name, E] ...]}                            {"distinct": true}
    {"union": {"queries": [...], "all": false}}            {"count": true}
    {"unnest": {"field": E, "as": name}}
    {"traverse": {"field": E, "depth": n, "reverse": false}}, and "among": a query, if not among all records
    {"only": [[E, [name ...] or null] ...]}

A condition and an `only` that rules of permissions have put before a query are ``guard`` and ``mask``. No
query is made of these: what they take is counted apart, which nobody else may have for his own.

An expression E is a list that begins with its operator (see `ARITY`), ``["field", name ...]``,
``["param", name]``, ``["value", a list, dict or set]``, or any other constant as it is.

In the *native* form constants are Python values; `to_json` and `from_json` use the form of
:mod:`protobase_live.model.values` for JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from protobase_live.errors import LimitExceeded, ValidationError
from protobase_live.model import values
from protobase_live.model.atoms import unknown
from protobase_live.query.ast.aggregates import Aggregate
from protobase_live.query.ast.expressions import ARITY, Call, Expr, Field, Param, condition, expr
from protobase_live.query.ast.tree import (
    Count,
    Distinct,
    GroupBy,
    Join,
    Only,
    OrderBy,
    QueryTree,
    Select,
    Slice,
    Step,
    Traverse,
    Union,
    Unnest,
    Where,
)
from protobase_live.query.language.canonical import canonical_query, expr_form

MAX_FORM_DEPTH = values.MAX_WIRE_DEPTH
"""Most lists and dicts of a form inside each other."""

MAX_FORM_PARTS = 1_000_000
"""Most parts of a form, those of its constants included."""


def to_json(query: QueryTree) -> dict[str, Any]:
    """The canonical form of a query, as JSON can say it."""
    return values.to_json(to_form(query))


def from_json(form: Any) -> QueryTree:
    """The query of what `to_json` gave, or `json.loads`. Raises ValidationError and LimitExceeded."""
    _check_size(form)
    return from_form(values.from_json(form))


def to_form(query: QueryTree) -> dict[str, Any]:
    """The canonical form of a query, with native constants."""
    return _query_form(canonical_query(query))


def from_form(form: Any) -> QueryTree:
    """The query of a form with native constants, canonical or not.

    Raises ValidationError, which says where what is wrong and what is expected there, and LimitExceeded.
    """
    _check_size(form)
    return _query(form, "query")


# writing


def _query_form(query: QueryTree) -> dict[str, Any]:
    return {"from": query.collection, "steps": [_step_form(step) for step in query.steps]}


def _step_form(step: Step) -> dict[str, Any]:
    match step:
        case Where(guards=True):
            return {"guard": expr_form(step.condition)}
        case Where():
            return {"where": expr_form(step.condition)}
        case Only():
            parts = [[expr_form(each), _names_form(fields)] for each, fields in step.parts]
            return {"mask" if step.guards else "only": parts}
        case Join():
            on = [[expr_form(left), expr_form(right)] for left, right in step.on]
            return {"join": {"query": _query_form(step.other), "on": on, "as": step.name, "how": step.how}}
        case GroupBy():
            aggregates = [[name, each.name, _over_form(each)] for name, each in step.aggregates]
            return {"group_by": {"keys": _named_form(step.keys), "aggregates": aggregates}}
        case Select():
            return {"select": _named_form(step.fields)}
        case Distinct():
            return {"distinct": True}
        case OrderBy():
            return {"order_by": [[expr_form(each), "desc" if down else "asc"] for each, down in step.terms]}
        case Slice():
            return {"slice": {"offset": step.offset, "limit": step.limit}}
        case Union():
            return {"union": {"queries": [_query_form(other) for other in step.others], "all": step.all}}
        case Unnest():
            return {"unnest": {"field": expr_form(step.field), "as": step.name}}
        case Traverse():
            among = {"among": _query_form(step.among)} if step.among else {}
            how = {"field": expr_form(step.field), "depth": step.depth, "reverse": step.reverse}
            return {"traverse": how | among}
        case Count():
            return {"count": True}


def _named_form(named: tuple[tuple[str, Expr], ...]) -> list[Any]:
    return [[name, expr_form(each)] for name, each in named]


def _names_form(names: frozenset[str] | None) -> Any:
    return None if names is None else sorted(names)


def _over_form(aggregate: Aggregate) -> Any:
    return None if aggregate.over is None else expr_form(aggregate.over)


# reading


def _check_size(form: Any) -> None:
    """Refuses what could not be read without going too deep, before anything goes deep."""
    level, depth, count = [form], 0, 0
    while level:
        count += len(level)
        if depth > MAX_FORM_DEPTH:
            raise LimitExceeded(f"query: nested deeper than {MAX_FORM_DEPTH} levels")
        if count > MAX_FORM_PARTS:
            raise LimitExceeded(f"query: more than {MAX_FORM_PARTS} parts")
        level = [part for each in level for part in _parts(each)]
        depth += 1


def _parts(form: Any) -> Any:
    if isinstance(form, dict):
        return cast("dict[Any, Any]", form).values()
    return cast("list[Any]", form) if isinstance(form, list) else ()


def _query(form: Any, at: str) -> QueryTree:
    parts = _dict(form, at, {"from": _any, "steps": _list})
    steps = [_step(each, f"{at}.steps[{index}]") for index, each in enumerate(parts["steps"])]
    return _made(at, QueryTree, parts["from"], steps=steps)


def _step(form: Any, at: str) -> Step:
    if not isinstance(form, dict) or len(cast("dict[Any, Any]", form)) != 1:
        raise _expected(at, form, "a dict of one step, such as {'distinct': True}")
    [(name, content)] = cast("dict[Any, Any]", form).items()
    if name not in _STEPS:
        raise ValidationError(f"{at}: {unknown('there is no step', str(name), _STEPS)}")
    return _STEPS[name](content, f"{at}.{name}")


def _where(form: Any, at: str) -> Step:
    return Where(_made(at, condition, _expr(form, at)))


def _only(form: Any, at: str) -> Step:
    parts = [_tuple(each, f"{at}[{n}]", _expr, _names) for n, each in enumerate(_list(form, at))]
    return _made(at, Only, tuple((condition(each), names) for each, names in parts))


def _names(form: Any, at: str) -> frozenset[str] | None:
    if form is None:
        return None
    return frozenset(_text(each, f"{at}[{n}]") for n, each in enumerate(_list(form, at)))


def _join(form: Any, at: str) -> Step:
    parts = _dict(form, at, {"query": _query, "on": _list, "as": _any, "how": _any})
    pairs = [_tuple(each, f"{at}.on[{index}]", _expr, _expr) for index, each in enumerate(parts["on"])]
    return _made(at, Join, parts["query"], tuple(pairs), parts["as"], parts["how"])


def _group_by(form: Any, at: str) -> Step:
    parts = _dict(form, at, {"keys": _named, "aggregates": _list})
    aggregates = [
        _aggregate(each, f"{at}.aggregates[{index}]") for index, each in enumerate(parts["aggregates"])
    ]
    return _made(at, GroupBy, parts["keys"], tuple(aggregates))


def _aggregate(form: Any, at: str) -> tuple[str, Aggregate]:
    name, aggregate, over = _tuple(form, at, _text, _text, _any)
    return name, _made(at, Aggregate, aggregate, None if over is None else _expr(over, f"{at}[2]"))


def _select(form: Any, at: str) -> Step:
    return _made(at, Select, _named(form, at))


def _order_by(form: Any, at: str) -> Step:
    terms = [_tuple(each, f"{at}[{index}]", _expr, _direction) for index, each in enumerate(_list(form, at))]
    return _made(at, OrderBy, tuple(terms))


def _direction(form: Any, at: str) -> bool:
    if form not in ("asc", "desc"):
        raise _expected(at, form, "'asc' or 'desc'")
    return form == "desc"


def _slice(form: Any, at: str) -> Step:
    parts = _dict(form, at, {"offset": _any, "limit": _any})
    return _made(at, Slice, parts["offset"], parts["limit"])


def _union(form: Any, at: str) -> Step:
    parts = _dict(form, at, {"queries": _list, "all": _bool})
    others = [_query(each, f"{at}.queries[{index}]") for index, each in enumerate(parts["queries"])]
    return _made(at, Union, tuple(others), parts["all"])


def _unnest(form: Any, at: str) -> Step:
    parts = _dict(form, at, {"field": _expr, "as": _any})
    return _made(at, Unnest, parts["field"], parts["as"])


def _traverse(form: Any, at: str) -> Step:
    readers = {"field": _expr, "depth": _any, "reverse": _bool}
    if isinstance(form, dict) and "among" in form:
        readers["among"] = _query
    parts = _dict(form, at, readers)
    return _made(at, Traverse, parts["field"], parts["depth"], parts["reverse"], parts.get("among"))


def _mark(step: Step) -> Callable[[Any, str], Step]:
    def read(form: Any, at: str) -> Step:
        if form is not True:
            raise _expected(at, form, "True")
        return step

    return read


_STEPS: Mapping[str, Callable[[Any, str], Step]] = {
    "where": _where,
    "only": _only,
    "join": _join,
    "group_by": _group_by,
    "select": _select,
    "distinct": _mark(Distinct()),
    "order_by": _order_by,
    "slice": _slice,
    "union": _union,
    "unnest": _unnest,
    "traverse": _traverse,
    "count": _mark(Count()),
}


def _expr(form: Any, at: str) -> Expr:
    if isinstance(form, list):
        return _operation(cast("list[Any]", form), at)
    if isinstance(form, (dict, set)):
        raise _expected(at, form, "an expression; a constant that is a list, dict or set is ['value', it]")
    return _made(at, expr, form)


def _operation(form: list[Any], at: str) -> Expr:
    op, *args = form or [None]
    if not isinstance(op, str):
        raise _expected(at, form, "a list that begins with an operator, such as ['==', ['field', 'a'], 1]")
    if op == "field":
        return _made(at, Field, tuple(_text(each, f"{at}[{n}]") for n, each in enumerate(args, 1)))
    if op in ("param", "value"):
        if len(args) != 1:
            raise _expected(at, form, f"[{op!r}, one more]")
        return Param(_text(args[0], f"{at}[1]")) if op == "param" else _made(at, _value, args[0])
    if op not in ARITY:
        raise ValidationError(f"{at}: {unknown('there is no operator', op, (*ARITY, *_OPERANDS))}")
    return _made(at, Call, op, tuple(_expr(each, f"{at}[{n}]") for n, each in enumerate(args, 1)))


_OPERANDS = ("field", "param", "value")


def _value(form: Any) -> Expr:
    return expr(form)


def _named(form: Any, at: str) -> tuple[tuple[str, Expr], ...]:
    found = [_tuple(each, f"{at}[{index}]", _text, _expr) for index, each in enumerate(_list(form, at))]
    return tuple(found)


def _tuple(form: Any, at: str, *readers: Callable[[Any, str], Any]) -> Any:
    parts = _list(form, at)
    if len(parts) != len(readers):
        raise _expected(at, form, f"a list of {len(readers)}")
    return tuple(read(each, f"{at}[{n}]") for n, (read, each) in enumerate(zip(readers, parts, strict=True)))


def _dict(form: Any, at: str, readers: Mapping[str, Callable[[Any, str], Any]]) -> dict[str, Any]:
    if not isinstance(form, dict):
        raise _expected(at, form, f"a dict of {', '.join(readers)}")
    parts = cast("dict[Any, Any]", form)
    for name in parts:
        if name not in readers:
            raise ValidationError(f"{at}: {unknown('there is no', str(name), readers)}")
    for name in readers:
        if name not in parts:
            raise ValidationError(f"{at}: {name!r} is missing; expected {', '.join(readers)}")
    return {name: read(parts[name], f"{at}.{name}") for name, read in readers.items()}


def _list(form: Any, at: str) -> list[Any]:
    if not isinstance(form, list):
        raise _expected(at, form, "a list")
    return cast("list[Any]", form)


def _text(form: Any, at: str) -> str:
    if not isinstance(form, str) or not form:
        raise _expected(at, form, "a name, a non-empty str")
    return form


def _bool(form: Any, at: str) -> bool:
    if not isinstance(form, bool):
        raise _expected(at, form, "True or False")
    return form


def _any(form: Any, at: str) -> Any:
    """What the step itself checks."""
    return form


def _made(at: str, make: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """What ``make`` makes; its errors say where."""
    try:
        return make(*args, **named)
    except ValidationError as error:
        raise ValidationError(f"{at}: {error}") from None
    except LimitExceeded as error:
        raise LimitExceeded(f"{at}: {error}") from None


def _expected(at: str, form: Any, expected: str) -> ValidationError:
    return ValidationError(f"{at} is {values.short(form)}; expected {expected}")
