"""What a query means, said as plainly as possible, for tests to compare with.

It shares nothing with the engine but the data that a query is made of: values are compared pairwise, joins
are nested loops, groups and equal rows are found by comparing each with each, sums are fractions.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from fractions import Fraction
from functools import cmp_to_key
from typing import Any, NamedTuple

from protobase_live.query.ast.expressions import Call, Expr, Field, Param, Value
from protobase_live.query.ast.tree import (
    Count,
    Distinct,
    GroupBy,
    Join,
    OrderBy,
    Select,
    Slice,
    Traverse,
    Union,
    Unnest,
    Where,
)
from protobase_live.query.language.query import Query

Row = dict[str, Any]
MANY = (list, tuple, set, frozenset)
"""What holds elements; a tuple, which stands only in sets, is a list."""

Data = Mapping[str, Mapping[str, Row]]
"""Collections, and in them records by their keys."""


class Item(NamedTuple):
    """A row with what it is ordered by: terms (value, descending), then an identity, itself a value."""

    identity: Any
    rank: tuple[tuple[Any, bool], ...]
    row: Row


def answer(query: Query, data: Data, params: Mapping[str, Any] | None = None) -> list[Row]:
    """The rows that a query gives, in order."""
    return [item.row for item in in_order(run(query, data, params or {}))]


def run(query: Query, data: Data, params: Mapping[str, Any]) -> list[Item]:
    """The items that a query gives, in any order."""
    items = records(query.collection, data)
    for step in query.steps:
        items = STEPS[type(step)](step, items, query, data, params)
    return items


def records(collection: str, data: Data) -> list[Item]:
    """All records of a collection."""
    return [Item(key, (), {**fields, "_key": key}) for key, fields in data.get(collection, {}).items()]


# the order of values


def kind(value: Any) -> int:
    """Where values of this type stand among those of other types."""
    if value is None:
        return 0
    if isinstance(value, bool):
        return 1
    if isinstance(value, (int, float)):
        return 2
    if isinstance(value, datetime):
        return 6 if value.tzinfo is None else 7
    others = [(str, 3), (bytes, 4), (date, 5), ((list, tuple), 8), (dict, 9), ((set, frozenset), 10)]
    return next(place for type_, place in others if isinstance(value, type_))


def compare(one: Any, other: Any) -> int:
    """-1, 0 or 1: whether ``one`` comes before ``other``, equals it, or comes after it."""
    if kind(one) != kind(other):
        return -1 if kind(one) < kind(other) else 1
    if one is None:
        return 0
    if isinstance(one, (list, tuple)):
        return compare_each(one, other)
    if isinstance(one, dict):
        return compare_each(ordered(one.items()), ordered(other.items()))
    if isinstance(one, (set, frozenset)):
        return compare_each(ordered(one), ordered(other))
    return (one > other) - (one < other)


def compare_each(one: Any, other: Any) -> int:
    """The same, item by item; what ends first comes first."""
    for a, b in zip(one, other, strict=False):
        if compare(a, b) != 0:
            return compare(a, b)
    return compare(len(one), len(other))


def ordered(values: Iterable[Any]) -> list[Any]:
    """Values in their order."""
    return sorted(values, key=cmp_to_key(compare))


def equal(one: Any, other: Any) -> bool:
    """Whether two values are equal: 1 equals 1.0, and neither equals True."""
    return compare(one, other) == 0


def among(value: Any, values: Iterable[Any]) -> bool:
    """Whether a value equals one of others."""
    return any(equal(value, each) for each in values)


def in_order(items: Iterable[Item]) -> list[Item]:
    """Items by rank and identity."""
    return sorted(items, key=cmp_to_key(compare_places))


def compare_places(one: Item, other: Item) -> int:
    """The same as `compare`, for items."""
    for (a, descending), (b, _) in zip(one.rank, other.rank, strict=False):
        if compare(a, b) != 0:
            return -compare(a, b) if descending else compare(a, b)
    return compare(len(one.rank), len(other.rank)) or compare(one.identity, other.identity)


# expressions


def evaluate(expr: Expr, row: Row, params: Mapping[str, Any]) -> Any:
    """The value of an expression."""
    if isinstance(expr, Value):
        return expr.value
    if isinstance(expr, Param):
        return params[expr.name]
    if isinstance(expr, Field):
        return look_up(row, expr.field_path)
    assert isinstance(expr, Call)
    return call(expr.op, [evaluate(arg, row, params) for arg in expr.args])


def holds(expr: Expr, row: Row, params: Mapping[str, Any]) -> bool:
    """Whether a condition is true."""
    return evaluate(expr, row, params) is True


def look_up(value: Any, path: tuple[str, ...]) -> Any:
    """What stands at a path; None if nothing does."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def call(op: str, args: list[Any]) -> Any:
    """The value of an operator."""
    if op == "and":
        return all(arg is True for arg in args)
    if op == "or":
        return any(arg is True for arg in args)
    if op == "not":
        return args[0] is not True
    if op == "neg":
        return arithmetic("-", 0, args[0])
    one, other = args
    if op in ("==", "!="):
        return equal(one, other) == (op == "==")
    if op in ("<", "<=", ">", ">="):
        return one_type(one, other) and in_relation(op, compare(one, other))
    if op in TESTS:
        return TESTS[op](one, other)
    return arithmetic(op, one, other)


def one_type(one: Any, other: Any) -> bool:
    """Whether values are of one type; datetimes with a zone and without are of two."""
    return kind(one) == kind(other)


def in_relation(op: str, sign: int) -> bool:
    """Whether what `compare` says fits the operator."""
    return {"<": sign < 0, "<=": sign <= 0, ">": sign > 0, ">=": sign >= 0}[op]


def is_in(one: Any, other: Any) -> bool:
    """Whether a list or set has an element."""
    return isinstance(other, MANY) and among(one, other)


def contains(one: Any, other: Any) -> bool:
    """Whether a text holds a text, a list or set an element, a dict a key."""
    if isinstance(one, str):
        return isinstance(other, str) and other in one
    return isinstance(one, (*MANY, dict)) and among(other, one)


def starts_with(one: Any, other: Any) -> bool:
    """Whether a text begins with another."""
    return isinstance(one, str) and isinstance(other, str) and one[: len(other)] == other


def like(one: Any, other: Any) -> bool:
    """Whether a text fits a pattern."""
    if not isinstance(one, str) or not isinstance(other, str):
        return False
    parts = re.findall(r"\\[%_\\]|[\s\S]", other)
    regex = "".join({"%": "[\\s\\S]*", "_": "[\\s\\S]"}.get(part) or re.escape(part[-1]) for part in parts)
    return re.fullmatch(regex, one) is not None


TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "in": is_in,
    "contains": contains,
    "starts_with": starts_with,
    "like": like,
}
CALCULATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
}


def is_number(value: Any) -> bool:
    """Whether a value is a number; a bool is none."""
    return kind(value) == 2


def arithmetic(op: str, one: Any, other: Any) -> Any:
    """The result of a calculation, None if there is none."""
    if op == "+" and isinstance(one, str) and isinstance(other, str):
        return one + other
    if not is_number(one) or not is_number(other):
        return None
    try:
        return as_number(CALCULATIONS[op](one, other))
    except (OverflowError, ZeroDivisionError):
        return None


def as_number(result: float) -> Any:
    """A result as a value: ints where they are exact, None for what is not finite or too large."""
    if isinstance(result, int):
        return result if result.bit_length() <= 13_000 else None
    if not math.isfinite(result):
        return None
    return int(result) if result.is_integer() and abs(result) < 2**53 else result


# steps


def where(step: Where, items: list[Item], query: Query, data: Data, params: Any) -> list[Item]:
    return [item for item in items if holds(step.condition, item.row, params)]


def select(step: Select, items: list[Item], query: Query, data: Data, params: Any) -> list[Item]:
    return [
        item._replace(row={name: evaluate(expr, item.row, params) for name, expr in step.fields})
        for item in items
    ]


def order_by(step: OrderBy, items: list[Item], query: Query, data: Data, params: Any) -> list[Item]:
    return [
        item._replace(rank=tuple((evaluate(expr, item.row, params), down) for expr, down in step.terms))
        for item in items
    ]


def slice_(step: Slice, items: list[Item], query: Query, data: Data, params: Any) -> list[Item]:
    behind = in_order(items)[step.offset :]
    return behind if step.limit is None else behind[: step.limit]


def distinct(step: Distinct | None, items: list[Item], query: Query, data: Data, params: Any) -> list[Item]:
    found: list[Item] = []
    for item in in_order(items):
        if not any(equal(item.row, other.row) for other in found):
            found.append(item._replace(identity=item.row))
    return found


def union(step: Union, items: list[Item], query: Query, data: Data, params: Any) -> list[Item]:
    branches = [items, *(run(other, data, params) for other in step.others)]
    both = [Item([n, item.identity], (), item.row) for n, branch in enumerate(branches) for item in branch]
    return both if step.all else distinct(None, both, query, data, params)


def join(step: Join, items: list[Item], query: Query, data: Data, params: Any) -> list[Item]:
    others = run(step.other, data, params)
    pairs = [(left, right) for left in items for right in others if joins(step, left.row, right.row, params)]
    found = [joined(step.name, left, right) for left, right in pairs]
    if step.how in ("left", "full"):
        found += [
            joined(step.name, left, None) for left in items if not any(left is used for used, _ in pairs)
        ]
    if step.how in ("right", "full"):
        found += [
            joined(step.name, None, right) for right in others if not any(right is used for _, used in pairs)
        ]
    return found


def joins(step: Join, left: Row, right: Row, params: Any) -> bool:
    """Whether two rows belong together."""
    for left_expr, right_expr in step.on:
        one, other = evaluate(left_expr, left, params), evaluate(right_expr, right, params)
        if one is None or not equal(one, other):
            return False
    return True


def joined(name: str, left: Item | None, right: Item | None) -> Item:
    """The item made of two, of which one may be missing."""
    identity = [[left.identity] if left else [], [right.identity] if right else []]
    row = {**(left.row if left else {}), name: right.row if right else None}
    return Item(identity, left.rank if left else (), row)


def unnest(step: Unnest, items: list[Item], query: Query, data: Data, params: Any) -> list[Item]:
    found: list[Item] = []
    for item in items:
        value = evaluate(step.field, item.row, params)
        named: list[tuple[Any, Any]] = []
        if isinstance(value, (list, tuple)):
            named = list(enumerate(value))
        elif isinstance(value, (set, frozenset)):
            named = [(each, each) for each in value]
        found += [
            Item([item.identity, name], item.rank, {**item.row, step.name: each}) for name, each in named
        ]
    return found


def count(step: Count, items: list[Item], query: Query, data: Data, params: Any) -> list[Item]:
    return [Item([], (), {"count": len(items)})]


def traverse(step: Traverse, items: list[Item], query: Query, data: Data, params: Any) -> list[Item]:
    stored = {item.identity: item.row for item in records(query.collection, data)}
    refers = {key: references(evaluate(step.field, row, params)) for key, row in stored.items()}
    depths = {item.identity: 0 for item in items}
    for depth in range(step.depth):
        last = [key for key, found in depths.items() if found == depth]
        for key in last:
            if step.reverse:
                reached = [other for other in refers if key in refers[other]]
            else:
                reached = refers.get(key, [])
            for other in reached:
                depths.setdefault(other, depth + 1)
    return [Item(key, (), {**stored[key], "_depth": n}) for key, n in depths.items() if key in stored]


def references(value: Any) -> list[str]:
    """The keys that a value refers to."""
    if isinstance(value, str):
        return [value]
    return [each for each in value if isinstance(each, str)] if isinstance(value, MANY) else []


def group_by(step: GroupBy, items: list[Item], query: Query, data: Data, params: Any) -> list[Item]:
    groups: list[tuple[list[Any], list[Item]]] = []
    for item in in_order(items):
        values = [evaluate(expr, item.row, params) for _, expr in step.keys]
        for key, members in groups:
            if equal(key, values):
                members.append(item)
                break
        else:
            groups.append((values, [item]))
    return [Item(key, (), grouped(step, key, members, params)) for key, members in groups]


def grouped(step: GroupBy, key: list[Any], members: list[Item], params: Any) -> Row:
    """The row of a group, whose items are in order."""
    row = {name: value for (name, _), value in zip(step.keys, key, strict=True)}
    for name, each in step.aggregates:
        if each.over is None:
            row[name] = len(members)
        else:
            found = [evaluate(each.over, member.row, params) for member in members]
            row[name] = AGGREGATES[each.name]([value for value in found if value is not None])
    return row


def total(values: list[Any]) -> Any:
    """The sum of the numbers among values."""
    numbers = [value for value in values if is_number(value)]
    if not numbers:
        return None
    exact = sum(map(Fraction, numbers), Fraction())
    if all(isinstance(number, int) for number in numbers):
        return as_number(int(exact))
    return rounded(exact)


def mean(values: list[Any]) -> Any:
    """The mean of the numbers among values."""
    numbers = [value for value in values if is_number(value)]
    return rounded(sum(map(Fraction, numbers), Fraction()) / len(numbers)) if numbers else None


def rounded(exact: Fraction) -> Any:
    """The float next to an exact number."""
    try:
        return as_number(float(exact))
    except OverflowError:
        return None


def different(values: list[Any]) -> int:
    """How many different values there are."""
    return sum(not among(value, values[:index]) for index, value in enumerate(values))


AGGREGATES: dict[str, Callable[[list[Any]], Any]] = {
    "count": len,
    "sum": total,
    "avg": mean,
    "min": lambda values: ordered(values)[0] if values else None,
    "max": lambda values: ordered(values)[-1] if values else None,
    "collect": list,
    "count_distinct": different,
}

STEPS: dict[type, Callable[[Any, list[Item], Query, Data, Any], list[Item]]] = {
    Where: where,
    Select: select,
    OrderBy: order_by,
    Slice: slice_,
    Distinct: distinct,
    Union: union,
    Join: join,
    Unnest: unnest,
    Count: count,
    Traverse: traverse,
    GroupBy: group_by,
}
