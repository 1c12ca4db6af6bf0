"""Expressions over the fields of a row, as data: ``(F.priority >= 3) & ~F.done``.

What they mean is stated once, here:

- A field that is missing is None; so is a field within something that is no dict.
- A condition is true or false, nothing else. As a condition, a value is true only if it is True.
- ``==`` and ``!=`` compare any two values; None equals None, and True does not equal 1.
- ``<  <=  >  >=``, ``between``: false unless both values are of one type (numbers are one type).
- ``contains``: a text holds a text, a list or set an element, a dict a key. ``starts_with`` and ``like`` (in
  which ``%`` stands for any text, ``_`` for one character, ``\\`` before these or itself for what follows;
  case matters) are for texts. ``in`` looks through a list or set. Of anything else they are false.
- ``+  -  *  /  %`` are for numbers, ``+`` also joins texts. Of anything else, and where the result would
  be no value (division by zero, too large), the result is None. An integral result is an int, as everywhere.

The order of values is in :mod:`protobase_live.query.ast.ordering`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from protobase_live.errors import LimitExceeded, ValidationError
from protobase_live.model import values
from protobase_live.model.atoms import unknown

MAX_NODES = 10_000
"""Most parts of one expression."""

MAX_EXPRESSION_DEPTH = 64
"""Most expressions inside each other."""

COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
ARITHMETIC = ("+", "-", "*", "/", "%")
TESTS = ("contains", "starts_with", "like")

ARITY: Mapping[str, int | None] = {
    **dict.fromkeys((*COMPARISONS, *ARITHMETIC, *TESTS, "in"), 2),
    **dict.fromkeys(("and", "or"), None),
    **dict.fromkeys(("not", "neg"), 1),
}
"""All operators, with how many operands they take; None: one or more."""

MIRRORED: Mapping[str, str] = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
"""What an order says with its sides exchanged."""

CONDITIONS = frozenset({*COMPARISONS, *TESTS, "in", "and", "or", "not"})
"""Operators whose result is true or false."""


class Expr:
    """An expression. Python's operators and the methods make larger ones; two are never equal or unequal.

    ``and``, ``or``, ``not`` and chained comparisons cannot be taken over: write ``&``, ``|``, ``~``, each
    comparison in parentheses, and ``between``.
    """

    __slots__ = ()
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> Expr:  # pyright: ignore[reportIncompatibleMethodOverride]
        return Call("==", (self, expr(other)))

    def __ne__(self, other: object) -> Expr:  # pyright: ignore[reportIncompatibleMethodOverride]
        return Call("!=", (self, expr(other)))

    def __lt__(self, other: Any) -> Expr:
        return Call("<", (self, expr(other)))

    def __le__(self, other: Any) -> Expr:
        return Call("<=", (self, expr(other)))

    def __gt__(self, other: Any) -> Expr:
        return Call(">", (self, expr(other)))

    def __ge__(self, other: Any) -> Expr:
        return Call(">=", (self, expr(other)))

    def __and__(self, other: Any) -> Expr:
        return both(self, condition(other))

    def __or__(self, other: Any) -> Expr:
        return Call("or", (*_terms("or", self), *_terms("or", condition(other))))

    def __rand__(self, other: Any) -> Expr:
        return both(condition(other), self)

    def __ror__(self, other: Any) -> Expr:
        return condition(other) | self

    def __invert__(self) -> Expr:
        return Call("not", (self,))

    def __neg__(self) -> Expr:
        return Call("neg", (self,))

    def __add__(self, other: Any) -> Expr:
        return Call("+", (self, expr(other)))

    def __radd__(self, other: Any) -> Expr:
        return Call("+", (expr(other), self))

    def __sub__(self, other: Any) -> Expr:
        return Call("-", (self, expr(other)))

    def __rsub__(self, other: Any) -> Expr:
        return Call("-", (expr(other), self))

    def __mul__(self, other: Any) -> Expr:
        return Call("*", (self, expr(other)))

    def __rmul__(self, other: Any) -> Expr:
        return Call("*", (expr(other), self))

    def __truediv__(self, other: Any) -> Expr:
        return Call("/", (self, expr(other)))

    def __rtruediv__(self, other: Any) -> Expr:
        return Call("/", (expr(other), self))

    def __mod__(self, other: Any) -> Expr:
        return Call("%", (self, expr(other)))

    def __rmod__(self, other: Any) -> Expr:
        return Call("%", (expr(other), self))

    def __bool__(self) -> bool:
        raise ValidationError(
            f"{short(self)} has no truth of its own: use & | ~ with parentheses instead of and, or, not, "
            "and between(low, high) instead of a chained comparison"
        )

    def __contains__(self, item: object) -> bool:
        raise ValidationError(f"write {short(self)}.contains(item), or in_(items), instead of Python's in")

    def in_(self, items: Iterable[Any] | Expr) -> Expr:
        """Whether it equals one of ``items``, or one element of the list or set that an expression gives."""
        if isinstance(items, Expr):
            return Call("in", (self, items))
        given: Any = items
        if not isinstance(given, Iterable) or isinstance(given, (str, bytes, Mapping)):
            raise ValidationError(f"in_ is given {values.short(given)}; expected a list of values")
        return Call("in", (self, Value(_checked(list(items)))))

    def contains(self, item: Any) -> Expr:
        """Whether a text holds a text, a list or set an element, a dict a key."""
        return Call("contains", (self, expr(item)))

    def between(self, low: Any, high: Any) -> Expr:
        """Whether it is neither less than ``low`` nor greater than ``high``."""
        return both(self >= low, self <= high)

    def is_none(self) -> Expr:
        """Whether it is None or missing."""
        return Call("==", (self, Value(None)))

    def starts_with(self, prefix: Any) -> Expr:
        """Whether a text begins with ``prefix``."""
        return Call("starts_with", (self, expr(prefix)))

    def like(self, pattern: Any) -> Expr:
        """Whether a text fits an SQL pattern; see the module for what stands for what."""
        return Call("like", (self, expr(pattern)))


@dataclass(frozen=True, slots=True, eq=False)
class Value(Expr):
    """A constant."""

    value: Any

    def __str__(self) -> str:
        text = repr(self.value)
        return text if len(text) <= 60 else text[:57] + "..."


@dataclass(frozen=True, slots=True, eq=False)
class Field(Expr):
    """What stands at ``field_path`` in a row. Attributes and items go deeper: ``F.address.city``.

    A name that is also a method's is reached as an item: ``F.address["contains"]``.
    """

    field_path: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.field_path:
            raise ValidationError("a field has a name")
        if len(self.field_path) > values.MAX_DEPTH:
            raise LimitExceeded(f"a field's path has at most {values.MAX_DEPTH} names")

    def __getattr__(self, name: str) -> Field:
        if name.startswith("__"):
            raise AttributeError(name)
        return Field((*self.field_path, name))

    def __getitem__(self, name: str) -> Field:
        return Field((*self.field_path, _name(name)))

    def __str__(self) -> str:
        return ".".join(self.field_path)


@dataclass(frozen=True, slots=True, eq=False)
class Param(Expr):
    """A value that is given when the query is run."""

    name: str

    def __str__(self) -> str:
        return f":{self.name}"


@dataclass(frozen=True, slots=True, eq=False)
class Call(Expr):
    """An operator with its operands; see ``ARITY``. What is made keeps to the limits of expressions.

    Raises ValidationError for what is no operator or cannot be an operand, LimitExceeded.
    """

    op: str
    args: tuple[Expr, ...]
    nodes: int = field(init=False)
    """How many parts it has, itself included."""
    depth: int = field(init=False)
    """How many calls stand inside each other."""

    def __post_init__(self) -> None:
        _check_operands(self.op, self.args)
        object.__setattr__(self, "nodes", 1 + sum(map(nodes, self.args)))
        inner = max(each.depth if isinstance(each, Call) else 0 for each in self.args)
        object.__setattr__(self, "depth", 1 + inner)
        if self.nodes > MAX_NODES:
            raise LimitExceeded(f"an expression has at most {MAX_NODES} parts")
        if self.depth > MAX_EXPRESSION_DEPTH:
            raise LimitExceeded(f"at most {MAX_EXPRESSION_DEPTH} expressions stand inside each other")

    def __str__(self) -> str:
        if len(self.args) == 1 and self.op in ("not", "neg"):
            return f"{'not ' if self.op == 'not' else '-'}{self.args[0]}"
        return "(" + f" {self.op} ".join(map(str, self.args)) + ")"


class Fields:
    """``F``: names the fields of a row."""

    def __getattr__(self, name: str) -> Field:
        if name.startswith("__"):
            raise AttributeError(name)
        return Field((name,))

    def __getitem__(self, name: str) -> Field:
        return Field((_name(name),))


F = Fields()
"""``F.title`` and ``F["a field"]`` are expressions; ``F._key`` is the record's key."""


def param(name: str) -> Param:
    """A value that ``db.query(q, {"name": value})`` gives when the query is run."""
    return Param(_name(name))


def expr(value: Any) -> Expr:
    """The value as a constant, unless it is an expression. Raises ValidationError for what is neither."""
    return value if isinstance(value, Expr) else Value(_checked(value))


def condition(value: Any) -> Expr:
    """``value``, if it can be a condition; else ValidationError."""
    found = value.value if isinstance(value, Value) else value
    if isinstance(found, bool):
        return Value(found)
    if isinstance(found, Expr):
        return found
    raise ValidationError(
        f"{values.short(found)} is no condition; put each comparison in parentheses: (F.a == 1) & (F.b > 2)"
    )


def both(*conditions: Expr) -> Expr:
    """The condition that all of ``conditions`` (at least one) hold."""
    terms = tuple(term for each in conditions for term in _terms("and", each))
    return terms[0] if len(terms) == 1 else Call("and", terms)


def conjuncts(condition: Expr) -> tuple[Expr, ...]:
    """The conditions of which ``condition`` says that all hold."""
    return _terms("and", condition)


def parse_path(text: str) -> Field:
    """The field that a text names; dots lead into nested ones. Raises ValidationError."""
    path = tuple(_name(text).split("."))
    if not all(path):
        raise ValidationError(f"{text!r} names no field; write 'owner' or 'address.city'")
    return Field(path)


def field_or_expr(given: str | Expr) -> Expr:
    """An expression, or the field that a text names."""
    return given if isinstance(given, Expr) else parse_path(given)


E = TypeVar("E", bound=Expr)


def walk(root: Expr) -> Iterator[Expr]:
    """The expression and all its parts."""
    waiting = [root]
    while waiting:
        found = waiting.pop()
        yield found
        if isinstance(found, Call):
            waiting.extend(found.args)


def nodes(root: Expr) -> int:
    """How many parts an expression has; each item of a list, set or dict that is a constant counts."""
    if isinstance(root, Value):
        return 1 + (len(root.value) if root.value.__class__ in (list, set, dict) else 0)
    return root.nodes if isinstance(root, Call) else 1


def short(root: Expr) -> str:
    """An expression for a message: its text, cut."""
    text = str(root)
    return text if len(text) <= 120 else text[:117] + "..."


def fields_of(root: Expr) -> list[Field]:
    """The fields that an expression uses."""
    return [part for part in walk(root) if isinstance(part, Field)]


def params_of(root: Expr) -> list[Param]:
    """The parameters that an expression uses."""
    return [part for part in walk(root) if isinstance(part, Param)]


def bind(root: Expr, params: Mapping[str, Any]) -> Expr:
    """The expression with values for its parameters. Raises ValidationError for one that is not given."""
    if isinstance(root, Param):
        if root.name not in params:
            raise ValidationError(f"the query needs a value for its parameter {root.name!r}")
        return Value(_checked(params[root.name]))
    if isinstance(root, Call):
        return Call(root.op, tuple(bind(arg, params) for arg in root.args))
    return root


def _terms(op: str, root: Expr) -> tuple[Expr, ...]:
    return root.args if isinstance(root, Call) and root.op == op else (root,)


def _name(name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise ValidationError(f"a field or parameter is named by a non-empty str, not {values.short(name)}")
    return values.check(name, "the name of a field or parameter")


def _checked(value: Any) -> Any:
    where = "a constant of a query"
    if isinstance(value, (set, frozenset)):
        return {values.check_atom(each, where) for each in cast("set[Any]", value)}
    return values.check(value, where)


def _check_operands(op: str, args: tuple[Expr, ...]) -> None:
    if op not in ARITY:
        raise ValidationError(unknown("there is no operator", op, ARITY))
    arity = ARITY[op]
    if (not args) if arity is None else len(args) != arity:
        raise ValidationError(f"{op} takes {arity or 'one or more'} operands, not {len(args)}")
    if op == "in" and isinstance(items := args[1], Value) and not isinstance(items.value, (list, set)):
        raise ValidationError(f"in looks through a list, not {values.short(items.value)}")
