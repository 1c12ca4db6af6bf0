"""Queries as SQLite says them, for tests to compare with.

What SQL can say is translated step by step, each around the one before. Where its meaning differs, that is
made up for here:

- Columns have no declared type, so that nothing is converted; a field that is missing is NULL.
- Conditions are 0 or 1, never NULL: ``IS`` compares, and whatever may be NULL is taken for 0. Unlike in SQL,
  ``NULL <= NULL`` is true, for both are of one type.
- SQLite orders numbers before texts: where one is compared with the other the result is 0. In sums and
  calculations it makes numbers of texts: here these are NULL.
- ``/`` divides integers into a fraction, ``%`` has the sign of the divisor.
- A group of no rows is none, also without keys.
- The rows of SQL have no order: the columns ``i*`` carry the identities of rows, ``r*`` their ranks. NULL
  comes first (last, when descending) in both.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from protobase_live.query.ast.aggregates import Aggregate
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
    Where,
)
from protobase_live.query.language.query import Query

Row = dict[str, Any]
Path = tuple[str, ...]

JOIN_HOWS = ("inner", "left", *(("right", "full") if sqlite3.sqlite_version_info >= (3, 39) else ()))
"""The joins that this SQLite has."""

NUMBERS = "('integer', 'real')"


@dataclass(frozen=True)
class Relation:
    """A named SELECT. Its columns are ``c0`` ... for ``paths``, identities ``i0`` ..., and ranks ``r0`` ...;
    a path that ends in "" says whether there is such a row.
    """

    name: str
    paths: tuple[Path, ...]
    ids: int
    descending: tuple[bool, ...] = ()

    @property
    def order(self) -> str:
        """The terms that put its rows in order; NULL comes first."""
        ranks = [f"r{n} {'DESC' if down else 'ASC'}" for n, down in enumerate(self.descending)]
        return ", ".join([*ranks, *(f"i{n}" for n in range(self.ids)), "1"])

    @property
    def ordering(self) -> list[str]:
        """The columns that order its rows."""
        return [*(f"i{n}" for n in range(self.ids)), *(f"r{n}" for n in range(len(self.descending)))]


def sql_answer(query: Query, data: Mapping[str, Mapping[str, Row]], params: Mapping[str, Any]) -> list[Row]:
    """The rows that SQLite gives. What is None is left out of them."""
    with sqlite3.connect(":memory:") as connection:
        connection.execute("PRAGMA case_sensitive_like = ON")
        tables = {name: store(connection, name, rows) for name, rows in data.items()}
        translator = Translator(tables, params)
        found = translator.query(query)
        columns = ", ".join(f"c{n}" for n in range(len(found.paths)))
        selects = ", ".join(translator.selects)
        sql = f"WITH RECURSIVE {selects} SELECT {columns} FROM {found.name} ORDER BY {found.order}"
        rows = connection.execute(sql).fetchall()
    connection.close()
    return [nested(zip(found.paths, row, strict=True)) for row in rows]


def store(connection: sqlite3.Connection, name: str, rows: Mapping[str, Row]) -> tuple[str, ...]:
    """Put records into a table; its columns."""
    columns = ("_key", *sorted({field for row in rows.values() for field in row}))
    connection.execute(f'CREATE TABLE "{name}" ({", ".join(quoted(columns))})')
    for key, row in rows.items():
        record = [{**row, "_key": key}.get(column) for column in columns]
        connection.execute(f'INSERT INTO "{name}" VALUES ({", ".join("?" * len(columns))})', record)
    return columns


def quoted(names: Iterable[str]) -> list[str]:
    """Names as SQL takes them."""
    return [f'"{name}"' for name in names]


def nested(values: Iterable[tuple[Path, Any]]) -> Row:
    """A row of flat columns, with dicts where paths have several names."""
    row: Row = {}
    for path, value in sorted(values):
        if value is not None:
            inner = row
            for name in path[:-1]:
                inner = inner.setdefault(name, {})
            if path[-1]:
                inner[path[-1]] = value
    return row


def without_none(value: Any) -> Any:
    """A row as `sql_answer` gives it."""
    if not isinstance(value, dict):
        return value
    return {name: without_none(item) for name, item in value.items() if item is not None}


class Translator:
    """Translates queries over tables with these ``columns``."""

    def __init__(self, columns: Mapping[str, tuple[str, ...]], params: Mapping[str, Any]) -> None:
        self.columns = columns
        self.params = params
        self.selects: list[str] = []

    def named(
        self, sql: str, paths: tuple[Path, ...], ids: int, descending: tuple[bool, ...] = ()
    ) -> Relation:
        """A SELECT that others may be made of."""
        name = f"s{len(self.selects)}"
        self.selects.append(f"{name} AS ({sql})")
        return Relation(name, paths, ids, descending)

    # steps

    def query(self, query: Query) -> Relation:
        """A whole query."""
        found = self.records(query.collection)
        for step in query.steps:
            found = (
                self.traverse(step, found, query) if isinstance(step, Traverse) else self.step(step, found)
            )
        return found

    def step(self, step: Any, of: Relation) -> Relation:
        """A step, after ``of``."""
        make: Callable[[Any, Relation], Relation] = {
            Where: self.where,
            Select: self.select,
            OrderBy: self.order_by,
            Slice: self.slice,
            Distinct: self.distinct,
            GroupBy: self.group_by,
            Join: self.join,
            Union: self.union,
            Count: self.count,
        }[type(step)]
        return make(step, of)

    def records(self, collection: str) -> Relation:
        names = self.columns[collection]
        columns = [f"{name} AS c{n}" for n, name in enumerate(quoted(names))]
        sql = f'SELECT {", ".join(columns)}, _key AS i0 FROM "{collection}"'
        return self.named(sql, tuple((name,) for name in names), 1)

    def where(self, step: Where, of: Relation) -> Relation:
        sql = f"SELECT * FROM {of.name} WHERE {self.condition(step.condition, of.paths)}"
        return self.named(sql, of.paths, of.ids, of.descending)

    def select(self, step: Select, of: Relation) -> Relation:
        made = [f"{self.value(expr, of.paths)} AS c{n}" for n, (_, expr) in enumerate(step.fields)]
        sql = f"SELECT {', '.join([*made, *of.ordering])} FROM {of.name}"
        return self.named(sql, tuple((name,) for name, _ in step.fields), of.ids, of.descending)

    def order_by(self, step: OrderBy, of: Relation) -> Relation:
        kept = [f"c{n}" for n in range(len(of.paths))] + [f"i{n}" for n in range(of.ids)]
        ranks = [f"{self.value(expr, of.paths)} AS r{n}" for n, (expr, _) in enumerate(step.terms)]
        sql = f"SELECT {', '.join(kept + ranks)} FROM {of.name}"
        return self.named(sql, of.paths, of.ids, tuple(down for _, down in step.terms))

    def slice(self, step: Slice, of: Relation) -> Relation:
        limit = -1 if step.limit is None else step.limit
        sql = f"SELECT * FROM {of.name} ORDER BY {of.order} LIMIT {limit} OFFSET {step.offset}"
        return self.named(sql, of.paths, of.ids, of.descending)

    def distinct(self, step: Distinct, of: Relation) -> Relation:
        columns, ids = by_row(of.paths)
        ranks = [f"r{n}" for n in range(len(of.descending))]
        first = f"ROW_NUMBER() OVER (PARTITION BY {', '.join(columns)} ORDER BY {of.order}) AS first"
        inner = f"SELECT *, {first} FROM {of.name}"
        sql = f"SELECT {', '.join([*columns, *ids, *ranks])} FROM ({inner}) WHERE first = 1"
        return self.named(sql, of.paths, len(ids), of.descending)

    def group_by(self, step: GroupBy, of: Relation) -> Relation:
        keys = [f"{self.value(expr, of.paths)} AS k{n}" for n, (_, expr) in enumerate(step.keys)]
        over = [
            f"{'1' if each.over is None else self.value(each.over, of.paths)} AS a{n}"
            for n, (_, each) in enumerate(step.aggregates)
        ]
        made = [f"k{n} AS c{n}, k{n} AS i{n}" for n in range(len(keys))]
        made += [
            f"{aggregated(each, f'a{n}')} AS c{n + len(keys)}" for n, (_, each) in enumerate(step.aggregates)
        ]
        grouping = (
            f"GROUP BY {', '.join(f'k{n}' for n in range(len(keys)))}" if keys else "HAVING COUNT(*) > 0"
        )
        inner = f"SELECT {', '.join(keys + over)} FROM {of.name}"
        sql = f"SELECT {', '.join(made)} FROM ({inner}) {grouping}"
        names = [name for name, _ in step.keys] + [name for name, _ in step.aggregates]
        return self.named(sql, tuple((name,) for name in names), len(keys))

    def join(self, step: Join, of: Relation) -> Relation:
        other = self.query(step.other)
        kept = [(n, path) for n, path in enumerate(of.paths) if path[0] != step.name]
        columns = (
            [f"one.c{n}" for n, _ in kept] + ["two.there"] + [f"two.c{n}" for n in range(len(other.paths))]
        )
        paths = [path for _, path in kept] + [(step.name, "")] + [(step.name, *path) for path in other.paths]
        ids = ["one.there", *(f"one.i{n}" for n in range(of.ids))]
        ids += ["two.there", *(f"two.i{n}" for n in range(other.ids))]
        ranks = ["one.there", *(f"one.r{n}" for n in range(len(of.descending)))] if of.descending else []
        made = [
            f"{column} AS {letter}{n}"
            for letter, found in (("c", columns), ("i", ids), ("r", ranks))
            for n, column in enumerate(found)
        ]
        sides = [f"(SELECT *, 1 AS there FROM {each.name})" for each in (of, other)]
        on = [
            f"{self.value(left, of.paths, 'one.')} = {self.value(right, other.paths, 'two.')}"
            for left, right in step.on
        ]
        sql = (
            f"SELECT {', '.join(made)} FROM {sides[0]} AS one {step.how.upper()} JOIN {sides[1]} AS two "
            f"ON {' AND '.join(on)}"
        )
        return self.named(sql, tuple(paths), len(ids), (False, *of.descending) if ranks else ())

    def union(self, step: Union, of: Relation) -> Relation:
        branches = [of, *map(self.query, step.others)]
        columns = [f"c{n}" for n in range(len(of.paths))]
        if not step.all:
            every = " UNION ".join(f"SELECT {', '.join(columns)} FROM {each.name}" for each in branches)
            _, ids = by_row(of.paths)
            return self.named(f"SELECT {', '.join(columns + ids)} FROM ({every})", of.paths, len(ids))
        most = max(each.ids for each in branches)
        selects = [
            ", ".join(
                [
                    *columns,
                    f"{number} AS i0",
                    *(f"{f'i{n}' if n < each.ids else 'NULL'} AS i{n + 1}" for n in range(most)),
                ]
            )
            for number, each in enumerate(branches)
        ]
        every = " UNION ALL ".join(
            f"SELECT {s} FROM {b.name}" for s, b in zip(selects, branches, strict=True)
        )
        return self.named(every, of.paths, most + 1)

    def count(self, step: Count, of: Relation) -> Relation:
        return self.named(f"SELECT COUNT(*) AS c0 FROM {of.name}", (("count",),), 0)

    def traverse(self, step: Traverse, of: Relation, query: Query) -> Relation:
        records = self.records(query.collection)
        refers = self.value(step.field, records.paths, "t.")
        reached, on = ("t.i0", f"{refers} = w.k") if step.reverse else (refers, "t.i0 = w.k")
        walk = f"walk{len(self.selects)}"
        self.selects.append(
            f"{walk}(k, depth) AS (SELECT i0, 0 FROM {of.name} UNION "
            f"SELECT {reached}, w.depth + 1 FROM {walk} AS w JOIN {records.name} AS t ON {on} "
            f"WHERE w.depth < {step.depth})"
        )
        columns = [f"t.c{n} AS c{n}" for n in range(len(records.paths))]
        columns.append(f"w.depth AS c{len(columns)}")
        shortest = f"SELECT k, MIN(depth) AS depth FROM {walk} GROUP BY k"
        found = f"({shortest}) AS w JOIN {records.name} AS t ON t.i0 = w.k"
        sql = f"SELECT {', '.join(columns)}, t.i0 AS i0 FROM {found}"
        return self.named(sql, (*records.paths, ("_depth",)), 1)

    # expressions

    def value(self, expr: Expr, paths: tuple[Path, ...], table: str = "") -> str:
        """An expression over the columns that ``paths`` stand for."""
        if isinstance(expr, Value):
            return literal(expr.value)
        if isinstance(expr, Param):
            return literal(self.params[expr.name])
        if isinstance(expr, Field):
            return f"{table}c{paths.index(expr.field_path)}" if expr.field_path in paths else "NULL"
        assert isinstance(expr, Call)
        if expr.op not in CALCULATIONS:
            return self.condition(expr, paths, table)
        return CALCULATIONS[expr.op](*(self.value(arg, paths, table) for arg in expr.args))

    def condition(self, expr: Expr, paths: tuple[Path, ...], table: str = "") -> str:
        """A condition, 0 or 1."""
        if isinstance(expr, Value):
            return str(int(expr.value is True))
        if not isinstance(expr, Call) or expr.op in CALCULATIONS:
            return "0"  # no column is a boolean
        if expr.op in ("and", "or", "not"):
            terms = [self.condition(arg, paths, table) for arg in expr.args]
            return f"(NOT {terms[0]})" if expr.op == "not" else f"({f' {expr.op.upper()} '.join(terms)})"
        one = self.value(expr.args[0], paths, table)
        if expr.op in ("in", "like"):
            constant = expr.args[1]
            assert isinstance(constant, Value)
            return is_in(one, constant.value) if expr.op == "in" else is_like(one, constant.value)
        return COMPARISONS[expr.op](one, self.value(expr.args[1], paths, table))


def by_row(paths: tuple[Path, ...]) -> tuple[list[str], list[str]]:
    """The columns of flat rows, and identities made of them in the order of their names."""
    order = sorted(range(len(paths)), key=lambda n: paths[n])
    return [f"c{n}" for n in range(len(paths))], [f"c{n} AS i{place}" for place, n in enumerate(order)]


def aggregated(each: Aggregate, over: str) -> str:
    """An aggregate over a column."""
    if each.name in ("sum", "avg"):
        return f"{each.name.upper()}(CASE WHEN typeof({over}) IN {NUMBERS} THEN {over} END)"
    return f"COUNT(DISTINCT {over})" if each.name == "count_distinct" else f"{each.name.upper()}({over})"


def literal(value: Any) -> str:
    """A constant."""
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    assert isinstance(value, (int, float)), f"SQL has no {value!r}"
    return repr(value)


def of_numbers(sql: str, *args: str) -> str:
    """A calculation, NULL unless its operands are numbers."""
    return f"(CASE WHEN {' AND '.join(f'typeof({arg}) IN {NUMBERS}' for arg in args)} THEN {sql} END)"


def of_texts(sql: str, *args: str) -> str:
    """What is 0 unless its operands are texts."""
    texts = " AND ".join(f"typeof({arg}) = 'text'" for arg in args)
    return f"(CASE WHEN {texts} THEN {sql} ELSE 0 END)"


def add(one: str, other: str) -> str:
    texts = f"typeof({one}) = 'text' AND typeof({other}) = 'text'"
    return f"(CASE WHEN {texts} THEN {one} || {other} ELSE {of_numbers(f'{one} + {other}', one, other)} END)"


def modulo(one: str, other: str) -> str:
    quotient = f"(CAST({one} AS REAL) / {other})"
    whole = f"(CAST({quotient} AS INTEGER) - ({quotient} < CAST({quotient} AS INTEGER)))"
    return of_numbers(f"{one} - {other} * {whole}", one, other)


def in_order(op: str) -> Callable[[str, str], str]:
    """A comparison of what is of one type."""

    def compare(one: str, other: str) -> str:
        same = f"(typeof({one}) = 'text') = (typeof({other}) = 'text')"
        nulls = f" OR ({one} IS NULL AND {other} IS NULL)" if op in ("<=", ">=") else ""
        return f"(COALESCE({same} AND {one} {op} {other}, 0){nulls})"

    return compare


def is_in(one: str, items: list[Any]) -> str:
    """Whether a value is among constants."""
    return "(" + " OR ".join([f"{one} IS {literal(item)}" for item in items] or ["0"]) + ")"


def is_like(one: str, pattern: Any) -> str:
    """Whether a text fits a constant pattern, in which a backslash may stand for itself."""
    if not isinstance(pattern, str):
        return "0"
    return of_texts(f"{one} LIKE {literal(''.join(escaped(pattern)))} ESCAPE '\\'", one)


def escaped(pattern: str) -> Iterator[str]:
    """The parts of a pattern as SQLite takes them."""
    rest = pattern
    while rest:
        taken = 2 if rest[0] == "\\" and rest[1:2] in ("%", "_", "\\") else 1
        yield "\\\\" if taken == 1 and rest[0] == "\\" else rest[:taken]
        rest = rest[taken:]


CALCULATIONS: dict[str, Callable[..., str]] = {
    "+": add,
    "-": lambda one, other: of_numbers(f"{one} - {other}", one, other),
    "*": lambda one, other: of_numbers(f"{one} * {other}", one, other),
    "/": lambda one, other: of_numbers(f"CAST({one} AS REAL) / {other}", one, other),
    "%": modulo,
    "neg": lambda one: of_numbers(f"- {one}", one),
}

COMPARISONS: dict[str, Callable[[str, str], str]] = {
    "==": lambda one, other: f"({one} IS {other})",
    "!=": lambda one, other: f"({one} IS NOT {other})",
    **{op: in_order(op) for op in ("<", "<=", ">", ">=")},
    "contains": lambda one, other: of_texts(f"instr({one}, {other}) > 0", one, other),
    "starts_with": lambda one, other: of_texts(f"substr({one}, 1, length({other})) = {other}", one, other),
}
