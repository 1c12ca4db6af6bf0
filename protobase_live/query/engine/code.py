"""Expressions made into Python functions. See :mod:`protobase_live.query.ast.expressions` for what they mean.

The source holds nothing that a query brings along: its constants and the names of its fields are arguments
``c0``, ``c1`` ... of the function that makes the function. So no query can inject code, and queries that
differ only in their constants share what was compiled.

What the generated code knows about its constants (their types) it does by itself; the rest is called in
:mod:`.functions`. ``t`` holds a value between its test and its use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from protobase_live.errors import LimitExceeded, ValidationError
from protobase_live.query.ast.expressions import CONDITIONS, MIRRORED, Call, Expr, Field, Param, Value
from protobase_live.query.ast.ordering import LARGE, NUMBER, TEXT, SortKey, sort_key
from protobase_live.query.engine import functions
from protobase_live.query.engine.patterns import MAX_PATTERN_CHARS, matcher

Row = dict[str, Any]
Rank = tuple[SortKey, ...]

_LARGE_SOURCE = 10_000
"""Longest source, in characters, whose compiled form is kept for the next query."""

_LEVELS = 12
"""How many calls stand inside each other before the inner ones become a function of their own: Python
limits how deep its source nests."""

_GLOBALS: dict[str, Any] = {
    "__builtins__": {},
    "str": str,
    "bool": bool,
    "dict": dict,
    "sort_key": functions.key,
    "NUMBERS": functions.NUMBERS,
    "EMPTY": functions.EMPTY,
    **{
        function.__name__: function
        for function in (
            functions.deep,
            functions.equal,
            functions.less,
            functions.at_most,
            functions.within,
            functions.contains,
            functions.starts_with,
            functions.like,
            functions.add,
            functions.joined,
            functions.subtract,
            functions.multiply,
            functions.divide,
            functions.modulo,
            functions.negative,
            functions.downward,
        )
    },
}
"""All names that generated code may use."""

_FUNCTIONS = {
    "+": "add",
    "-": "subtract",
    "*": "multiply",
    "/": "divide",
    "%": "modulo",
    "neg": "negative",
    "in": "within",
    "contains": "contains",
    "starts_with": "starts_with",
    "like": "like",
}

Made = Callable[..., Any]


def compile_value(expr: Expr) -> Callable[[Row], Any]:
    """The function that says what ``expr`` is for a row."""
    writer = _Writer()
    return writer.function(f"return {writer.value(expr)}")


def compile_condition(condition: Expr) -> Callable[[Row], bool]:
    """The function that says whether ``condition`` is true for a row."""
    writer = _Writer(keeps=False)
    return writer.function(f"return {writer.condition(condition)}")


def compile_scan(condition: Expr) -> Callable[[Iterable[Row]], list[Row]]:
    """The function that picks the rows for which ``condition`` is true."""
    writer = _Writer(keeps=False)
    found = writer.condition(condition)
    return writer.function(f"return [row for row in rows if {found}]", "rows")


def compile_keys(exprs: Iterable[Expr]) -> Callable[[Row], tuple[SortKey, ...]]:
    """The function that gives the sort keys of all ``exprs`` for a row."""
    return compile_rank([(each, False) for each in exprs])


def compile_rank(terms: Iterable[tuple[Expr, bool]]) -> Callable[[Row], Rank]:
    """The function that gives the rank of a row: for each term its sort key, reversed if it descends."""
    writer = _Writer()
    keys = [f"{writer.key(each, down)}," for each, down in terms]
    return writer.function(f"return ({' '.join(keys)})")


class _Writer:
    """Writes the source of one function; knows its constants. What it writes can stand as an operand."""

    def __init__(self, *, keeps: bool = True) -> None:
        """``keeps``: what the function gives is kept, so texts that it joins are counted."""
        self.keeps = keeps
        self.constants: list[Any] = []
        self.parts: list[str] = []
        self.level = 0

    def function(self, body: str, parameter: str = "row") -> Made:
        """The function with that body."""
        names = ", ".join(f"c{index}" for index in range(len(self.constants)))
        lines = (*self.parts, f" def made({parameter}):", f"  {body}", " return made")
        source = "\n".join((f"def make({names}):", *lines, ""))
        make = _cached(source) if len(source) <= _LARGE_SOURCE else _compiled(source)
        return make(*self.constants)

    def constant(self, value: Any) -> str:
        self.constants.append(value)
        return f"c{len(self.constants) - 1}"

    def key(self, expr: Expr, down: bool) -> str:
        """The sort key, reversed for ``down``; made without a call for numbers and texts, which most are."""
        test = f"(t := {self.value(expr)}).__class__ in NUMBERS"
        if down:
            return f"({-NUMBER}, -t) if {test} else downward(t)"
        test = f"{test} and {-LARGE} < t < {LARGE}"
        return f"({NUMBER}, t) if {test} else ({TEXT}, t) if t.__class__ is str else sort_key(t)"

    def condition(self, expr: Expr) -> str:
        if isinstance(expr, Value):
            return str(expr.value is True)
        if isinstance(expr, Call) and expr.op in CONDITIONS:
            return self.value(expr)
        return f"({self.value(expr)} is True)"

    def value(self, expr: Expr) -> str:
        if isinstance(expr, Call):
            return self._nested(expr)
        if isinstance(expr, Field):
            return self._field(expr.field_path)
        if isinstance(expr, Value):
            is_named = expr.value is None or expr.value.__class__ is bool
            return str(expr.value) if is_named else self.constant(expr.value)
        name = expr.name if isinstance(expr, Param) else repr(expr)
        raise ValidationError(f"the query needs a value for its parameter {name!r}")

    def _nested(self, expr: Call) -> str:
        self.level += 1
        text = self._call(expr.op, expr.args)
        self.level -= 1
        if self.level % _LEVELS or not self.level:
            return text
        name = f"part{len(self.parts)}"
        self.parts.append(f" def {name}(row): return {text}")
        return f"{name}(row)"

    def _call(self, op: str, args: tuple[Expr, ...]) -> str:
        if op in ("and", "or"):
            return f"({f' {op} '.join([self.condition(each) for each in args])})"
        one, other = args[0], args[-1]
        if op == "not":
            return f"(not {self.condition(one)})"
        if op in ("==", "!="):
            equal = self._equal(one, other)
            return equal if op == "==" else f"(not {equal})"
        if op in MIRRORED:
            return self._order(op, one, other)
        if op in _CONSTANT and isinstance(other, Value):
            return _CONSTANT[op](self, self.value(one), other.value)
        name = "joined" if op == "+" and self.keeps else _FUNCTIONS[op]
        return f"{name}({', '.join([self.value(each) for each in args])})"

    def _field(self, path: tuple[str, ...]) -> str:
        first, *deeper = path
        if len(deeper) > 1:
            return f"deep(row, {self.constant(path)})"
        text = f"row.get({self.constant(first)})"
        for name in deeper:
            text = f"(t if (t := {text}).__class__ is dict else EMPTY).get({self.constant(name)})"
        return text

    def _equal(self, one: Expr, other: Expr) -> str:
        if isinstance(one, Value):
            one, other = other, one
        if not isinstance(other, Value):
            return f"equal({self.value(one)}, {self.value(other)})"
        text, constant = self.value(one), other.value
        if constant is None or constant.__class__ is bool:
            return f"({text} is {constant})"
        if constant.__class__ is str:
            return f"({text} == {self.constant(constant)})"
        if constant.__class__ in functions.NUMBERS:
            if constant not in (0, 1):
                return f"({text} == {self.constant(constant)})"
            return f"((t := {text}) == {self.constant(constant)} and t.__class__ is not bool)"
        return f"(sort_key({text}) == {self.constant(sort_key(constant))})"

    def _order(self, op: str, one: Expr, other: Expr) -> str:
        if isinstance(one, Value):
            op, one, other = MIRRORED[op], other, one
        if isinstance(other, Value) and other.value.__class__ in (int, float, str):
            kind = "is str" if other.value.__class__ is str else "in NUMBERS"
            return f"((t := {self.value(one)}).__class__ {kind} and t {op} {self.constant(other.value)})"
        if op in (">", ">="):
            op, one, other = MIRRORED[op], other, one
        return f"{'less' if op == '<' else 'at_most'}({self.value(one)}, {self.value(other)})"

    def within(self, text: str, items: Any) -> str:
        if items.__class__ not in (list, set):
            return "False"
        if all(item.__class__ is str for item in items):
            return f"((t := {text}).__class__ is str and t in {self.constant(frozenset(items))})"
        return f"(sort_key({text}) in {self.constant(frozenset(map(sort_key, items)))})"

    def starts_with(self, text: str, prefix: Any) -> str:
        if prefix.__class__ is not str:
            return "False"
        return f"((t := {text}).__class__ is str and t.startswith({self.constant(prefix)}))"

    def like(self, text: str, pattern: Any) -> str:
        if pattern.__class__ is not str:
            return "False"
        if len(pattern) > MAX_PATTERN_CHARS:
            raise LimitExceeded(
                f"a pattern of like has {len(pattern)} characters; at most {MAX_PATTERN_CHARS} are allowed"
            )
        return f"((t := {text}).__class__ is str and {self.constant(matcher(pattern))}(t))"


_CONSTANT: Mapping[str, Callable[[_Writer, str, Any], str]] = {
    "in": _Writer.within,
    "starts_with": _Writer.starts_with,
    "like": _Writer.like,
}
"""What is written otherwise when the right side is a constant."""


def _compiled(source: str) -> Made:
    namespace: dict[str, Any] = {}
    exec(compile(source, "<query>", "exec"), _GLOBALS, namespace)
    return namespace["make"]


_cached = lru_cache(maxsize=512)(_compiled)
