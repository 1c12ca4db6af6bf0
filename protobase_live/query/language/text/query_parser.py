"""Queries as text. Steps happen in the order they are written::

    COLLECTION STEP ...

    where CONDITION                         having CONDITION
    [left | right | full] join OTHER [as NAME] on A = B [and C = D ...]
    group by [KEY, ...] [: NAME = AGGREGATE, ...]
    select FIELD, EXPRESSION as NAME, ...   distinct
    order by TERM, -TERM, TERM desc, ...    limit N    offset N
    union [all] (QUERY), ...                unnest FIELD [as NAME]
    traverse FIELD [reverse] depth N        count

``OTHER`` is a collection or a query in parentheses. In ``on``, the left side is this row's and the right
one the other's; a field alone is the same in both. Keys and what aggregates (``sum(total)``, ``count()``) are
taken over are expressions; a key that is no field needs a name: ``total / 10 as tens``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, TypeVar

from protobase_live.errors import LimitExceeded, ValidationError
from protobase_live.model.names import check_field
from protobase_live.query.ast.aggregates import AGGREGATES, Aggregate
from protobase_live.query.ast.expressions import Expr, Field
from protobase_live.query.ast.tree import MAX_NESTING, MAX_STEPS, GroupBy, JoinHow, Select, Step
from protobase_live.query.language.query import Query
from protobase_live.query.language.text.expression_parser import OPERATOR_WORDS, TEST, ExpressionParser
from protobase_live.query.language.text.tokens import Tokens

T = TypeVar("T")


def parse_query(tokens: Tokens) -> Query:
    """The query that all of ``tokens`` say. Raises ValidationError and LimitExceeded."""
    query = QueryParser(tokens).query()
    if tokens.next.kind != "end":
        raise tokens.unexpected("a step or the end")
    return query


class QueryParser:
    """Reads queries from ``tokens``, by recursive descent. A step's method begins behind its first word."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._expressions = ExpressionParser(tokens)
        self._nesting = 0
        self._steps_read = 0

    def query(self) -> Query:
        """The next query, up to the end or a closing parenthesis."""
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise LimitExceeded(f"at most {MAX_NESTING} queries stand inside each other")
        query = self._collection()
        while read := self._steps.get(self._tokens.next.keyword):
            self._count_step()
            with self._tokens.located(self._tokens.take()):
                query = read(self, query)
        if self._tokens.next.kind != "end" and not self._tokens.has(")"):
            raise self._tokens.unexpected("a step or the end", (*self._steps, *OPERATOR_WORDS))
        self._nesting -= 1
        return query

    def _count_step(self) -> None:
        """Steps that come to one are counted, too: adding to a step takes as long as it is large."""
        self._steps_read += 1
        if self._steps_read > MAX_STEPS:
            raise LimitExceeded(f"a query has at most {MAX_STEPS} steps")

    # rows

    def _where(self, query: Query) -> Query:
        return query.where(self._expressions.condition())

    def _having(self, query: Query) -> Query:
        return query.having(self._expressions.condition())

    def _order_by(self, query: Query) -> Query:
        self._tokens.expect_word("by")
        return query.order_by(*self._listed(self._term))

    def _limit(self, query: Query) -> Query:
        return query.limit(self._number())

    def _offset(self, query: Query) -> Query:
        return query.offset(self._number())

    def _distinct(self, query: Query) -> Query:
        return query.distinct()

    # shapes

    def _select(self, query: Query) -> Query:
        return _with(query, Select(tuple(self._unique(self._listed(self._named)))))

    def _group_by(self, query: Query) -> Query:
        self._tokens.expect_word("by")
        keys = [] if self._tokens.has(":") else self._listed(self._named)
        aggregates = self._listed(self._aggregate) if self._tokens.skip(":") else []
        self._unique([*keys, *aggregates])
        return _with(query, GroupBy(tuple(keys), tuple(aggregates)))

    def _unnest(self, query: Query) -> Query:
        name, field = self._named()
        return query.unnest(field, name)

    def _count(self, query: Query) -> Query:
        return query.count()

    # several collections

    def _join(self, query: Query, how: JoinHow | None = None) -> Query:
        if how:
            self._tokens.expect_word("join")
        other = self._nested() if self._tokens.has("(") else self._collection()
        name = self._name_after_as()
        self._tokens.expect_word("on")
        return query.join(other, self._pairs(), name, how or "inner")

    def _union(self, query: Query) -> Query:
        all_of_them = self._tokens.skip_word("all")
        return query.union(*self._listed(self._nested), all=all_of_them)

    def _traverse(self, query: Query) -> Query:
        field = self._expressions.expression(TEST)
        reverse = self._tokens.skip_word("reverse")
        self._tokens.expect_word("depth")
        depth = self._number()
        return query.traverse(field, depth, reverse=reverse or self._tokens.skip_word("reverse"))

    # parts

    def _listed(self, read: Callable[[], T]) -> list[T]:
        """One or more, with commas between."""
        found = [read()]
        while self._tokens.skip(","):
            found.append(read())
        return found

    def _collection(self) -> Query:
        with self._tokens.located(self._tokens.next):
            return Query(self._tokens.collection())

    def _nested(self) -> Query:
        self._tokens.expect("(")
        query = self.query()
        self._tokens.expect(")")
        return query

    def _term(self) -> Expr:
        term = self._expressions.expression()
        if self._tokens.skip_word("desc"):
            return -term
        self._tokens.skip_word("asc")
        return term

    def _named(self) -> tuple[str, Expr]:
        """An expression and its name."""
        start = self._tokens.next
        found = self._expressions.expression()
        if name := self._name_after_as():
            return name, found
        if isinstance(found, Field):
            return found.field_path[-1], found
        raise self._tokens.mistake("this needs a name: write 'as' and a name behind it", start)

    def _name_after_as(self) -> str | None:
        if not self._tokens.skip_word("as"):
            return None
        with self._tokens.located(self._tokens.next):
            return check_field(self._tokens.name("a name"))

    def _aggregate(self) -> tuple[str, Aggregate]:
        tokens = self._tokens
        with tokens.located(tokens.next):
            name = check_field(tokens.name("the name of an aggregate, as in n = count()"))
        tokens.expect("=")
        if tokens.next.keyword not in AGGREGATES:
            raise tokens.unexpected("an aggregate", AGGREGATES)
        aggregate = tokens.take().keyword
        tokens.expect("(")
        over = None if aggregate == "count" and tokens.has(")") else self._expressions.expression()
        tokens.expect(")")
        return name, Aggregate(aggregate, over)

    def _unique(self, named: list[tuple[str, T]]) -> list[tuple[str, T]]:
        names: set[str] = set()
        for name, _ in named:
            if name in names:
                raise ValidationError(f"there are two fields {name!r}; give one of them another name")
            names.add(name)
        return named

    def _pairs(self) -> list[tuple[Expr, Expr]]:
        pairs = [self._pair()]
        while self._tokens.skip_word("and"):
            pairs.append(self._pair())
        return pairs

    def _pair(self) -> tuple[Expr, Expr]:
        left = self._expressions.expression(TEST)
        if self._tokens.skip("=") or self._tokens.skip("=="):
            return left, self._expressions.expression(TEST)
        if isinstance(left, Field):
            return left, left
        raise self._tokens.unexpected("'='")

    def _number(self) -> Any:
        if self._tokens.next.kind != "number":
            raise self._tokens.unexpected("a number")
        return self._tokens.take().value

    _steps: ClassVar[dict[str, Callable[[QueryParser, Query], Query]]] = {
        "where": _where,
        "join": _join,
        "inner": partial(_join, how="inner"),
        "left": partial(_join, how="left"),
        "right": partial(_join, how="right"),
        "full": partial(_join, how="full"),
        "group": _group_by,
        "having": _having,
        "select": _select,
        "distinct": _distinct,
        "order": _order_by,
        "limit": _limit,
        "offset": _offset,
        "union": _union,
        "unnest": _unnest,
        "traverse": _traverse,
        "count": _count,
    }


def _with(query: Query, step: Step) -> Query:
    return Query(query.collection, steps=(*query.steps, step))
