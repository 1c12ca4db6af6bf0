"""Random queries of all steps and expressions, as cases that print themselves in their smallest form.

A query is drawn knowing which fields its rows have, so that most of what it says means something.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

import protobase_live.query.ast.aggregates as aggregates
from protobase_live.query.ast.aggregates import Aggregate
from protobase_live.query.ast.expressions import Call, Expr, Field, Param, Value, walk
from protobase_live.query.ast.tree import GroupBy, Join, OrderBy, QueryTree, Select, Slice, Where, nested_in
from protobase_live.query.language.query import Query
from tests.support.query_data import (
    KINDS,
    POOLS,
    Data,
    Dice,
    Row,
    Schema,
    Transaction,
    data_of,
    schema_of,
    transactions,
)

Path = tuple[str, ...]
Names = dict[Path, str]
"""The fields that rows have, and of which kind their values are."""

MADE = ("x", "y", "p")
"""Names that queries give to what they make; one is that of a stored field."""

MAX_STEPS = 5
MAX_DEPTH = 2
"""Most queries that stand inside each other."""


def cases(n: int) -> settings:
    """Settings for ``n`` cases in `make test`, and in proportion in the other profiles."""
    return settings(max_examples=max(1, n * settings().max_examples // 100))


# expressions


def pool(kind: str) -> list[Any]:
    """What fields of a kind are compared with; constants are no sets."""
    return POOLS["refs" if kind == "set" else kind]


class Expressions:
    """Draws expressions over rows that have ``names``."""

    def __init__(self, dice: Dice, names: Names) -> None:
        self.dice = dice
        self.names = names

    def path(self, *kinds: str) -> Path:
        """A field of one of these kinds, if there is one, else any."""
        found = [path for path, kind in self.names.items() if kind in kinds]
        return self.dice.pick(found or list(self.names))

    def constant(self, kind: str) -> Expr:
        """A constant or a parameter of a kind."""
        chosen = self.dice.below(8)
        if chosen == 6:
            return Param(kind)
        return Value(None if chosen == 7 else self.dice.pick(pool(kind)))

    def value(self) -> Expr:
        """What can be selected, grouped or sorted by."""
        chosen = self.dice.below(8)
        if chosen < 5:
            return Field(self.path())
        return self.calculation() if chosen < 7 else self.condition(1)

    def calculation(self, depth: int = 1) -> Expr:
        """A calculation with numbers, or texts joined."""
        op = self.dice.pick(["+", "-", "*", "/", "%", "neg", "text", "any"])
        if op == "neg":
            return Call("neg", (self.operand(depth),))
        if op == "text":
            return Call("+", (Field(self.path("text", "ref")), self.constant("text")))
        if op == "any":
            return Call(self.dice.pick(["+", "*", "%"]), (Field(self.path()), Field(self.path())))
        return Call(op, (self.operand(depth), self.operand(depth)))

    def operand(self, depth: int) -> Expr:
        """A number, mostly."""
        chosen = self.dice.below(4)
        if chosen == 3 and depth:
            return self.calculation(depth - 1)
        return self.constant("whole") if chosen == 2 else Field(self.path("whole", "number"))

    def condition(self, depth: int = 2) -> Expr:
        """Conditions of all kinds."""
        chosen = self.dice.below(12) if depth else self.dice.below(6)
        if chosen < 4:
            return self.comparison()
        if chosen == 4:
            return self.test()
        if chosen == 5:
            return Field(self.path("bool", "flag"))
        if chosen == 6:
            return Value(self.dice.chance(2))
        if chosen == 7:
            return ~self.condition(depth - 1)
        one, other = self.condition(depth - 1), self.condition(depth - 1)
        return one & other if chosen < 10 else one | other

    def comparison(self) -> Expr:
        """Two values compared, mostly a field with a constant of its kind."""
        path = self.path()
        one, kind = Field(path), self.names[path]
        if self.dice.chance(4):
            return Call(self.dice.pick(["==", "!=", "<", ">="]), (one, Field(self.alike(path))))
        op = self.dice.pick(["==", "<", ">=", "!=", "<=", ">", "between", "in", "is_none", "==", "!="])
        if op == "is_none":
            return one.is_none()
        if op == "in":
            return one.in_([self.dice.pick(pool(kind)) for _ in range(self.dice.below(4))])
        other = self.other(path)
        if op == "between":
            return one.between(other, self.constant(kind))
        return Call(op, (other, one) if self.dice.chance(4) else (one, other))

    def other(self, path: Path) -> Expr:
        """What the value of a field is compared with."""
        kind, chosen = self.names[path], self.dice.below(6)
        if chosen < 3:
            return self.constant(kind)
        if chosen == 3:
            return self.calculation()
        return Field(self.alike(path))

    def alike(self, path: Path) -> Path:
        """Another field whose values may equal those of a field."""
        kind = self.names[path]
        kinds = ("bool", "flag", "whole", "mixed") if kind in ("bool", "flag", "whole") else (kind, "mixed")
        found = [each for each, its in self.names.items() if its in kinds and each != path]
        return self.dice.pick(found or list(self.names))

    def test(self) -> Expr:
        """A test of a text, or of what holds something."""
        path = self.path("text", "ref", "refs", "list", "set", "dict", "mixed")
        kind = self.names[path]
        if kind in ("text", "ref", "mixed"):
            op = self.dice.pick(["like", "starts_with", "contains"])
            return Call(op, (Field(path), self.pattern(kind)))
        chosen = self.dice.below(3)
        item = Field(self.path("ref", "whole")) if chosen else Value(self.dice.pick([*POOLS["mixed"], "x"]))
        return Call("in", (item, Field(path))) if chosen == 2 else Call("contains", (Field(path), item))

    def pattern(self, kind: str) -> Expr:
        """What a text is tested with."""
        chosen = self.dice.below(4)
        if chosen == 3:
            return Field(self.path(kind))
        if chosen == 2:
            return Value(self.dice.pick(POOLS["text"]))
        return Value("".join(self.dice.pick(["", "a", "%", "_", "b", "\\", "é"]) for _ in range(4)))

    def aggregate(self) -> Aggregate:
        """Aggregates of all kinds."""
        make = self.dice.pick(
            [
                aggregates.count,
                aggregates.sum,
                aggregates.avg,
                aggregates.min,
                aggregates.max,
                aggregates.collect,
                aggregates.count_distinct,
            ]
        )
        if make is aggregates.count and not self.dice.chance(3):
            return aggregates.count()
        return make(Field(self.path("number", "whole")) if self.dice.chance(2) else self.value())

    def kind_of(self, found: Any) -> str:
        """The kind of values that an expression or aggregate has."""
        if isinstance(found, Aggregate):
            return "list" if found.name == "collect" else "whole"
        return self.names[found.field_path] if isinstance(found, Field) else "whole"


# queries


@dataclass(frozen=True, eq=False)
class Draft:
    """A query that is being drawn, what its rows have, and how many queries may still stand inside it."""

    query: Query
    names: Names
    schema: Schema
    depth: int
    language: Language

    def then(self, query: Query, names: Names | None = None) -> Draft:
        """The draft with a longer query, and perhaps other rows."""
        return replace(self, query=query, names=self.names if names is None else names)

    def expressions(self, dice: Dice) -> Expressions:
        """Expressions over its rows."""
        return self.language.expressions(dice, self.names)

    @property
    def is_records(self) -> bool:
        """Whether `traverse` may follow."""
        return all(isinstance(step, (Where, OrderBy, Slice)) for step in self.query.steps)


Maker = Callable[[Dice, Draft], Draft]
"""Adds a step."""


@dataclass(frozen=True, eq=False)
class Language:
    """Of which steps and expressions queries are drawn."""

    steps: Sequence[Maker]
    expressions: type[Expressions] = Expressions


def stored(dice: Dice, schema: Schema, depth: int, language: Language) -> Draft:
    """A collection as it is."""
    collection = dice.pick(list(schema))
    names: Names = {(name,): kind for name, kind in schema[collection].items()}
    for name, kind in schema[collection].items():
        if kind == "dict":
            names[name, "x"], names[name, "y"] = "whole", "text"
    return Draft(Query(collection), {**names, ("_key",): "ref"}, schema, depth, language)


def drafted(dice: Dice, schema: Schema, depth: int, language: Language) -> Draft:
    """A query of any steps."""
    draft = stored(dice, schema, depth, language)
    for _ in range(MAX_STEPS if depth == MAX_DEPTH else 2):
        further = dice.draw(one_more(draft))
        if further is None:
            break
        draft = further
    return draft


@st.composite
def one_more(draw: st.DrawFn, draft: Draft) -> Draft | None:
    """The draft with a step more, or None at the end. It is drawn as a whole, so that it shrinks away."""
    dice = Dice(draw)
    if not dice.below(12):
        return None
    return dice.pick(draft.language.steps)(dice, draft)


def where(dice: Dice, draft: Draft) -> Draft:
    return draft.then(draft.query.where(draft.expressions(dice).condition()))


def probe(dice: Dice, draft: Draft) -> Draft:
    """A condition that an index may answer: constants that fields equal, and a range."""
    query = draft.query
    found = [(path, kind) for path, kind in draft.names.items() if kind != "set"]
    for path, kind in found[: 1 + dice.below(3)]:
        field, low = Field(path), dice.pick(POOLS[kind])
        op = dice.pick(["==", "in", "between", ">=", "<", "none"])
        some = [dice.pick(POOLS[kind]) for _ in range(dice.below(4))]
        conditions = {
            "==": field == low,
            "in": field.in_(some),
            "between": field.between(low, dice.pick(POOLS[kind])),
            ">=": field >= low,
            "<": field < low,
            "none": field.is_none(),
        }
        query = query.where(conditions[op])
    return draft.then(query)


def order_by(dice: Dice, draft: Draft) -> Draft:
    expressions = draft.expressions(dice)
    terms = [expressions.value() for _ in range(1 + dice.below(2))]
    return draft.then(draft.query.order_by(*(Call("neg", (t,)) if dice.chance(2) else t for t in terms)))


def slice_(dice: Dice, draft: Draft) -> Draft:
    chosen = dice.below(4)
    query = draft.query.limit(dice.below(6)) if chosen != 1 else draft.query
    return draft.then(query.offset(dice.below(4)) if chosen else query)


def select(dice: Dice, draft: Draft) -> Draft:
    expressions = draft.expressions(dice)
    named = {dice.pick(MADE): expressions.value() for _ in range(1 + dice.below(3))}
    names: Names = {(name,): expressions.kind_of(found) for name, found in named.items()}
    return draft.then(draft.query.select(**named), names)


def distinct(dice: Dice, draft: Draft) -> Draft:
    return draft.then(draft.query.distinct())


def count(dice: Dice, draft: Draft) -> Draft:
    return draft.then(draft.query.count(), {("count",): "whole"})


def group_by(dice: Dice, draft: Draft) -> Draft:
    expressions = draft.expressions(dice)
    paths = [expressions.path() for _ in range(dice.below(3))]
    keys = {path[-1]: Field(path) for path in paths}
    named: dict[str, Any] = {}
    for name in ("n", "m", "x")[dice.below(3) :]:
        if name not in keys:
            named[name] = expressions.calculation() if dice.chance(8) else expressions.aggregate()
    names: Names = {(name,): expressions.kind_of(found) for name, found in (keys | named).items()}
    return draft.then(draft.query.group_by(*keys.values(), **named), names)


def other(dice: Dice, draft: Draft) -> Draft:
    """The query that another is joined or united with."""
    if draft.depth > 1 and dice.chance(2):
        return drafted(dice, draft.schema, draft.depth - 1, draft.language)
    return stored(dice, draft.schema, 0, draft.language)


def join(dice: Dice, draft: Draft) -> Draft:
    right = other(dice, draft)
    pairs = [equality(dice, draft, right) for _ in range(1 + dice.chance(3))]
    how = dice.pick(["inner", "left", "right", "full"])
    name = dice.pick(["j", "k", "p"])
    kept = {path: kind for path, kind in draft.names.items() if path[0] != name}
    beside = {(name, *path): kind for path, kind in right.names.items() if len(path) < 3}
    query = draft.query.join(right.query, on=pairs, as_=name, how=how)
    return draft.then(query, {**kept, (name,): "dict", **beside})


def equality(dice: Dice, left: Draft, right: Draft) -> tuple[Expr, Expr]:
    """What a join says is equal: mostly fields of one kind."""
    one, other = left.expressions(dice), right.expressions(dice)
    if dice.chance(6):
        return one.value(), other.value()
    path = one.path(*other.names.values())
    return Field(path), Field(other.path(one.names[path]))


def union(dice: Dice, draft: Draft) -> Draft:
    right = other(dice, draft)
    every = dice.chance(2)
    if dice.chance(3):
        return draft.then(draft.query.union(right.query, all=every), draft.names | right.names)
    one, two = equality(dice, draft, right)
    names: Names = {("x",): draft.expressions(dice).kind_of(one)}
    return draft.then(draft.query.select(x=one).union(right.query.select(x=two), all=every), names)


def unnest(dice: Dice, draft: Draft) -> Draft:
    path = draft.expressions(dice).path("list", "refs", "set", "mixed")
    name = dice.pick([path[-1] if path[-1] != "_key" else "z", *MADE])
    kind = "mixed" if draft.names[path] == "list" else "ref"
    return draft.then(draft.query.unnest(Field(path), name), {**draft.names, (name,): kind})


def traverse(dice: Dice, draft: Draft) -> Draft:
    """The walk, where it may stand; else the count of the rows."""
    if not draft.is_records:
        return count(dice, draft)
    found = Field(draft.expressions(dice).path("ref", "refs", "set"))
    query = draft.query.traverse(found, dice.below(5), reverse=dice.chance(2))
    return draft.then(query, {**draft.names, ("_depth",): "whole"})


EVERYTHING = Language(
    [
        where,
        order_by,
        join,
        group_by,
        slice_,
        select,
        union,
        unnest,
        distinct,
        *(traverse, traverse, probe, probe, join, order_by),
    ]
)
"""All that queries can say."""

SEARCHES = Language(
    [probe, probe, probe, order_by, join, probe, order_by, join, slice_, select, group_by, union, traverse]
)
"""Queries that begin with what an index can answer."""


# cases


@dataclass(frozen=True)
class Case:
    """A query with its parameters, what it is asked of, and what changes that."""

    query: Query
    params: Row
    data: Data
    transactions: list[Transaction] = field(default_factory=list)


def parts_of(query: QueryTree) -> Iterator[Expr]:
    """All parts of all expressions of a query."""
    for step in query.steps:
        for other in nested_in(step):
            yield from parts_of(other)
        for each in expressions_of(step):
            yield from walk(each)


def expressions_of(step: Any) -> Iterator[Expr]:
    """The expressions that a step has itself."""
    if isinstance(step, Where):
        yield step.condition
    elif isinstance(step, OrderBy):
        yield from (each for each, _ in step.terms)
    elif isinstance(step, Select):
        yield from (each for _, each in step.fields)
    elif isinstance(step, GroupBy):
        yield from (each for _, each in step.keys)
        yield from (each.over for _, each in step.aggregates if each.over is not None)
    elif isinstance(step, Join):
        yield from (each for pair in step.on for each in pair)


@st.composite
def whole_cases(
    draw: st.DrawFn, kinds: tuple[str, ...] = KINDS, changes: int = 5, language: Language = EVERYTHING
) -> Case:
    """Cases with one to ``changes`` transactions, or none."""
    dice = Dice(draw)
    schema = schema_of(dice, kinds)
    query = drafted(dice, schema, MAX_DEPTH, language).query
    names = {part.name for part in parts_of(query) if isinstance(part, Param)}
    params = {kind: dice.pick(pool(kind)) for kind in sorted(names)}
    data = data_of(dice, schema)
    commits = [draw(transactions(schema)) for _ in range(changes and 1 + dice.below(changes))]
    return Case(query, params, data, commits)
